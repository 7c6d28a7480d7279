"""What a run's files and lock say: trainer before supervisor before lock, and health by counters."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from support.sessions import RunWriter, begin_attempt, make_session, new_session
from valtui_trainer.session import state
from valtui_trainer.session.create import add_attempt
from valtui_trainer.session.heartbeat import read_heartbeat
from valtui_trainer.session.machine import boot_id, host
from valtui_trainer.session.records import Heartbeat
from valtui_trainer.session.state import Observer, run_status


@pytest.fixture
def run(home: Path) -> RunWriter:
    """A run whose attempt has begun."""
    session, (spec, *_) = new_session(home)
    return begin_attempt(session.run(spec.id), spec)


def hold(monkeypatch: pytest.MonkeyPatch, pid: int | None = 4711) -> None:
    """Let the run's lock be held by `pid`."""
    monkeypatch.setattr(state.locks, "holder", lambda _: pid)


def test_a_run_without_attempts_is_queued(home: Path) -> None:
    session, (spec, *_) = new_session(home)

    assert run_status(session.run(spec.id), supervised=True).state == "QUEUED"
    assert "resume" in run_status(session.run(spec.id), supervised=False).phase


@pytest.mark.parametrize(
    ("status", "expected"), [("done", "DONE"), ("stopped", "STOPPED"), ("failed", "FAILED")]
)
def test_the_trainers_word_comes_first(run: RunWriter, status: str, expected: str) -> None:
    run.finish(status, 77, reason="so it was")
    run.end("killed", "otherwise")

    found = run_status(run.run, supervised=True)

    assert (found.state, found.step, found.reason) == (expected, 77, "so it was")


@pytest.mark.parametrize(
    ("status", "expected"),
    [("exited", "FAILED"), ("killed", "KILLED"), ("unknown", "LOST"), ("stopped", "STOPPED")],
)
def test_then_the_supervisors(run: RunWriter, status: str, expected: str) -> None:
    run.end(status, "seen from outside")

    found = run_status(run.run, supervised=False)

    assert (found.state, found.reason) == (expected, "seen from outside")


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("starting", "STARTING"),
        ("data", "STARTING"),
        ("first step", "STARTING"),
        ("training", "RUNNING"),
        ("evaluating", "RUNNING"),
        ("paused", "PAUSED"),
        ("stopping", "STOPPING"),
        ("blocked", "BLOCKED"),
    ],
)
def test_then_the_lock_with_the_phase_of_the_heartbeat(
    run: RunWriter, monkeypatch: pytest.MonkeyPatch, phase: str, expected: str
) -> None:
    hold(monkeypatch)
    run.beat(10, phase=phase)

    found = run_status(run.run, supervised=False)

    assert (found.state, found.pid, found.progress) == (expected, 4711, 10 / 400)


def test_nobody_alive_and_nobody_saw_the_end_is_lost(run: RunWriter) -> None:
    found = run_status(run.run, supervised=False)

    assert found.state == "LOST"
    assert "resumed" in found.reason


def test_a_process_that_a_supervisor_just_started_is_starting(home: Path) -> None:
    session, (spec, *_) = new_session(home)
    add_attempt(session.run(spec.id))

    assert run_status(session.run(spec.id), supervised=True).state == "STARTING"


