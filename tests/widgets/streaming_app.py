"""A tiny app that streams into a chart, for tests that put it behind a real terminal.

    python streaming_app.py MODE

MODE `frames` grows the data by four points for each key `n`, 300 for `m`; `stream` grows it by itself, without
asking the driver whether anybody reads. `f` repaints all, `q` quits.
"""

from __future__ import annotations

import math
import sys
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Grid
from textual.widgets import Static

from valtui.widgets.chart import Chart, Series
from valtui.widgets.compositor import write_exact_cells
from valtui.widgets.driver import ValtuiDriver
from valtui.widgets.pyramid import Pyramid

END = 2_000


class Streaming(App[None]):
    """Four charts of four series."""

    CSS = "Static { height: 1; width: 20; } Grid { grid-size: 2; } Chart { border: round $foreground 30%; }"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        ("n", "grow"),
        ("m", "grow(300)"),
        ("f", "repaint"),
        ("q", "quit"),
    ]

    def __init__(self, mode: str) -> None:
        super().__init__(driver_class=ValtuiDriver)
        self.mode = mode
        self.step = 0
        self.pyramids = [[Pyramid() for _ in range(4)] for _ in range(4)]

    def compose(self) -> ComposeResult:
        yield Static()
        with Grid():
            for _ in self.pyramids:
                yield Chart()

    def on_mount(self) -> None:
        write_exact_cells(self.screen)
        for number, chart in enumerate(self.query(Chart)):
            pyramids = self.pyramids[number]
            chart.border_title = f"panel {number}"
            chart.show(
                [
                    Series(f"series {index}", index, pyramid, glyph=str(index + 1))
                    for index, pyramid in enumerate(pyramids)
                ],
                x_label="step",
            )
        self.grow(40)
        if self.mode == "stream":
            self.set_interval(1 / 20, self.action_grow)

    def grow(self, points: int) -> None:
        with self.batch_update():
            for number, (chart, pyramids) in enumerate(
                zip(self.query(Chart), self.pyramids, strict=True)
            ):
                for index, pyramid in enumerate(pyramids):
                    x = [float(self.step + point) for point in range(points)]
                    pyramid.append(x, [value(at, 4 * number + index) for at in x])
                chart.refresh_data()
        self.step += points
        self.query_one(Static).update(f"step {self.step}", layout=False)

    def action_grow(self, points: int = 4) -> None:
        self.grow(points)

    def action_repaint(self) -> None:
        self.refresh()


def value(x: float, seed: int) -> float:
    """A loss that falls and jumps, without a random number."""
    return (
        0.1
        + 0.05 * (seed % 4)
        + 2.0 * math.exp(-x / (100 + 30 * seed))
        + 0.06 * math.sin(x * (seed + 1) * 12.9898)
    )


if __name__ == "__main__":
    app = Streaming(sys.argv[1])
    app.run()
    sys.exit(app.return_code)
