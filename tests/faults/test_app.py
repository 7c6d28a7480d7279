"""The screen is killed, its terminal closed, or takes nothing more: it goes, and the runs go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import VALTUI, wait_until
from support.faults import begin, small
from support.real_runs import kill_all, open_terminal, points
from support.terminal import Terminal
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.locks import holder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Iterator[SessionPaths]:
    """A run that trains as long as these tests last."""
    home = tmp_path_factory.mktemp("running")
    session = begin(home, {"tiny": small(digits, epochs=100_000)})
    wait_until(lambda: len(points(session.run("tiny"))) > 3, what="points")
    yield session
    kill_all(home)


@pytest.fixture
def app(
    running: SessionPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    """The app on that run, with its first curves on the screen."""
    monkeypatch.setenv("VALTUI_HOME", str(running.folder.parents[1]))
    terminal = open_terminal(tmp_path, "open")
    terminal.read_until(lambda: "▸1" in terminal.text and "val " in terminal.text)
    yield terminal
    terminal.close()


def pid_of(session: SessionPaths) -> int | None:
    return holder(session.run("tiny").lock)


def goes_on(session: SessionPaths) -> None:
    """Wait until the run has more points than it has now, nothing before them changed."""
    run = session.run("tiny")
    seen = points(run)
    wait_until(lambda: len(points(run)) > len(seen), what="further points")
    assert points(run)[: len(seen)] == seen


def test_a_killed_app_leaves_the_run_alone_and_a_new_one_shows_the_same_points(
    running: SessionPaths, app: Terminal, tmp_path: Path
) -> None:
    trainer = pid_of(running)

    app.process.send_signal(signal.SIGKILL)
    app.process.wait()

    goes_on(running)
    assert pid_of(running) == trainer
    again = open_terminal(tmp_path, "open")
    again.read_until(lambda: "▸1" in again.text and "val " in again.text)
    steps = [step for step, _ in points(running.run("tiny"))]
    assert steps == sorted(set(steps))
    again.close()


def test_an_app_whose_terminal_is_closed_goes_and_the_run_goes_on(
    running: SessionPaths, app: Terminal
) -> None:
    trainer = pid_of(running)

    app.hang_up()

    wait_until(lambda: app.process.poll() is not None, seconds=10, what="the app to go")
    goes_on(running)
    assert pid_of(running) == trainer


def test_an_app_under_nohup_goes_too_when_its_terminal_is_closed(
    running: SessionPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALTUI_HOME", str(running.folder.parents[1]))
    program = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
        "import sys; from valtui.cli.main import main; sys.exit(main(['open']))"
    )
    terminal = Terminal(["-c", program], 120, 40)
    terminal.read_until(lambda: "▸1" in terminal.text and "val " in terminal.text)

    terminal.hang_up()

    wait_until(lambda: terminal.process.poll() is not None, seconds=15, what="the app to go")
    goes_on(running)
    terminal.close()


def test_an_app_whose_terminal_takes_nothing_more_still_ends_on_q(
    running: SessionPaths, app: Terminal
) -> None:
    app.wait(3)  # the terminal reads nothing meanwhile: its pipe fills up
    app.press("l" * 40)
    app.wait(2)

    app.press("q")

    wait_until(lambda: app.process.poll() is not None, seconds=20, what="the app to go")
    goes_on(running)


def test_a_command_whose_reader_goes_ends_without_a_traceback(
    running: SessionPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALTUI_HOME", str(running.folder.parents[1]))
    command = subprocess.Popen(
        [sys.executable, *VALTUI, "show", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ.copy(),
    )  # fmt: skip
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.close()

    said = command.stderr.read()
    command.stderr.close()

    assert command.wait(30) == 0
    assert said == b""


def test_two_apps_on_one_session_show_the_same_and_what_one_asks_the_other_sees(
    running: SessionPaths, app: Terminal, tmp_path: Path
) -> None:
    other = open_terminal(tmp_path, "open")
    other.read_until(lambda: "▸1" in other.text and "val " in other.text)

    app.press(".")
    other.read_until(lambda: "‖ paused" in other.text)
    app.read_until(lambda: "‖ paused" in app.text)
    other.press("r")
    app.read_until(lambda: "● running" in app.text)

    assert running.run("tiny").attempt_numbers() == [0], "one writer"
    goes_on(running)
    other.close()
