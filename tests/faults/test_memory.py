"""A run that finds no memory fails in words, with what to try, and its neighbours go on."""

from __future__ import annotations

import shutil
from pathlib import Path

from support import own_models
from support.commands import wait_until
from support.faults import begin, small
from support.real_runs import status_of
from valtui_trainer.presets.types import Model
from valtui_trainer.session.locks import holder


def test_a_device_without_memory_fails_that_run_alone_and_proposes_a_smaller_batch(
    place: Path, home: Path, digits: Path
) -> None:
    shutil.copy(own_models.__file__, place / "own_models.py")
    presets = {
        "hungry": small(digits, model=Model(name="own_models:Hungry")),
        "modest": small(digits, epochs=1),
    }
    session = begin(home, presets, code_path=str(place))

    wait_until(lambda: holder(session.supervisor_lock) is not None, what="the supervisor")
    wait_until(lambda: holder(session.supervisor_lock) is None, what="its end", seconds=120)

    hungry, modest = status_of(session, "hungry"), status_of(session, "modest")
    assert (hungry.state, modest.state) == ("FAILED", "DONE")
    assert hungry.reason.startswith("out of memory. Try --set batch_size=8")
    assert "Tried to allocate 20.00 GiB" in hungry.reason
