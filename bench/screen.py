"""The screen on a real pty: first frames, memory, CPU and bytes a second while data stream in.

The runs grow by 10 points a second each; the app redraws 5 times a second, so CPU and bytes are at
half the frame rate of 10 that our budgets name. Key to screen includes the emulator's parsing.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from bench.sessions import Writer, make_session
from tests.support.terminal import Terminal

ROUNDS = 7
STREAM_SECONDS = 12.0
BRAILLE = range(0x2801, 0x2900)
VALTUI = ["-m", "valtui.cli.main"]
BARE = """
from textual.app import App
from textual.widgets import Static


class Bare(App):
    def compose(self):
        yield Static("bare")


Bare().run()
"""


def has_curves(terminal: Terminal) -> bool:
    """Tell whether a line is drawn."""
    return any(ord(character) in BRAILLE for character in terminal.text)


def first_frame(
    arguments: list[str], size: tuple[int, int], seen: Callable[[Terminal], bool]
) -> tuple[float, float]:
    """Return the seconds from the process's start until `seen`, and its memory in MB a second later."""
    began = time.perf_counter()
    terminal = Terminal(arguments, *size)
    try:
        terminal.read_until(lambda: seen(terminal))
        seconds = time.perf_counter() - began
        terminal.read(1.0)
        return seconds, psutil.Process(terminal.process.pid).memory_info().rss / 1e6
    finally:
        terminal.close()


def first_frames(home: Path, size: tuple[int, int]) -> list[str]:
    """Return rows for the home screen and for a session of 4 runs x 20,000 points."""
    session, _ = make_session(home, runs=4, points=20_000, total=20_000, eval_every=50, live=False)
    bare = home / "bare.py"
    bare.write_text(BARE)
    cases: list[tuple[str, list[str], Callable[[Terminal], bool]]] = [
        ("first frame of a bare Textual app (one text)", [str(bare)], lambda t: "bare" in t.text),
        (
            "first frame, home",
            [*VALTUI, "--home", str(home / "empty")],
            lambda t: "studies" in t.text,
        ),
        (
            "first frame with data, 4 runs x 20,000 points",
            [*VALTUI, "open", session.id, "--home", str(home)],
            has_curves,
        ),
    ]
    rows: list[str] = []
    yardstick = 0.0
    for name, arguments, seen in cases:
        first_frame(arguments, size, seen)
        found = [first_frame(arguments, size, seen) for _ in range(ROUNDS)]
        seconds = sorted(one[0] for one in found)
        median = statistics.median(seconds)
        yardstick = yardstick or median
        rows.append(
            f"| {name}, {size[0]}x{size[1]} | {1000 * median:.0f} ms "
            f"[{1000 * seconds[0]:.0f}, {1000 * seconds[-1]:.0f}], {median / yardstick:.2f} x bare, "
            f"{statistics.median(one[1] for one in found):.0f} MB |"
        )
        print(rows[-1], flush=True)
    return rows


def stream(home: Path, size: tuple[int, int], growing: bool) -> str:
    """Return a row: CPU and bytes a second over STREAM_SECONDS, with 10 points a second a run, or none."""
    session, writers = make_session(home, runs=4, points=500, total=2_000, eval_every=5, live=True)
    terminal = Terminal([*VALTUI, "open", session.id, "--home", str(home)], *size)
    try:
        terminal.read_until(lambda: has_curves(terminal))
        terminal.read(1.5)
        process = psutil.Process(terminal.process.pid)
        before = process.cpu_times()
        began = time.perf_counter()
        received = feed(terminal, writers if growing else [], began)
        seconds = time.perf_counter() - began
        after = process.cpu_times()
        cpu = (after.user + after.system - before.user - before.system) / seconds
        keys = key_to_screen(terminal, writers if growing else [])
    finally:
        terminal.close()
    row = (
        f"| {'4 runs growing at 10/s' if growing else 'idle'}, {size[0]}x{size[1]} | "
        f"{100 * cpu:.1f} % of a core, {received / seconds / 1000:.1f} kB/s, "
        f"key to screen {keys[0]:.0f} ms, p95 {keys[1]:.0f} ms |"
    )
    print(row, flush=True)
    return row


def feed(terminal: Terminal, writers: list[Writer], began: float) -> int:
    """Let the runs grow for STREAM_SECONDS; return the bytes that reached the terminal."""
    received, ticks = 0, 0
    while time.perf_counter() - began < STREAM_SECONDS:
        ticks += 1
        for writer in writers:
            writer.write(1)
            writer.beat(ticks)
        received += len(terminal.read_for(max(0.0, began + ticks * 0.1 - time.perf_counter())))
    return received


def key_to_screen(terminal: Terminal, writers: list[Writer]) -> tuple[float, float]:
    """Return median and 95th percentile of the milliseconds from a key to the pointer's move."""
    times = []
    for number in range(20):
        for writer in writers:
            writer.write(1)
        wanted = number % 2 + 2
        began = time.perf_counter()
        terminal.press(str(wanted))
        terminal.read_until(lambda wanted=wanted: f"▸{wanted}" in terminal.text)
        times.append(1000 * (time.perf_counter() - began))
        terminal.read_for(0.15)
    times.sort()
    return statistics.median(times), times[int(0.95 * len(times))]


def main() -> list[str]:
    """Return the table."""
    lines = ["| what | measured, median [min, max] |", "| --- | --- |"]
    with tempfile.TemporaryDirectory() as folder:
        lines += first_frames(Path(folder), (200, 50))
        for size in ((200, 50), (80, 24)):
            lines.append(stream(Path(folder), size, growing=True))
            lines.append(stream(Path(folder), size, growing=False))
    return lines


if __name__ == "__main__":
    main()
