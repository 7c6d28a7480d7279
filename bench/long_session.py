"""A session of one run with 1,000,000 training records and 10,000 evaluations, opened on a real pty.

A coroutine in the app's own loop beats every millisecond; its largest gap is how long the screen
stood still. The gap while the app starts (imports, first layout) is told apart from the gap after
the first curves were drawn.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.sessions import make_session
from tests.support.terminal import Terminal

POINTS = 1_000_000
EVAL_EVERY = 100
SIZE = (200, 50)
ROUNDS = 3


def watch(home: Path, session: str, report: Path) -> None:
    """Run the app on `session` with a heartbeat in its loop; write what it saw to `report`."""
    from valtui import app as valtui_app
    from valtui.screens.opening import OpeningScreen
    from valtui.widgets.driver import ValtuiDriver
    from valtui_trainer.session.layout import SessionPaths

    began = time.perf_counter()
    paths = SessionPaths(home / "sessions" / session)

    class Watched(valtui_app.ValtuiApp):
        CSS_PATH = Path(valtui_app.__file__).parent / "styles/app.tcss"

        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            self.gaps: list[tuple[float, float, float]] = []
            self.shown_at = self.read_at = 0.0

        def on_ready(self) -> None:
            self._beat = asyncio.create_task(self.beat())

        async def beat(self) -> None:
            last, worked = time.perf_counter(), time.process_time()
            while True:
                await asyncio.sleep(0.001)
                now, work = time.perf_counter(), time.process_time()
                self.gaps.append((last - began, now - last, work - worked))
                last, worked = now, work
                self.look(now - began)

        def look(self, now: float) -> None:
            curves = getattr(self.screen, "curves", None)
            if isinstance(self.screen, OpeningScreen) or not curves:
                return
            self.shown_at = self.shown_at or now
            drawn = sum(len(one.lines.train_loss.middle) for one in curves.values())
            measured = sum(len(one.lines.percent.middle) for one in curves.values())
            if not self.read_at and drawn >= POINTS and measured >= POINTS // EVAL_EVERY:
                self.read_at = now
                self.set_timer(2.0, self.leave)

        def leave(self) -> None:
            self.exit()

    app = Watched(home, paths, driver_class=ValtuiDriver)
    app.run()
    report.write_text(json.dumps({"shown": app.shown_at, "read": app.read_at, "gaps": app.gaps}))


def measure(home: Path, session: str) -> dict[str, Any]:
    """Open the session once; return seconds and the largest gaps."""
    report = home / "report.json"
    report.unlink(missing_ok=True)
    from bench.screen import has_curves

    began = time.perf_counter()
    terminal = Terminal(["-m", "bench.long_session", str(home), session, str(report)], *SIZE)
    try:
        terminal.read_until(lambda: has_curves(terminal), 120)
        painted = time.perf_counter() - began
        terminal.read_until(report.exists, 120)
    finally:
        terminal.close()
    found = json.loads(report.read_text())
    shown = found["shown"]
    return {
        "painted": painted,
        "shown": shown,
        "read": found["read"],
        "opening": max((gap for at, gap, _ in found["gaps"] if at < shown), default=0.0),
        "worst": max(gap for at, gap, _ in found["gaps"] if at >= shown),
        "over": [
            (round(at, 2), round(1000 * gap), round(1000 * work))
            for at, gap, work in found["gaps"]
            if gap > 0.05
        ],
    }


def main() -> list[str]:
    """Return the table."""
    lines = [
        "| opening | first curves after the process began | all read | screen stood still, before / after the first curves |",
        "| --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        session, _ = make_session(
            home, runs=1, points=POINTS, total=POINTS, eval_every=EVAL_EVERY, live=False
        )
        for number in range(ROUNDS):
            found = measure(home, session.id)
            lines.append(
                f"| {number + 1} | {found['painted']:.2f} s | {found['read']:.1f} s | "
                f"{1000 * found['opening']:.0f} ms / {1000 * found['worst']:.0f} ms |"
            )
            print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    if len(sys.argv) > 1:
        watch(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    else:
        main()
