"""The machine was restarted: its runs are LOST, said as such, and go on where they were."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import msgspec

from support.commands import valtui, wait_until
from support.faults import begin, small
from support.real_runs import open_terminal, points, state_of
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.locks import holder
from valtui_trainer.session.records import Start


def test_after_a_restart_of_the_machine_a_run_is_lost_and_one_key_resumes_it(
    place: Path, home: Path, digits: Path
) -> None:
    """No boot can be had here: every process dies at once, and the log names another boot id."""
    session = begin(home, {"tiny": small(digits, epochs=300)})
    run = session.run("tiny")
    wait_until(lambda: len(points(run)) > 3, what="points")
    for lock in (session.supervisor_lock, run.lock):
        pid = holder(lock)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: holder(run.lock) is None, what="the trainer's death")
    start = read_document(run.attempt(0).start, Start)
    assert start is not None
    write_document(run.attempt(0).start, msgspec.structs.replace(start, boot_id="another boot"))
    before = points(run)

    (shown,) = json.loads(valtui("sessions", "--json", cwd=place).stdout)["sessions"]
    assert shown["runs"][0]["state"] == "LOST"
    assert "the machine was restarted while it trained" in shown["runs"][0]["reason"]
    app = open_terminal(place, "open", columns=200)
    app.read_until(lambda: "the machine was restarted" in app.text)
    assert "? lost" in app.text
    app.press("r")
    wait_until(lambda: run.attempt_numbers() == [0, 1], what="the next attempt")
    wait_until(lambda: state_of(session, "tiny") == "DONE", what="the end", seconds=120)
    app.close()

    steps = [step for step, _ in points(run)]
    assert points(run)[: len(before)] == before
    assert steps == sorted(set(steps))
