"""A session of one run with 1,000,000 training records and 10,000 evaluations, opened on a real pty.

A coroutine in the app's own loop beats every millisecond; its largest gap is how long the screen
stood still. Gaps are told apart: while the app and its live screen are made (Textual's mounting and
first layout, whatever the data), while scipy loads in a thread, and while the log is read and drawn.
Beside a gap stands the processor time that the app had in it: less means that others had the cores.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from bench.screen.recorded import has_curves
from bench.sessions import make_session
from tests.support.terminal import Terminal

POINTS = 1_000_000
EVAL_EVERY = 100
SIZE = (200, 50)
ROUNDS = 5
LONGEST = 120.0


def watch(home: Path, session: str, report: Path) -> None:
    """Run the app on `session` with a heartbeat in its loop; write what it saw to `report`."""
    from valtui import app as valtui_app
    from valtui.widgets.driver import ValtuiDriver
    from valtui_trainer.session.layout import SessionPaths

    class Watched(valtui_app.ValtuiApp):
        CSS_PATH = Path(valtui_app.__file__).parent / "styles/app.tcss"

        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            self.gaps: list[tuple[float, float, float]] = []
            self.times: dict[str, float] = {}

        def open_session(self, session: SessionPaths) -> None:
            self.times["opened"] = time.monotonic()
            super().open_session(session)

        def on_ready(self) -> None:
            self._beat = asyncio.create_task(self.beat())

        async def beat(self) -> None:
            last, worked = time.monotonic(), time.process_time()
            while True:
                await asyncio.sleep(0.001)
                now, work = time.monotonic(), time.process_time()
                self.gaps.append((last, now - last, work - worked))
                last, worked = now, work
                self.look(now)

        def look(self, now: float) -> None:
            curves = getattr(self.screen, "curves", None)
            if not curves:
                return
            drawn = sum(len(one.lines.train_loss.middle) for one in curves.values())
            measured = sum(len(one.lines.percent.middle) for one in curves.values())
            self.times.setdefault("shown", now)
            if measured:
                self.times.setdefault("measured", now)
            if drawn >= POINTS and measured >= POINTS // EVAL_EVERY and "read" not in self.times:
                self.times["read"] = now
                self.times["memory"] = psutil.Process().memory_info().rss / 1e6
                self.set_timer(2.0, self.action_quit_app)

    app = Watched(home, SessionPaths(home / "sessions" / session), driver_class=ValtuiDriver)
    app.run()
    report.write_text(json.dumps({**app.times, "gaps": app.gaps}))


def measure(home: Path, session: str) -> dict[str, Any]:
    """Open the session once; return seconds, and the largest gap of each stretch with its work."""
    report = home / "report.json"
    report.unlink(missing_ok=True)
    began = time.monotonic()
    terminal = Terminal(["-m", "bench.long_session", str(home), session, str(report)], *SIZE)
    try:
        terminal.read_until(lambda: has_curves(terminal), LONGEST)
        painted = time.monotonic()
        terminal.read_until(report.exists, LONGEST)
        terminal.process.wait(LONGEST)
    finally:
        terminal.close()
    found = json.loads(report.read_text())

    def worst(begin: float, end: float) -> tuple[float, float]:
        gaps = [(gap, work) for at, gap, work in found["gaps"] if begin <= at < end]
        return max(gaps, default=(0.0, 0.0))

    return {
        "process to paint": painted - began,
        "reading to paint": painted - found["opened"],
        "all read": found["read"] - found["opened"],
        "memory": found["memory"],
        "made": worst(began, painted),
        "scipy": worst(painted, found["measured"]),
        "followed": worst(found["measured"], found["read"]),
    }


def describe(rounds: list[dict[str, Any]]) -> list[str]:
    """Return the rows of the table: medians with the least and the most."""
    rows = []
    for name, what in (
        ("process to paint", "first curves after the process began"),
        ("reading to paint", "first curves after reading began"),
        ("all read", "all 1,010,000 records drawn after reading began"),
    ):
        seconds = sorted(one[name] for one in rounds)
        rows.append(
            f"| {what} | {statistics.median(seconds):.2f} s [{seconds[0]:.2f}, {seconds[-1]:.2f}] |"
        )
    for name, what in (
        ("made", "screen stood still at most, until the first curves"),
        ("scipy", "… while scipy loaded"),
        ("followed", "… while the log was read and drawn"),
    ):
        gaps = sorted(1000 * one[name][0] for one in rounds)
        work = statistics.median(1000 * one[name][1] for one in rounds)
        rows.append(
            f"| {what} | {statistics.median(gaps):.0f} ms [{gaps[0]:.0f}, {gaps[-1]:.0f}], "
            f"{work:.0f} ms of it processor time |"
        )
    memory = sorted(one["memory"] for one in rounds)
    rows.append(
        f"| the app's memory with all of them drawn | {statistics.median(memory):.0f} MB "
        f"[{memory[0]:.0f}, {memory[-1]:.0f}] |"
    )
    return rows


def main() -> list[str]:
    """Return the table."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        session, _ = make_session(
            home, runs=1, points=POINTS, total=POINTS, eval_every=EVAL_EVERY, live=False
        )
        rounds = [measure(home, session.id) for _ in range(ROUNDS)]
    rows = describe(rounds)
    print("\n".join(rows), flush=True)
    return ["| what | measured, median [min, max] |", "| --- | --- |", *rows]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        watch(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    else:
        main()
