"""The cursor, zoom and pan of the live screen, one place in all its charts."""

from __future__ import annotations

from typing import Literal

import numpy as np
from textual import work

from valtui.curves import Axis, RunCurves
from valtui.feed import RunFeed, SessionFeed
from valtui.screens.at_cursor import AtCursor
from valtui.screens.live_texts import cursor_words
from valtui.screens.live_why import WhyCommands
from valtui.widgets.chart import Chart


class CursorCommands(WhyCommands):
    """A screen with charts over one x, of which all show the same range and cursor."""

    x_axis: Axis
    show_accuracy: bool
    unit: Literal["percent", "absolute"]
    curves: dict[str, RunCurves]
    _charts: dict[str, Chart]

    def __init__(self, feed: SessionFeed) -> None:
        """Begin without a cursor, everything being seen."""
        super().__init__(feed)
        self._cursor: float | None = None
        self._seen: tuple[float, float] | None = None
        self._at_cursor = AtCursor(self._reading)

    def _curves_of(self, run: RunFeed) -> RunCurves:
        raise NotImplementedError

    def on_chart_cursor_moved(self, event: Chart.CursorMoved) -> None:
        """Read the same step in all panels."""
        self._set_cursor(event.x)

    def on_chart_view_changed(self, event: Chart.ViewChanged) -> None:
        """Show the same range in all panels."""
        self._seen = None if event.all else (event.lo, event.hi)
        for chart in self._charts.values():
            if event.all:
                chart.show_all()
            else:
                chart.set_view(event.lo, event.hi)

    def seen_epochs(self) -> tuple[float, float] | None:
        """Return the epochs that are seen of zoomed charts; None if they show everything."""
        curves = self._curves_of(self.run)
        if self._seen is None or not len(curves.places):
            return None
        if self.x_axis == "epoch":
            return self._seen
        epochs = self.run.val_matrix().epoch[: len(curves.places)]
        low, high = np.interp(self._seen, curves.places[: len(epochs)], epochs)
        return float(low), float(high)

    def _set_cursor(self, x: float | None) -> None:
        self._cursor = x
        for chart in self._charts.values():
            chart.cursor = x
        if x is None:
            self._say_so_far()
            return
        read = {name: dict(chart.read(x)) for name, chart in self._charts.items()}
        what = "acc" if self.show_accuracy else "train"
        unit = " %" if self.unit == "percent" else ""
        above = cursor_words(self.feed.runs, x, self.x_axis, read, what, unit)
        self._say([above, self._jump_at(x)])

    def _jump_at(self, x: float) -> str:
        """Return what the focused run's evaluation nearest to x says; what that needs may be read first."""
        run = self.run
        curves = self._curves_of(run)
        if not len(curves.places):
            return ""
        row = self._at_cursor.row_of(run, curves.steps[int(np.abs(curves.places - x).argmin())])
        if self._at_cursor.is_read(run, row):
            return self._at_cursor.words(run, row)
        self._read_samples(run)
        return ""

    @work(exclusive=True, group="samples", description="read the losses by sample")
    async def _read_samples(self, run: RunFeed) -> None:
        await self._at_cursor.read(run)
        if self.on_top and self._cursor is not None:
            self._set_cursor(self._cursor)

    def action_cursor(self, direction: int) -> None:
        """Move the cursor to the focused preset's next evaluation a column away; begin at the newest."""
        chart = self._charts["val"]
        if chart.view is None or not self.feed.runs:
            return
        places = self._curves_of(self.run).places
        if not len(places):
            return
        lo, hi = chart.view
        if self._cursor is None:
            seen = [place for place in places.tolist() if lo <= place <= hi]
            if seen:
                self._set_cursor(seen[-1])
            return
        column = (hi - lo) / max(1, chart.content_size.width - 8)
        at = self._cursor
        if direction < 0:
            index = int(places.searchsorted(at - column, "right")) - 1
        else:
            index = int(places.searchsorted(at + column, "left"))
        moved = float(places[min(max(index, 0), len(places) - 1)])
        self._set_cursor(moved)
        if not lo <= moved <= hi:
            self.action_pan(direction / 4)

    def action_zoom(self, factor: float) -> None:
        """Zoom in around the cursor."""
        self._charts["val"].zoom(factor, self._cursor)

    def action_pan(self, fraction: float) -> None:
        """Move the zoomed range."""
        self._charts["val"].pan(fraction)

    def action_unzoom(self) -> None:
        """Show everything, without a cursor."""
        self._seen = None
        for chart in self._charts.values():
            chart.show_all()
        self._set_cursor(None)
