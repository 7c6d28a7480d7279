"""Curves over steps, epochs or time as a scene: axes, bands, lines, marks, and who is who."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from valtui.export.picture.scene import (
    Area,
    Path,
    Point,
    Scene,
    Sign,
    Words,
    shortened,
    text_width,
)
from valtui.widgets.axis import Formatter, Scale, number, tick_step, ticks, y_scale
from valtui.widgets.plot import Series
from valtui.widgets.pyramid import Pyramid

LEFT, RIGHT, BOTTOM = 54.0, 22.0, 40.0
TITLE, LEGEND = 15.0, 12.0
PIXELS_A_TICK_X, PIXELS_A_TICK_Y = 90, 42
SIGNS = frozenset({"best", "spike", "nan", "fork", "overfitting"})


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows.

    Attributes:
        series: its lines; their keys are the names of runs.
        log: whether heights are logarithmic.
    """

    title: str
    series: tuple[Series, ...]
    x_label: str
    y_format: Formatter = number
    log: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the plot lies in the scene, and what its edges stand for."""

    left: float
    top: float
    right: float
    bottom: float
    lo: float
    hi: float
    scale: Scale

    def x(self, value: float) -> float:
        """Return where x lies."""
        return self.left + (self.right - self.left) * (value - self.lo) / (self.hi - self.lo)

    def y(self, value: float) -> float:
        """Return where a height lies, at most at the edges."""
        share = float(self.scale.share(np.array([value]))[0])
        return self.bottom - (self.bottom - self.top) * min(max(share, 0.0), 1.0)


def draw_chart(chart: Chart, width: float, height: float) -> Scene:
    """Return the scene of a chart; one without a finite point says so."""
    scene = Scene(width, height, chart.title)
    scene.add(Words(0, TITLE, shortened(chart.title, TITLE, width), size=TITLE, bold=True))
    top = legend(scene, chart.series, width)
    frame = frame_of(chart, top, width, height)
    if frame is None:
        scene.add(Words(width / 2, height / 2, "nothing to draw yet", "dim", anchor="middle"))
        return scene
    axes(scene, chart, frame)
    columns = max(50, int(frame.right - frame.left))
    for one in chart.series:
        band(scene, one, frame, columns, chart.log)
    for one in chart.series:
        line(scene, one, frame, columns, chart.log)
    for one in chart.series:
        marks(scene, one, frame)
    return scene


def ink_of(series: Series) -> str:
    """Return the ink of a run."""
    return f"s{series.colour % 9 + 1}"


def legend(scene: Scene, series: Sequence[Series], width: float) -> float:
    """Say who is who below the title; return where that ends."""
    x, y = 0.0, TITLE + 20
    for one in series:
        text = shortened(f"{one.glyph} {one.key}", LEGEND, width - 30)
        wide = 26 + text_width(text, LEGEND)
        if x and x + wide > width:
            x, y = 0.0, y + 18
        scene.add(
            Path(((x, y - 4), (x + 16, y - 4)), ink_of(one), 2.5),
            Words(x + 21, y, text, size=LEGEND),
        )
        x += wide + 12
    return y + 14


def frame_of(chart: Chart, top: float, width: float, height: float) -> Frame | None:
    """Return the axes around all that is there; None where nothing is finite."""
    pyramids = [one.pyramid.positive if chart.log else one.pyramid for one in chart.series]
    firsts = [one.first_x for one in pyramids if one.first_x is not None]
    lasts = [one.last_x for one in pyramids if one.last_x is not None]
    if not firsts or not lasts:
        return None
    lo, hi = min(firsts), max(lasts)
    if lo > 0 and lo < 0.2 * hi:
        lo = 0.0
    if hi <= lo:
        hi = lo + 1.0
    everything = [
        pyramid.positive if chart.log else pyramid
        for one in chart.series
        for pyramid in (one.pyramid, one.low, one.high)
        if pyramid is not None
    ]
    bounds = [found for one in everything if (found := one.bounds(lo, hi)) is not None]
    if not bounds:
        return None
    scale = y_scale(min(low for low, _ in bounds), max(high for _, high in bounds), None, chart.log)
    return Frame(LEFT, top, width - RIGHT, height - BOTTOM, lo, hi, scale)


def axes(scene: Scene, chart: Chart, frame: Frame) -> None:
    """Draw grid, figures along the edges and the label of x."""
    heights = ticks(frame.scale, int((frame.bottom - frame.top) / PIXELS_A_TICK_Y) + 1)
    step = tick_step(heights, frame.scale)
    for value in heights:
        y = frame.y(value)
        scene.add(
            Path(((frame.left, y), (frame.right, y)), "grid", 1),
            Words(frame.left - 6, y + 4, chart.y_format(value, step), "dim", 11, "end"),
        )
    across = Scale(frame.lo, frame.hi)
    places = ticks(across, int((frame.right - frame.left) / PIXELS_A_TICK_X) + 1)
    for value in places:
        x = frame.x(value)
        scene.add(
            Path(((x, frame.bottom), (x, frame.bottom + 4)), "dim", 1),
            Words(x, frame.bottom + 17, number(value, tick_step(places, across)), "dim", 11, "middle"),
        )  # fmt: skip
    scene.add(
        Path(((frame.left, frame.bottom), (frame.right, frame.bottom)), "dim", 1),
        Words((frame.left + frame.right) / 2, frame.bottom + 33, chart.x_label, "dim", 11, "middle"),
    )  # fmt: skip


def line(scene: Scene, series: Series, frame: Frame, columns: int, log: bool) -> None:
    """Draw the line of a run, broken where values are not finite, and its number at its end."""
    pieces = through(series.pyramid, frame, columns, log)
    for piece in pieces:
        for faint, part in settled(piece, series.dim_until):
            drawn = tuple((frame.x(x), frame.y(y)) for x, y in part)
            scene.add(Path(drawn, ink_of(series), faint=faint, label=series.key))
    if pieces:
        x, y = pieces[-1][-1]
        scene.add(
            Words(frame.x(x) + 5, frame.y(y) + 4, series.glyph, ink_of(series), 12, bold=True)
        )


def settled(piece: list[Point], until: float | None) -> list[tuple[bool, list[Point]]]:
    """Return a piece in its faint and its strong part, which share a point."""
    if until is None:
        return [(False, piece)]
    before = [point for point in piece if point[0] <= until]
    after = [point for point in piece if point[0] > until]
    return [
        (faint, part)
        for faint, part in ((True, before), (False, before[-1:] + after))
        if len(part) > 1 or (part and not faint)
    ]


def through(pyramid: Pyramid, frame: Frame, columns: int, log: bool) -> list[list[Point]]:
    """Return the points of a line, at most four a pixel, in pieces between what is not finite."""
    source = pyramid.positive if log else pyramid
    found = source.query(frame.lo, frame.hi, columns)
    pieces: list[list[Point]] = []
    for at in np.flatnonzero(np.isfinite(found.first)):
        x = frame.lo + (frame.hi - frame.lo) * (at + 0.5) / columns
        if not pieces or not found.joined[at]:
            pieces.append([])
        heights = (found.first[at], found.low[at], found.high[at], found.last[at])
        pieces[-1] += [(x, float(y)) for y in dict.fromkeys(heights)]
    return pieces


def band(scene: Scene, series: Series, frame: Frame, columns: int, log: bool) -> None:
    """Draw the band of a run."""
    if series.low is None or series.high is None:
        return
    low = (series.low.positive if log else series.low).query(frame.lo, frame.hi, columns)
    high = (series.high.positive if log else series.high).query(frame.lo, frame.hi, columns)
    pieces: list[tuple[list[Point], list[Point]]] = []
    for at in np.flatnonzero(np.isfinite(low.low) & np.isfinite(high.high)):
        x = frame.x(frame.lo + (frame.hi - frame.lo) * (at + 0.5) / columns)
        if not pieces or not (low.joined[at] and high.joined[at]):
            pieces.append(([], []))
        pieces[-1][0].append((x, frame.y(float(low.low[at]))))
        pieces[-1][1].append((x, frame.y(float(high.high[at]))))
    for below, above in pieces:
        if len(below) > 1:
            scene.add(Area((*below, *reversed(above)), ink_of(series)))


def marks(scene: Scene, series: Series, frame: Frame) -> None:
    """Draw the signs of a run: on its line where they have no height of their own."""
    for mark in series.marks:
        x = frame.x(mark.x)
        if not frame.lo <= mark.x <= frame.hi:
            continue
        if mark.kind not in SIGNS:  # a seam
            scene.add(Path(((x, frame.top), (x, frame.bottom)), "dim", 1, dashed=True))
            continue
        height = mark.y if mark.y is not None else height_at(series.pyramid, mark.x)
        y = frame.bottom - 8 if height is None else frame.y(height)
        scene.add(Sign(x, y, mark.kind, ink_of(series)))


def height_at(pyramid: Pyramid, x: float) -> float | None:
    """Return the height of the finite point nearest to x."""
    index = pyramid.nearest(x)
    return None if index is None else pyramid.point(index)[1]
