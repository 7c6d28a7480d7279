"""The wall clock jumps a day forward and back while a run trains: no negative time, no false death."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from support import shifted_clock
from support.commands import valtui, wait_until
from support.faults import begin, small
from support.real_runs import points, state_of, status_of
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.history import read_history
from valtui_trainer.session.records import Final, Start

DAY = 86_400


def test_a_clock_that_jumps_a_day_neither_ends_a_run_nor_makes_time_run_backwards(
    place: Path, home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shift = place / "shift"
    shift.write_text(str(DAY))
    (folder,) = {os.path.realpath(path) for path in shifted_clock.__path__}
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("SHIFTED_CLOCK", str(shift))
    session = begin(home, {"tiny": small(digits, epochs=2000)})
    run = session.run("tiny")
    wait_until(lambda: points(run), what="points")
    start = read_document(run.attempt(0).start, Start)
    assert start is not None
    tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + DAY))
    assert start.started.startswith(tomorrow), "the trainer's clock is a day ahead"

    for seconds in (-DAY, DAY, 0):
        shift.write_text(str(seconds))
        seen = len(points(run))
        wait_until(lambda seen=seen: len(points(run)) > seen, what="points")  # type: ignore[misc]
        wait_until(lambda: state_of(session, "tiny") == "RUNNING", what="RUNNING")
        assert status_of(session, "tiny").health == "ok"
        listed = valtui("sessions", cwd=place).stdout
        assert "running" in listed
    shift.write_text(str(-DAY))
    valtui("pause", cwd=place)
    wait_until(lambda: state_of(session, "tiny") == "PAUSED", what="the pause")
    shift.write_text(str(DAY))
    valtui("stop", cwd=place)
    wait_until(lambda: state_of(session, "tiny") == "STOPPED", what="the stop")

    history = read_history(run)
    final = read_document(run.attempt(0).final, Final)
    times = [record.time for record in history.train]
    assert final is not None
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= final.time < DAY
    assert all((record.images_per_second or 0) > 0 for record in history.train)
    assert all((record.seconds or 0) >= 0 for _, record in history.val)
