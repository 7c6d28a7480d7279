"""The plain runner: a line an evaluation, every state with its reason, the comparison, the exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from support.sessions import RunWriter, begin_attempt, make_session, new_session
from valtui.cli import plain
from valtui_trainer.presets.types import Preset
from valtui_trainer.session import state
from valtui_trainer.session.layout import SessionPaths

ONE = {"batch-32": Preset()}


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every lock be held, as if supervisor and trainers were alive; look often."""
    monkeypatch.setattr(state.locks, "holder", lambda _: 4711)
    monkeypatch.setattr(plain, "STATUS_SECONDS", 0.05)
    monkeypatch.setattr(plain, "LOOK_SECONDS", 0.02)


def follow_while(session: SessionPaths, work: Callable[[], None]) -> int:
    """Follow `session` while `work` is done beside it."""
    worker = threading.Thread(target=work)
    worker.start()
    code = plain.follow(session)
    worker.join()
    return code


def lines_with(text: str, *words: str) -> list[str]:
    return [line for line in text.splitlines() if all(word in line for word in words)]


def test_it_begins_with_session_device_and_where_the_log_is(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, steps=20)

    plain.follow(session)

    out = capsys.readouterr().out
    assert out.startswith(f"session {session.id}\n")
    assert "device  cpu, 2 at once" in out
    assert str(session.folder) in out


