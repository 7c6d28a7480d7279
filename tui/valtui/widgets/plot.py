"""Series to a picture in cells: envelopes, heights, lines, bands, marks, line ends.

Pure: it is given a window of x and a size in cells, and knows neither the widget nor its colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from valtui.widgets import raster
from valtui.widgets.axis import Scale, y_scale
from valtui.widgets.pyramid import Envelope, Pyramid
from valtui.widgets.raster import Picture, Spot

Floats: TypeAlias = npt.NDArray[np.float64]

MAX_SERIES = 32


@dataclass(frozen=True, slots=True)
class Mark:
    """A sign at a point of a series.

    Attributes:
        x: Where, in units of x.
        y: Height; None: on the line, as last known there.
        glyph: One character, one cell wide.
        kind: "spike" stands above its point, "seam" runs through the whole height where nothing
            is drawn, any other ("best", "nan") stands on its point.
    """

    x: float
    y: float | None
    glyph: str
    kind: str


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart, and what goes with it.

    Attributes:
        key: Its name, for the readout.
        colour: 0 to 8: the component class chart--series-1 to chart--series-9.
        pyramid: The line's points.
        low: Lower edge of its band; None for no band.
        high: Upper edge, at the same x.
        marks: Signs on it.
        dim_until: x up to which it is drawn dim; None for nowhere.
        glyph: The one character its newest point shows: a colour never stands alone.
        visible: Whether it is drawn at all.
        focused: Whether it is drawn on top and strong.
    """

    key: str
    colour: int
    pyramid: Pyramid
    low: Pyramid | None = None
    high: Pyramid | None = None
    marks: tuple[Mark, ...] = ()
    dim_until: float | None = None
    glyph: str = "●"
    visible: bool = True
    focused: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """What is seen of x, and in how many cells.

    Attributes:
        lo: x at the left edge.
        hi: x at the right edge, above lo.
        columns: Cells from left to right.
    """

    lo: float
    hi: float
    columns: int

    def column(self, x: float) -> int:
        """The cell column of x; outside 0..columns - 1 where x is not in the window."""
        if x == self.hi:
            return self.columns - 1
        return int(np.floor((x - self.lo) / (self.hi - self.lo) * self.columns))

    def x_at(self, column: int) -> float:
        """x in the middle of a cell column."""
        return self.lo + (self.hi - self.lo) * (column + 0.5) / self.columns


@dataclass(frozen=True, slots=True)
class Summary:
    """The envelopes of the series of a window, in drawing order.

    Attributes:
        series: What is drawn, the focused last.
        values: Shape (4, series, 2 * columns): high, low, first and last of their envelopes.
        joined: Shape (series, 2 * columns), likewise.
        bands: Their bands' lower and upper envelopes, or None.
    """

    series: tuple[Series, ...]
    values: Floats
    joined: raster.Bools
    bands: tuple[tuple[Envelope, Envelope] | None, ...]

    def bounds(self) -> tuple[float, float] | None:
        """Smallest and largest value, bands included; None where there is no finite one."""
        if not self.series:
            return None
        low = float(np.fmin.reduce(self.values[1], axis=None))
        high = float(np.fmax.reduce(self.values[0], axis=None))
        for band in self.bands:
            if band is not None:
                low = float(np.fmin(low, np.fmin.reduce(band[0].low)))
                high = float(np.fmax(high, np.fmax.reduce(band[1].high)))
        return (low, high) if low <= high else None


def drawing_order(series: Sequence[Series]) -> tuple[Series, ...]:
    """The visible series, focused ones last and so on top; at most MAX_SERIES of them."""
    shown = [one for one in series if one.visible]
    return tuple(sorted(shown, key=lambda one: one.focused)[-MAX_SERIES:])


def summarise(series: tuple[Series, ...], window: Window, log: bool) -> Summary:
    """Ask each pyramid for two buckets a cell; on a log axis what is not positive is a gap."""

    def envelope(pyramid: Pyramid) -> Envelope:
        source = pyramid.positive if log else pyramid
        return source.query(window.lo, window.hi, 2 * window.columns)

    lines = [envelope(one.pyramid) for one in series]
    shape = (len(series), 2 * window.columns)
    values = np.array(
        [
            [line.high for line in lines],
            [line.low for line in lines],
            [line.first for line in lines],
            [line.last for line in lines],
        ],
        dtype=np.float64,
    ).reshape(4, *shape)
    return Summary(
        series,
        values,
        np.array([line.joined for line in lines], dtype=np.bool_).reshape(shape),
        tuple(
            (envelope(one.low), envelope(one.high)) if one.low and one.high else None
            for one in series
        ),
    )


