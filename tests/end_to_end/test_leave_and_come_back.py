"""Start, watch, quit, come back, stop: the real command line, processes, log, and a real terminal."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from support.commands import valtui, wait_until
from support.real_runs import open_terminal, points, state_of, train_points
from valtui_trainer.session.listing import find_session
from valtui_trainer.session.locks import holder


def test_runs_go_on_without_the_screen_and_are_there_again_with_the_same_points(
    place: Path, home: Path
) -> None:
    first = open_terminal(place, "run", "tiny-study", "--epochs", "2000")
    first.read_until(lambda: "n=1" in first.text, seconds=90)
    session = find_session(home, None)
    runs = [session.run(name) for name in ("tiny", "tiny-64")]
    wait_until(lambda: all(len(points(run)) >= 3 for run in runs), what="points of both runs")

    first.press("2")
    first.read_until(lambda: "▸2" in first.text)
    first.press("q")
    first.read_until(lambda: first.process.poll() is not None)
    seen = [points(run) for run in runs]

    assert first.process.returncode == 0
    assert all(holder(run.lock) is not None for run in runs), "the trainers are alive"
    first.close()

    wait_until(lambda: len(points(runs[0])) > len(seen[0]) + 2, what="points without a screen")
    second = open_terminal(place, "open")
    second.read_until(lambda: "▸1" in second.text and "val " in second.text)
    for run, before in zip(runs, seen, strict=True):
        now = points(run)
        steps = [step for step, _ in now]
        assert now[: len(before)] == before, "the same points"
        assert steps == sorted(set(steps)), "no point twice"
    second.press("s")
    second.read_until(lambda: "Stop tiny?" in second.text)
    second.press("y")
    wait_until(lambda: state_of(session, "tiny") == "STOPPED", what="tiny to stop")
    second.read_until(lambda: "stopped" in second.text)
    assert state_of(session, "tiny-64") == "RUNNING"
    second.press("Q")
    second.read_until(lambda: "Stop 1 run and quit?" in second.text)
    second.press("y")
    second.read_until(lambda: second.process.poll() is not None)
    wait_until(lambda: state_of(session, "tiny-64") == "STOPPED", what="tiny-64 to stop")
    wait_until(lambda: holder(session.supervisor_lock) is None, what="the supervisor to go")
    second.close()


def test_a_stopped_run_resumes_where_it_was_and_repeats_the_uninterrupted_one(
    place: Path, home: Path
) -> None:
    valtui("run", "tiny", "--epochs", "60", "--detach", cwd=place)
    session = find_session(home, None)
    run = session.run("tiny")
    wait_until(lambda: len(points(run)) >= 3, what="points")
    valtui("stop", cwd=place)
    wait_until(lambda: state_of(session, "tiny") == "STOPPED", what="the stop")
    stopped_at = len(points(run))

    valtui("resume", cwd=place)
    wait_until(lambda: state_of(session, "tiny") == "DONE", what="the end", seconds=120)
    valtui("run", "tiny", "--epochs", "60", "--plain", cwd=place)

    whole = find_session(home, None).run("tiny")
    assert 3 <= stopped_at < len(points(run)), "it was stopped on the way"
    assert points(run) == points(whole), "bit-identical"
    assert train_points(run) == train_points(whole)


def test_a_killed_supervisor_is_replaced_and_the_queue_goes_on(place: Path, home: Path) -> None:
    valtui("run", "tiny-study", "--epochs", "8", "--parallel", "1", "--detach", cwd=place)
    session = find_session(home, None)
    wait_until(lambda: points(session.run("tiny")), what="the first run's points")
    supervisor = holder(session.supervisor_lock)
    assert supervisor is not None
    assert state_of(session, "tiny-64") == "QUEUED"

    os.kill(supervisor, signal.SIGKILL)

    wait_until(lambda: state_of(session, "tiny-64") == "DONE", what="the queued run", seconds=120)
    assert state_of(session, "tiny") == "DONE"


def test_a_killed_trainer_is_killed_by_name_and_can_be_resumed(place: Path, home: Path) -> None:
    valtui("run", "tiny", "--epochs", "60", "--detach", cwd=place)
    session = find_session(home, None)
    run = session.run("tiny")
    wait_until(lambda: len(points(run)) >= 2, what="points")
    trainer = holder(run.lock)
    assert trainer is not None

    os.kill(trainer, signal.SIGKILL)
    wait_until(lambda: state_of(session, "tiny") == "KILLED", what="KILLED")
    valtui("resume", cwd=place)

    wait_until(lambda: state_of(session, "tiny") == "DONE", what="the end", seconds=120)
    steps = [step for step, _ in points(run)]
    assert steps == sorted(set(steps))
    assert steps[-1] == 60 * 20


def test_pause_holds_a_run_and_resume_lets_it_go_on(place: Path, home: Path) -> None:
    valtui("run", "tiny", "--epochs", "2000", "--detach", cwd=place)
    session = find_session(home, None)
    run = session.run("tiny")
    wait_until(lambda: points(run), what="points")

    valtui("pause", cwd=place)
    wait_until(lambda: state_of(session, "tiny") == "PAUSED", what="the pause")
    held = len(points(run))
    valtui("resume", cwd=place)
    wait_until(lambda: len(points(run)) > held, what="points after the pause")
    valtui("stop", cwd=place)

    wait_until(lambda: state_of(session, "tiny") == "STOPPED", what="the stop")
