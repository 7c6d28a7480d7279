"""What is true of a probe now, by its files and its lock; what it logged stays readable."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from support.sessions import new_session, val_record
from valtui_trainer.session import locks
from valtui_trainer.session.append import Records
from valtui_trainer.session.documents import write_document
from valtui_trainer.session.heartbeat import HeartbeatFile
from valtui_trainer.session.layout import ProbePaths, SessionPaths, make_folder, utc_now
from valtui_trainer.session.probes import (
    BASE,
    arm_losses,
    looks_so_far,
    new_id,
    notes_of,
    probe_status,
    probes_of,
)
from valtui_trainer.session.records import (
    ArmLook,
    Event,
    Fork,
    Heartbeat,
    ProbeResult,
    ProbeSpec,
)

FORK = Fork(run="tiny", file="step.pt", sha256="", step=20, epoch=1.0, epochs=2.0)
LOOK = ArmLook(arm="learning-rate-half", left=0.5, low=0.3, high=0.8, replicas=2, evaluations=4)


@pytest.fixture
def session(home: Path) -> SessionPaths:
    return new_session(home)[0]


def make_probe(session: SessionPaths, run: str = "tiny") -> ProbePaths:
    probe = session.probe(new_id(run))
    make_folder(probe.arms)
    spec = ProbeSpec(
        id=probe.id, created=utc_now(), run=run, fork=FORK, arms=["learning-rate-half"], replicas=4,
        evaluations=4, minutes=10,
    )  # fmt: skip
    write_document(probe.spec, spec)
    return probe


def begin(probe: ProbePaths, step: int = 30) -> None:
    """Leave what a process leaves that took its lock and began to train."""
    locks_of = locks.acquire(probe.lock)
    assert locks_of is not None
    locks_of.release()
    beat = HeartbeatFile(probe.heartbeat)
    beat.write(Heartbeat(beat=1, step=step, total=120, phase="base, replicas 1-2", left=9.0))
    beat.close()


def end(probe: ProbePaths, status: str = "done", reason: str = "") -> None:
    write_document(
        probe.result,
        ProbeResult(status=status, ended=utc_now(), seconds=1.0, reason=reason),  # type: ignore[arg-type]
    )


def held(pid: int | None, act: Callable[[], None] = lambda: None) -> Callable[[Path], int | None]:
    """Stand in for the look at a lock, which `act` follows at once."""

    def look(_: Path) -> int | None:
        act()
        return pid

    return look


def test_a_probe_that_was_just_asked_for_is_starting(session: SessionPaths) -> None:
    status = probe_status(make_probe(session))

    assert (status.state, status.live) == ("STARTING", True)


def test_a_probe_that_nobody_took_up_is_lost_after_a_minute(session: SessionPaths) -> None:
    probe = make_probe(session)
    long_ago = probe.spec.stat().st_mtime - 61
    os.utime(probe.spec, (long_ago, long_ago))

    assert probe_status(probe).state == "LOST"


def test_a_probe_whose_lock_is_held_runs_with_its_progress(
    session: SessionPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = make_probe(session)
    begin(probe)
    monkeypatch.setattr(locks, "holder", held(4711))

    status = probe_status(probe)

    assert (status.state, status.phase) == ("RUNNING", "base, replicas 1-2")
    assert (status.progress, status.left) == (0.25, 9.0)


def test_a_killed_probe_is_lost_in_words_and_what_it_logged_is_readable(
    session: SessionPaths,
) -> None:
    probe = make_probe(session)
    begin(probe)
    make_folder(probe.arm(BASE).parent)
    log = Records(probe.arm(BASE))
    for step in (25, 30):
        for seed in (0, 1):
            log.append(val_record(step, seed, val_loss=step + seed))
    log.append(val_record(35, 0, val_loss=math.nan))
    log.write(b'{"n":5,"step":35,"se')
    log.close()
    events = Records(probe.events)
    events.append(Event(n=0, time=1.0, kind="look", data={"looks": [LOOK]}))
    events.append(Event(n=0, time=1.0, kind="note", message="stacked"))
    events.close()

    status = probe_status(probe)

    assert (status.state, status.live, status.step) == ("LOST", False, 30)
    assert "what it had measured is kept" in status.reason
    assert looks_so_far(probe) == [[LOOK]]
    assert notes_of(probe) == ["stacked"]
    expected = np.array([[25.0, 30.0, np.nan], [26.0, 31.0, np.nan]])
    np.testing.assert_array_equal(arm_losses(probe, BASE), expected)
    np.testing.assert_array_equal(arm_losses(probe, BASE, 3), expected[:1])
    assert arm_losses(probe, "learning-rate-half").shape == (0, 0)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("done", "DONE"), ("cancelled", "CANCELLED"), ("out-of-time", "OUT OF TIME"),
        ("failed", "FAILED"),
    ],
)  # fmt: skip
def test_how_it_ended_is_what_its_result_says_with_the_reason_made_safe(
    session: SessionPaths, said: str, state: str
) -> None:
    probe = make_probe(session)
    begin(probe)
    end(probe, said, "no \x1b[2Jroom")

    status = probe_status(probe)

    assert (status.state, status.live) == (state, False)
    assert "\x1b" not in status.reason


def test_a_probe_that_ends_while_it_is_looked_at_is_not_taken_for_lost(
    session: SessionPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = make_probe(session)
    begin(probe)
    monkeypatch.setattr(locks, "holder", held(None, lambda: end(probe)))

    assert probe_status(probe).state == "DONE"


def test_a_probe_that_begins_while_it_is_looked_at_is_not_taken_for_lost(
    session: SessionPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = make_probe(session)
    monkeypatch.setattr(locks, "holder", held(None, lambda: begin(probe)))
    assert probe_status(probe).state == "STARTING"

    fresh = make_probe(session)
    fresh.lock.touch()  # opened, and not locked yet
    monkeypatch.setattr(locks, "holder", held(None))
    assert probe_status(fresh).state == "STARTING"


def test_a_damaged_result_is_a_failure_in_words(session: SessionPaths) -> None:
    probe = make_probe(session)
    probe.result.write_text('{"status": "do')

    status = probe_status(probe)

    assert status.state == "FAILED"
    assert "result.json" in status.reason


def test_probes_are_told_by_run_oldest_first_and_a_damaged_one_stops_no_other(
    session: SessionPaths,
) -> None:
    first, other, second = (make_probe(session, run) for run in ("tiny", "wide", "tiny"))
    damaged = make_probe(session)
    damaged.spec.write_text("{")

    assert [probe.id for probe, _ in probes_of(session, "tiny")] == [first.id, second.id]
    assert [spec.id for _, spec in probes_of(session)] == [first.id, other.id, second.id]
    assert sorted((first.id, other.id, second.id)) == [first.id, other.id, second.id]


def test_a_damaged_log_of_events_gives_the_looks_that_can_be_read(session: SessionPaths) -> None:
    probe = make_probe(session)
    events = Records(probe.events)
    events.append(Event(n=0, time=1.0, kind="look", data={"looks": "none"}))
    events.write(b"{torn\n")
    events.append(Event(n=0, time=1.0, kind="look", data={"looks": [LOOK]}))
    events.close()

    assert looks_so_far(probe) == [[LOOK]]