def test_every_evaluation_is_one_line_with_the_mean_over_seeds(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, (writer,) = make_session(home, ONE, seeds=(0, 1), steps=0, status=None)
    writer.evaluate(10, 0, 1.0, val_accuracy=0.5)
    writer.evaluate(10, 1, 2.0, val_accuracy=0.7)
    writer.finish(step=10)

    assert plain.follow(session) == 0

    (line,) = lines_with(capsys.readouterr().out, "epoch 0.25")
    assert "step 10/400" in line
    assert "val 1.50" in line
    assert "accuracy 0.600" in line
    assert "2 seeds" in line


def test_training_loss_is_the_mean_since_the_evaluation_before(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from support.sessions import train_record

    session, (writer,) = make_session(home, ONE, steps=0, status=None)
    for step, loss in ((5, 3.0), (10, 1.0), (15, 7.0), (20, 8.0)):
        writer.train.append(train_record(step, train_loss=loss))
    for step in (10, 20, 30):
        writer.evaluate(step, 0, 1.0)
    writer.finish(step=30)

    plain.follow(session)

    out = capsys.readouterr().out
    assert "train 2.00" in lines_with(out, "step 10/")[0]
    assert "train 7.50" in lines_with(out, "step 20/")[0]
    assert "train –" in lines_with(out, "step 30/")[0]


def test_volatility_comes_from_the_fifth_evaluation_on(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, ONE, steps=200)

    plain.follow(session)

    found = lines_with(capsys.readouterr().out, "epoch", "step")
    assert ["volatility" in line for line in found] == [False] * 4 + [True] * 16


def test_a_profile_is_told_with_where_it_lies(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, (writer,) = make_session(home, ONE, steps=10, status=None)
    writer.event("profile", "recorded the steps 21 to 70")
    writer.finish(step=10)

    plain.follow(session)

    out = capsys.readouterr().out
    assert "batch-32  profile: recorded the steps 21 to 70" in out
    assert f"profile: {writer.run.attempt(0).folder / 'profile.txt'}" in out
    assert f"profile: {writer.run.attempt(0).folder / 'profile.json.gz'}" in out


def test_a_loss_that_is_not_a_number_is_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, (writer,) = make_session(home, ONE, steps=0, status=None)
    writer.evaluate(10, 0, float("nan"))
    writer.evaluate(20, 0, float("inf"))
    writer.event("warning", "val_loss is nan at step 10 (seed 0)")
    writer.finish(step=20)

    assert plain.follow(session) == 0

    out = capsys.readouterr().out
    assert "val NaN" in out
    assert "val ∞" in out
    assert "batch-32  warning: val_loss is nan at step 10" in out


def test_the_end_is_the_comparison_and_each_verdict(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, seeds=(0, 1), steps=200)

    plain.follow(session)

    table, verdicts = (part.splitlines() for part in capsys.readouterr().out.split("\n\n")[-2:])
    assert table[0].split()[:3] == ["run", "batch_size", "state"]
    assert [line.split()[0] for line in table[1:]] == ["batch-32", "batch-128"]
    assert "n=2" in table[1]
    assert [line.split()[:2] for line in verdicts] == [["batch-32", "why"], ["batch-128", "why"]]


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (("done", "done"), 0),
        (("done", "failed"), 1),
        (("failed", "failed"), 1),
        (("done", "stopped"), 0),
        (("stopped", "failed"), 1),
    ],
)
def test_the_exit_code_says_whether_all_went_well(
    home: Path, ends: tuple[str, str], expected: int
) -> None:
    session, writers = make_session(home, steps=20, status=None)
    for writer, status in zip(writers, ends, strict=True):
        writer.finish(status, 20)

    assert plain.follow(session) == expected


@pytest.mark.parametrize("end", ["killed", "exited", "unknown"])
def test_a_run_that_ended_without_a_word_is_a_failure_with_its_reason(
    home: Path, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    session, (writer,) = make_session(home, ONE, steps=20, status=None)
    writer.end(end, "killed by signal 9 \x1b[2J")

    assert plain.follow(session) == 1

    out = capsys.readouterr().out
    assert "killed by signal 9" in out
    assert "\x1b" not in out


def test_a_run_stopped_by_somebody_else_is_said_with_how_to_go_on(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, ONE, steps=20, status="stopped")

    assert plain.follow(session) == 0
    assert f"valtui resume {session.id}" in capsys.readouterr().err


@pytest.mark.usefixtures("alive")
def test_points_are_said_as_they_come_and_never_twice(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, (spec,) = new_session(home, ONE)
    pause = threading.Event()

    def train() -> None:
        writer = begin_attempt(session.run(spec.id), spec)
        for step in range(1, 61):
            writer.curves([step])
            pause.wait(0.005)
        pause.wait(0.3)
        again = begin_attempt(session.run(spec.id), spec, from_step=40)
        again.curves(range(41, 81))
        again.finish(step=80)

    assert follow_while(session, train) == 0

    found = lines_with(capsys.readouterr().out, "epoch", "step")
    steps = [int(line.split("step ")[1].split("/")[0]) for line in found]
    assert steps == [10, 20, 30, 40, 50, 60, 50, 60, 70, 80]


@pytest.mark.usefixtures("alive")
def test_a_deleted_session_is_said_and_ends_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    session, _ = make_session(home, ONE, steps=20, status=None)
    timer = threading.Timer(0.2, lambda: shutil.rmtree(session.folder))
    timer.start()

    assert plain.follow(session) == 1
    assert "deleted" in capsys.readouterr().err


def interrupt_soon(seconds: float) -> None:
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT)).start()


@pytest.mark.usefixtures("alive")
def test_ctrl_c_stops_all_runs_waits_for_them_and_returns_130(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, writers = make_session(home, steps=20, status=None)
    stopped: list[str] = []

    def command(_: SessionPaths, name: str, run: str) -> str:
        assert name == "stop"
        stopped.append(run)
        writer: RunWriter = next(one for one in writers if one.run.id == run)
        threading.Timer(0.2, lambda: writer.finish("stopped", 20)).start()
        return "id"

    monkeypatch.setattr(plain, "command", command)
    interrupt_soon(0.3)

    assert plain.follow(session) == 130
    assert stopped == ["batch-32", "batch-128"]
    out, err = capsys.readouterr()
    assert "Ctrl-C again" in err
    assert "batch-128  STOPPED" in out


@pytest.mark.usefixtures("alive")
def test_a_second_ctrl_c_returns_at_once(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = make_session(home, steps=20, status=None)
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(plain, "command", lambda *_: "id")
    interrupt_soon(0.2)
    interrupt_soon(0.4)

    assert plain.follow(session) == 130
    assert (
        f"not waiting: runs that were asked to stop do so by themselves, others go on. `valtui open {session.id}`"
        in capsys.readouterr().err
    )
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("alive")
def test_a_supervisor_that_died_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, (writer,) = make_session(home, ONE, steps=20, status=None)
    started: list[str] = []

    def start(found: SessionPaths) -> None:
        started.append(found.id)
        writer.finish(step=20)

    monkeypatch.setattr(plain, "SUPERVISOR_SECONDS", 0.1)
    monkeypatch.setattr("valtui.feed.supervisor_alive", lambda _: False)
    monkeypatch.setattr(plain, "ensure_supervisor", start)

    assert plain.follow(session) == 0
    assert started == [session.id]


def test_a_reader_that_goes_away_leaves_the_runs_alone(home: Path) -> None:
    session, _ = make_session(home, ONE, steps=400)
    program = (
        "import sys; from pathlib import Path; from valtui.cli.plain import follow;"
        "from valtui_trainer.session.layout import SessionPaths;"
        f"sys.exit(follow(SessionPaths(Path({str(session.folder)!r}))))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    said = child.stderr.read().decode()

    assert child.wait() == 1
    assert "the runs go on" in said
    assert "Traceback" not in said
    assert "Exception" not in said
    child.stderr.close()
