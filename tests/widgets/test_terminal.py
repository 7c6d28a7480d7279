"""What a real terminal shows: after many small updates, after a stall, after it has gone."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.terminal import Terminal
from valtui.widgets.driver import HUNG_UP

LIMIT = 5.0
QUESTION, ANSWER = b"\x1b[5n", "\x1b[0n"

SHELL = """
import os, signal, subprocess, sys
job = subprocess.Popen([sys.executable, sys.argv[1]], process_group=0)
while not os.WIFSTOPPED(os.waitpid(job.pid, os.WUNTRACED)[1]):
    pass
os.tcsetpgrp(0, job.pid)
os.killpg(job.pid, signal.SIGCONT)
sys.exit(job.wait())
"""
"""What a shell does for `program &`, and for `fg` as soon as the program has stopped itself."""

REFUSED = """
import sys, termios
from textual.app import App
from valtui.widgets.driver import ValtuiDriver

def refuse(*_):
    raise termios.error

class Leaving(App):
    def on_mount(self):
        self.exit()

termios.tcsetattr = refuse
app = Leaving(driver_class=ValtuiDriver)
app.run()
sys.exit(app.return_code)
"""
"""An app whose terminal cannot be set, as that of a group of processes that no shell is left for."""


@contextlib.contextmanager
def streaming(
    mode: str, columns: int = 100, rows: int = 30, mute: bool = False, **environment: str
) -> Iterator[Terminal]:
    """`streaming_app.py` in a terminal of its own, its first data on the screen."""
    program = str(Path(__file__).with_name("streaming_app.py"))
    terminal = Terminal([program, mode], columns, rows, mute, **environment)
    try:
        terminal.read_until(lambda: "panel 3" in terminal.text and "┤" in terminal.text)
        yield terminal
    finally:
        terminal.close()


def step(terminal: Terminal) -> int:
    words = terminal.text.split()
    return int(words[1]) if words[:1] == ["step"] else -1


def grow(terminal: Terminal, times: int) -> list[int]:
    """Press n so often; the bytes of each update."""
    sizes = []
    for _ in range(times):
        goal = step(terminal) + 4
        terminal.press("n")
        received = terminal.read_until(lambda goal=goal: step(terminal) == goal)
        sizes.append(len(received) + len(terminal.read(0.05)))
    return sizes


def test_many_small_updates_leave_the_screen_that_a_full_repaint_draws() -> None:
    with streaming("frames") as terminal:
        grow(terminal, 18)
        updated = terminal.cells()

        terminal.press("f")
        repainted = len(terminal.read(0.3))

        assert repainted > 5_000
        assert terminal.cells() == updated


def test_an_update_is_a_small_part_of_a_full_repaint() -> None:
    with streaming("frames", columns=200, rows=50) as terminal:
        terminal.press("m")
        terminal.read_until(lambda: step(terminal) == 340)

        sizes = sorted(grow(terminal, 15))

        assert sizes[len(sizes) // 2] < 2_500
        assert sum(sizes) / len(sizes) < 4_500  # 45 kB/s at ten frames a second


def test_a_stalled_terminal_gets_the_newest_frame_and_hardly_any_stale_ones() -> None:
    with streaming("stream", columns=200, rows=50) as terminal:
        seen = step(terminal)
        terminal.wait(2.5)

        received = terminal.read_until(lambda: step(terminal) >= seen + 4 * 30)

        assert len(received) < 150_000
        terminal.press("q")
        terminal.read(0.3)
        assert terminal.process.wait(LIMIT) == 0


@contextlib.contextmanager
def keys() -> Iterator[Terminal]:
    """`keys_app.py` in a mute terminal of its own; the question that it begins with is answered."""
    terminal = Terminal([str(Path(__file__).with_name("keys_app.py"))], 80, 24, mute=True)
    try:
        terminal.read_until(lambda: "no key" in terminal.text)
        terminal.press(ANSWER)
        yield terminal
    finally:
        terminal.close()


def answer_for(terminal: Terminal, seconds: float) -> None:
    """Read for so long, and answer each question a little after it came: one is nearly always out."""
    for _ in range(int(seconds / 0.05)):
        if QUESTION in terminal.read_for(0.05):
            terminal.press(ANSWER)


def crawl(terminal: Terminal, times: int, taken: int) -> int:
    """Press n so often, and read few bytes after each; the step that the app is at then."""
    goal = step(terminal) + 4 * times
    for _ in range(times):
        terminal.press("n")
        terminal.wait(0.04)
        terminal.read_little(taken)
    return goal


def test_a_slow_line_gets_the_newest_state_and_no_queue_of_frames() -> None:
    with streaming("frames") as terminal:
        terminal.press("m")
        terminal.read_until(lambda: step(terminal) == 340)
        terminal.read(0.5)
        goal = crawl(terminal, times=60, taken=100)

        shown: list[int] = []
        queued = terminal.read_until(lambda: shown.append(step(terminal)) or shown[-1] == goal)

        assert len(set(shown)) <= 4, shown
        assert len(queued) < 15_000


def test_the_screen_after_a_slow_line_is_the_one_that_a_full_repaint_draws() -> None:
    with streaming("frames") as terminal:
        goal = crawl(terminal, times=30, taken=60)
        terminal.read_until(lambda: step(terminal) == goal)
        terminal.read(0.3)
        updated = terminal.cells()

        terminal.press("f")
        repainted = len(terminal.read(0.3))

        assert repainted > 5_000
        assert terminal.cells() == updated


def test_a_resize_while_the_terminal_is_behind_is_drawn_when_it_is_not() -> None:
    with streaming("frames") as terminal:
        crawl(terminal, times=20, taken=20)

        terminal.resize(80, 24)
        terminal.read_until(lambda: terminal.text.count("╰") == 4)

        terminal.read(0.5)
        drawn = terminal.cells()
        terminal.press("f")
        terminal.read(0.5)
        assert terminal.cells() == drawn


def test_a_terminal_that_gives_no_answers_is_drawn_to_all_the_same() -> None:
    with streaming("frames", mute=True) as terminal:
        sizes = grow(terminal, 5)

        assert all(sizes)
        terminal.press("q")
        terminal.read(0.5)
        assert terminal.process.wait(LIMIT) == 0


def test_the_shell_gets_no_answer_that_was_meant_for_the_app() -> None:
    with streaming("frames") as terminal, terminal.far_end() as shell:
        terminal.press("nq")
        terminal.wait(0.1)

        while terminal.process.poll() is None:
            terminal.read(0.05)

        os.set_blocking(shell, False)
        with pytest.raises(BlockingIOError):
            os.read(shell, 100)


def test_the_shell_gets_no_answer_that_takes_long_at_the_end() -> None:
    with keys() as terminal, terminal.far_end():
        answer_for(terminal, 0.5)
        terminal.read_for(0.2)

        terminal.press("q")
        terminal.read_for(0.6)
        terminal.press(ANSWER)

        while terminal.process.poll() is None:
            terminal.read(0.05)
        terminal.read(0.05)
        assert "^[[0n" not in terminal.text


def test_escape_arrives_while_answers_keep_coming() -> None:
    with keys() as terminal:
        answer_for(terminal, 0.5)

        terminal.press("\x1b")
        answer_for(terminal, 2.0)

        assert "key escape" in terminal.text


def test_an_app_that_is_started_in_the_background_draws_when_it_comes_to_the_foreground() -> None:
    program = str(Path(__file__).with_name("keys_app.py"))
    terminal = Terminal(["-c", SHELL, program], 80, 24)
    try:
        terminal.read_until(lambda: "no key" in terminal.text)
        terminal.press("q")
        terminal.read(0.5)

        assert terminal.process.wait(LIMIT) == 0
    finally:
        terminal.close()


def test_an_app_that_cannot_take_its_terminal_does_not_fail() -> None:
    terminal = Terminal(["-c", REFUSED], 80, 24)
    try:
        terminal.read(1.0)

        assert terminal.process.wait(LIMIT) == 0, terminal.text
    finally:
        terminal.close()


def test_keys_work_while_the_terminal_takes_no_output() -> None:
    with streaming("stream", columns=200, rows=50) as terminal:
        terminal.wait(2.0)

        terminal.press("q")
        terminal.read(1.0)

        assert terminal.process.wait(LIMIT) == 0


def test_closing_the_terminal_ends_the_process() -> None:
    with streaming("stream") as terminal:
        terminal.hang_up()

        assert terminal.process.wait(LIMIT) == HUNG_UP


@pytest.mark.parametrize("mode", ["frames", "stream"])
def test_a_hang_up_signal_ends_the_process(mode: str) -> None:
    with streaming(mode) as terminal:
        os.kill(terminal.process.pid, signal.SIGHUP)
        os.kill(terminal.process.pid, signal.SIGCONT)
        terminal.read(0.5)

        assert terminal.process.wait(LIMIT) == HUNG_UP


@pytest.mark.parametrize(
    "environment",
    [
        {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        {"TERM": "screen"},
        {"TERM": "linux"},
        {"TERM": "dumb"},
        {"TERM": "xterm-256color", "NO_COLOR": "1"},
        {"TERM": "linux", "TEXTUAL_THEME": "ansi-dark"},
    ],
    ids=lambda environment: " ".join(environment.values()),
)
def test_a_chart_is_legible_on_any_kind_of_terminal(environment: dict[str, str]) -> None:
    with streaming("frames", **environment) as terminal:
        grow(terminal, 1)

        assert "2┤" in terminal.text
        assert "└┬─" in terminal.text
        assert {"1", "2", "3", "4"} <= {cell[0] for row in terminal.cells() for cell in row}
        drawn = [
            (ink, ground)
            for row in terminal.cells()
            for character, ink, ground in row
            if "\u2800" < character < "\u2900"
        ]
        assert drawn
        assert all(ink != ground or ink == "default" for ink, ground in drawn)
        colours = len({ink for ink, _ in drawn})
        assert colours >= (1 if "NO_COLOR" in environment else 4)
