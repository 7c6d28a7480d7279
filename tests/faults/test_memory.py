"""A run that finds no memory fails in words, with what to try, and its neighbours go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support import own_models
from support.commands import wait_until
from support.faults import begin, limit_memory, memory_group, small
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


def test_a_run_that_the_kernel_kills_for_lack_of_memory_is_said_to_be(
    place: Path, home: Path, digits: Path
) -> None:
    group = memory_group()
    if group is None:
        pytest.skip("no cgroup can be had here; a count of OOM kills stands in for the kernel's")
    shutil.copy(own_models.__file__, place / "own_models.py")
    greedy = small(digits, model=Model(name="own_models:Greedy"))
    session = begin(home, {"greedy": greedy}, code_path=str(place))
    run = session.run("greedy")
    wait_until(lambda: run.attempt(0).start.exists(), what="the training")
    pid = holder(run.lock)
    assert pid is not None

    limit_memory(group, pid, 1 << 28)
    wait_until(lambda: holder(session.supervisor_lock) is None, what="the end", seconds=120)
    group.rmdir()

    assert status_of(session, "greedy").state == "KILLED"
    assert status_of(session, "greedy").reason.startswith("out of memory: the kernel killed it")