def scale_for(summary: Summary, previous: Scale | None, log: bool) -> Scale | None:
    """Bounds around all that is seen; the previous ones where nothing is, if they fit the axis."""
    bounds = summary.bounds()
    if bounds is None:
        return previous if previous is not None and previous.log == log else None
    return y_scale(*bounds, previous, log)


def draw(summary: Summary, window: Window, scale: Scale, rows: int) -> Picture:
    """The picture of a window.

    Args:
        summary: From `summarise`, for the same window.
        window: What is seen of x.
        scale: What is seen of y.
        rows: Cells from top to bottom, at least 1.
    """
    if not summary.series:
        return raster.blank(rows, window.columns)
    height = 4 * rows
    top, bottom, first, last = _heights(summary.values, scale, height)
    begin, stop = raster.spans(top, bottom, first, last, summary.joined, height)
    cells = raster.braille(begin, stop, rows)
    bands = _bands(summary, scale, rows)
    dim_until = [
        0 if one.dim_until is None else min(max(window.column(one.dim_until), 0), window.columns)
        for one in summary.series
    ]
    spots, seams = _marks(summary, window, scale, rows)
    spots += _ends(summary, window, scale, rows)
    picture = raster.compose(cells, bands, dim_until, spots)
    for column, glyph, owner in seams:
        free = (picture.dots[:, column] == 0) & (picture.glyph[:, column] == 0)
        picture.glyph[free, column] = ord(glyph)
        picture.owner[free, column] = owner
    return picture


def _heights(values: Floats, scale: Scale, height: int) -> Floats:
    """Values to dots from the top; the bounds fall on the middle of the outermost dots."""
    return (1.0 - scale.share(values)) * (height - 1) + 0.5


def _bands(summary: Summary, scale: Scale, rows: int) -> list[tuple[int, raster.Bytes]]:
    """(index of its series, filled cells) of each band."""
    there = [(index, band) for index, band in enumerate(summary.bands) if band is not None]
    if not there:
        return []
    height = 4 * rows
    values = np.array(
        [[upper.high for _, (_, upper) in there], [lower.low for _, (lower, _) in there]]
    )
    tops, bottoms = _heights(values, scale, height)
    for row, (_, (lower, upper)) in enumerate(there):
        tops[row] = raster.filled(tops[row], upper.joined)
        bottoms[row] = raster.filled(bottoms[row], lower.joined)
    known = (tops == tops) & (bottoms == bottoms)
    begin = np.where(known, np.minimum(np.maximum(np.floor(tops), 0), height), height)
    stop = np.where(known, np.minimum(np.maximum(np.floor(bottoms), -1), height - 1), -1)
    cells = raster.braille(begin.astype(np.int64), stop.astype(np.int64), rows)
    return [(index, cells[row]) for row, (index, _) in enumerate(there)]


def _marks(
    summary: Summary, window: Window, scale: Scale, rows: int
) -> tuple[list[Spot], list[tuple[int, str, int]]]:
    """The spots of all marks in the window, and the seams as (column, glyph, owner)."""
    spots: list[Spot] = []
    seams: list[tuple[int, str, int]] = []
    for index, one in enumerate(summary.series):
        for mark in one.marks:
            column = window.column(mark.x)
            if not 0 <= column < window.columns:
                continue
            if mark.kind == "seam":
                seams.append((column, mark.glyph, index + raster.DIM))
                continue
            value = mark.y if mark.y is not None else _known(summary.values[3, index], column)
            row = scale.row(value, rows)
            row = 0 if row is None else row
            if mark.kind == "spike":
                row = max(0, row - 1)
            spots.append(Spot(row, column, mark.glyph, index))
    return spots, seams


def _known(last: Floats, column: int) -> float:
    """The newest value at or before a cell column, else the first one after it, else NaN."""
    known = np.flatnonzero(~np.isnan(last))
    if not len(known):
        return float("nan")
    return float(last[known[max(0, int(known.searchsorted(2 * column + 1, "right")) - 1)]])


def _ends(summary: Summary, window: Window, scale: Scale, rows: int) -> list[Spot]:
    """Each series' own sign right after its newest point; where two collide, one moves a row."""
    taken: set[tuple[int, int]] = set()
    spots = []
    last = summary.values[3]
    newest = last.shape[1] - 1 - np.argmax((last == last)[:, ::-1], axis=1)  # bucket of each
    for index in reversed(range(len(summary.series))):  # the topmost chooses first
        bucket = int(newest[index])
        row = scale.row(float(last[index, bucket]), rows)
        if row is None:
            continue
        column = min(bucket // 2 + 1, window.columns - 1)
        for away in range(rows):
            free = [
                other
                for other in (row - away, row + away)
                if 0 <= other < rows and (other, column) not in taken
            ]
            if free:
                row = free[0]
                break
        taken.add((row, column))
        spots.append(Spot(row, column, summary.series[index].glyph[:1] or "●", index))
    return spots
