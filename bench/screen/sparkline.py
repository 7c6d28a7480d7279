"""A Textual app of four panels with four of Textual's own Sparklines each, which grow ten times a second.

Run as a program by `bench.screen.rivals`; it makes its data itself and reads no file.
"""

from __future__ import annotations

import math
import random

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Grid, Vertical
from textual.widgets import Sparkline, Static

PANELS = SERIES = 4
POINTS = 500
TOTAL = 2_000
TICK = 0.1


class Sparklines(App[None]):
    """Sixteen curves, and a line that says which series is focused."""

    CSS = "Grid { grid-size: 2; } Vertical { border: round $primary; } Sparkline { height: 1fr; } Static { height: 1; }"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [  # noqa: RUF012
        Binding(str(number + 1), f"focus_series({number + 1})") for number in range(SERIES)
    ]

    def compose(self) -> ComposeResult:
        """Lay out the panels."""
        self.random = random.Random(0)
        self.curves = [[self.point(step) for step in range(POINTS)] for _ in range(PANELS * SERIES)]
        yield Static("▸1")
        with Grid():
            for panel in range(PANELS):
                with Vertical():
                    for series in range(SERIES):
                        yield Sparkline(list(self.curves[panel * SERIES + series]))

    def on_mount(self) -> None:
        """Grow from now on."""
        self.set_interval(TICK, self.grow)

    def point(self, step: int) -> float:
        """Return a loss that falls and jumps."""
        return (0.2 + 2.0 * math.exp(-3 * step / TOTAL)) * math.exp(self.random.gauss(0, 0.1))

    def grow(self) -> None:
        """Give each curve a point more, and draw all in one frame."""
        with self.batch_update():
            for curve, sparkline in zip(self.curves, self.query(Sparkline), strict=True):
                curve.append(self.point(len(curve)))
                sparkline.data = list(curve)

    def action_focus_series(self, number: int) -> None:
        """Say which series is focused."""
        self.query_one(Static).update(f"▸{number}")


if __name__ == "__main__":
    Sparklines().run()