def test_only_the_newest_attempt_counts(run: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    run.finish("failed")
    begin_attempt(run.run, run.spec, from_step=10).beat(20)
    hold(monkeypatch)

    assert run_status(run.run, supervised=True).state == "RUNNING"


def test_a_damaged_end_is_a_failure_with_its_reason(run: RunWriter) -> None:
    run.attempt.final.write_bytes(b'{"status": "do')

    found = run_status(run.run, supervised=False)

    assert found.state == "FAILED"
    assert "damaged" in found.reason


def test_a_reason_is_harmless_for_a_terminal(run: RunWriter) -> None:
    run.finish("failed", reason="\x1b[2Jgone\x9b31m")

    reason = run_status(run.run, supervised=False).reason

    assert "\x1b" not in reason
    assert "\x9b" not in reason


def beat(run: RunWriter, counts: int, loop: int, deadline: float | None = 60.0) -> None:
    run.heartbeat.write(Heartbeat(beat=counts, loop=loop, phase="training", deadline=deadline))


def test_a_loop_past_its_deadline_is_hung_though_the_heart_beats(
    run: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch)
    observer = Observer()
    seen = []

    for second in range(0, 80, 5):
        beat(run, second, 7)
        seen.append(observer.observe(run.run, True, now=1000.0 + second).health)

    assert seen[:13] == ["ok"] * 13
    assert seen[13:] == ["HUNG"] * 3


def test_a_long_deadline_is_waited_for(run: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch)
    observer = Observer()

    for second in range(0, 1200, 5):
        beat(run, second, 7, deadline=1800.0)
        assert observer.observe(run.run, True, now=float(second)).health == "ok"


def test_no_deadline_is_never_passed(run: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch)
    observer = Observer()

    for second in range(0, 10_000, 9):
        beat(run, second, 7, deadline=None)
        assert observer.observe(run.run, True, now=float(second)).health == "ok"


def test_a_silent_heart_is_unresponsive_until_it_beats_again(
    run: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch)
    observer = Observer()
    beat(run, 1, 1)
    observer.observe(run.run, True, now=0.0)

    silent = observer.observe(run.run, True, now=11.0).health
    beat(run, 2, 2)
    again = observer.observe(run.run, True, now=12.0).health

    assert (silent, again) == ("UNRESPONSIVE", "ok")


@pytest.mark.parametrize(
    ("silent", "still", "deadline", "health"),
    [
        (0.0, 0.0, 60.0, "ok"),
        (9.0, 59.0, 60.0, "ok"),
        (0.0, 61.0, 60.0, "HUNG"),
        (11.0, 0.0, 60.0, "UNRESPONSIVE"),
        (0.0, 1200.0, 1800.0, "ok"),
        (0.0, 86_400.0, None, "ok"),
    ],
    ids=[
        "in time",
        "just in time",
        "hung",
        "silent",
        "20 minutes of compiling",
        "paused for a day",
    ],
)
def test_one_heartbeat_of_this_boot_shows_its_health(
    run: RunWriter, monkeypatch: pytest.MonkeyPatch,
    silent: float, still: float, deadline: float | None, health: str,
) -> None:  # fmt: skip
    hold(monkeypatch)
    at = time.monotonic() - silent
    run.heartbeat.write(
        Heartbeat(beat=9, loop=9, phase="training", deadline=deadline, at=at, loop_at=at - still,
                  boot=boot_id()[:8])
    )  # fmt: skip

    assert run_status(run.run, supervised=True).health == health


def test_a_heartbeat_of_another_machine_is_judged_by_its_counters_alone(
    run: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch)
    run.heartbeat.write(Heartbeat(beat=1, loop=1, at=5.0, loop_at=1.0, boot="another"))
    observer = Observer()

    seen = [observer.observe(run.run, True, now=second).health for second in (0.0, 9.0, 11.0)]

    assert seen == ["ok", "ok", "UNRESPONSIVE"]


def test_a_run_of_another_boot_is_lost_at_once_though_a_new_supervisor_is_there(
    home: Path,
) -> None:
    session, (spec, *_) = new_session(home)
    writer = begin_attempt(session.run(spec.id), spec, host=host(), boot_id="another boot")

    found = run_status(writer.run, supervised=True)

    assert (found.state, found.reason) == ("LOST", state.RESTARTED)


def test_a_boot_of_another_host_says_nothing_here(home: Path) -> None:
    session, (spec, *_) = new_session(home)
    writer = begin_attempt(session.run(spec.id), spec, host="elsewhere", boot_id="another boot")

    assert run_status(writer.run, supervised=True).state == "RUNNING"


def test_a_heartbeat_is_256_bytes_and_a_torn_one_is_none(run: RunWriter) -> None:
    beat(run, 3, 4)
    assert run.attempt.heartbeat.stat().st_size == 256
    assert read_heartbeat(run.attempt.heartbeat) is not None

    run.attempt.heartbeat.write_bytes(b'{"beat": 3, "lo')

    assert read_heartbeat(run.attempt.heartbeat) is None
    assert run_status(run.run, supervised=True).state == "RUNNING"


@pytest.mark.parametrize(
    "phase", ["first step, compiling", "blocked: the file-size limit is reached", "x" * 300]
)
def test_a_long_phase_still_gives_a_readable_heartbeat(run: RunWriter, phase: str) -> None:
    run.heartbeat.write(
        Heartbeat(beat=10**12, loop=10**12, at=10**8 + 0.1, loop_at=10**8 + 0.1, boot="0123abcd",
                  phase=phase, step=10**9, total=10**9,
                  rate=123456.7, left=1.2345678901234567e5, memory=10**12)
    )  # fmt: skip

    found = read_heartbeat(run.attempt.heartbeat)

    assert found is not None
    assert found.phase == phase[:48]
    assert run.attempt.heartbeat.stat().st_size == 256


def test_a_session_says_its_most_telling_state(home: Path) -> None:
    from valtui_trainer.session.listing import summarise

    session, (first, _) = make_session(home)
    first.finish("failed", reason="why")

    summary = summarise(session)

    assert summary is not None
    assert (summary.state, summary.live) == ("FAILED", False)
