"""Real trainers that are signalled, frozen, or hang: what the log and the listing then say."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

from support import own_models
from support.commands import valtui, wait_until
from support.faults import begin, small
from support.real_runs import points, state_of, status_of
from valtui_trainer.presets.types import Model
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.locks import holder
from valtui_trainer.session.machine import start_ticks
from valtui_trainer.session.records import Exit, Final
from valtui_trainer.training import checkpoint


def listed(place: Path) -> dict[str, object]:
    """Return what `valtui sessions --json` says of the only run."""
    (session,) = json.loads(valtui("sessions", "--json", cwd=place).stdout)["sessions"]
    (run,) = session["runs"]
    return dict(run)


def test_SIGTERM_ends_a_run_as_stopped_with_a_checkpoint_and_exit_0(
    place: Path, home: Path, digits: Path
) -> None:
    session = begin(home, {"tiny": small(digits, epochs=2000)})
    run = session.run("tiny")
    wait_until(lambda: points(run), what="points")
    pid = holder(run.lock)
    assert pid is not None

    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: holder(session.supervisor_lock) is None, what="the supervisor to go")

    assert status_of(session, "tiny").state == "STOPPED"
    assert status_of(session, "tiny").reason == "stopped by SIGTERM"
    ended = read_document(run.attempt(0).exit, Exit)
    final = read_document(run.attempt(0).final, Final)
    found = checkpoint.newest(run.checkpoints)
    assert ended is not None
    assert ended.code == 0
    assert final is not None
    assert found is not None
    assert found[1]["step"] == final.step > 0


def test_a_frozen_process_is_unresponsive_and_recovers_when_it_goes_on(
    place: Path, home: Path, digits: Path
) -> None:
    session = begin(home, {"tiny": small(digits, epochs=2000)})
    run = session.run("tiny")
    wait_until(lambda: points(run), what="points")
    pid = holder(run.lock)
    assert pid is not None
    wait_until(lambda: state_of(session, "tiny") == "RUNNING", what="RUNNING")
    assert status_of(session, "tiny").health == "ok"

    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: status_of(session, "tiny").health == "UNRESPONSIVE", what="UNRESPONSIVE")
    assert (listed(place)["state"], listed(place)["health"]) == ("RUNNING", "UNRESPONSIVE")
    assert "tiny running, UNRESPONSIVE" in valtui("sessions", cwd=place).stdout
    held = points(run)
    os.kill(pid, signal.SIGCONT)

    wait_until(lambda: status_of(session, "tiny").health == "ok", what="recovery")
    wait_until(lambda: len(points(run)) > len(held), what="points after it")
    assert points(run)[: len(held)] == held


def test_a_hung_loop_is_named_leaves_its_stack_and_is_killed_by_a_second_SIGTERM_only(
    place: Path, home: Path, digits: Path
) -> None:
    shutil.copy(own_models.__file__, place / "own_models.py")
    hanging = small(digits, model=Model(name="own_models:Hanging"), deadline=1.0)
    session = begin(home, {"hanging": hanging}, code_path=str(place))
    run = session.run("hanging")
    wait_until(lambda: status_of(session, "hanging").health == "HUNG", what="HUNG")

    assert (listed(place)["state"], listed(place)["health"]) == ("RUNNING", "HUNG")
    log = run.attempt(0).log
    wait_until(lambda: "misbehave" in log.read_text(), what="the stack in trainer.log")
    assert "HUNG in the phase 'training'" in log.read_text()
    pid = holder(run.lock)
    assert pid is not None
    ticks = start_ticks(pid)

    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: "SIGTERM" in log.read_text(), what="the first SIGTERM to be heard")
    assert start_ticks(pid) == ticks, "it is given time"
    os.kill(pid, signal.SIGTERM)

    wait_until(lambda: state_of(session, "hanging") == "KILLED", what="the end")
