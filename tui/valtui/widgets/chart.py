"""The chart: braille lines over axes, drawn by Textual's line API, a few cells a refresh.

It draws the series it is given, keeps a view of x and a cursor, and tells when they move. All
colours are component classes; arrays live outside the reactives, which cannot hold them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from valtui.widgets import axis, frame, palette
from valtui.widgets.frame import Canvas, Layout
from valtui.widgets.plot import Mark, Series, Window, draw, drawing_order, scale_for, summarise

__all__ = ["Chart", "Mark", "Series"]

ZOOM_STEP = 1.25
"""How much one notch of the mouse wheel zooms."""

DEEPEST = 1e-5
"""The narrowest view, as a share of all x."""

NEAR = 12
"""Cells that stay the same between two that change are sent too, up to so many: a jump costs as much."""


class Chart(Widget):
    """Lines over a common x, with bands, marks, axes, a cursor, zoom and pan.

    The caller puts the title into `border_title`. Without focus and bindings of its own: keys
    belong to screens. The mouse wheel zooms, dragging pans, a double click shows all again.
    """

    ALLOW_MAXIMIZE: ClassVar[bool | None] = True

    COMPONENT_CLASSES: ClassVar[set[str]] = palette.COMPONENTS
    DEFAULT_CSS = palette.CSS

    log: reactive[bool] = reactive(False, repaint=False, init=False)  # type: ignore[assignment]
    """Whether y is on a log axis. (It hides Textual's logger, which a chart does not use.)"""

    cursor: reactive[float | None] = reactive(None, repaint=False, init=False)
    """x of the cursor's line; None for none."""

    empty: reactive[str] = reactive("waiting for the first evaluation", repaint=False, init=False)
    """What an empty chart says."""

    @dataclass
    class CursorMoved(Message):
        """The mouse moved the cursor to x, or off the plot (None)."""

        chart: Chart
        x: float | None

        @property
        def control(self) -> Chart:
            """The chart it happened on."""
            return self.chart

        def can_replace(self, message: Message) -> bool:
            """A newer place makes an older one pointless."""
            return isinstance(message, Chart.CursorMoved) and message.chart is self.chart

    @dataclass
    class ViewChanged(Message):
        """Zooming or panning changed what is seen of x; all: everything is shown again."""

        chart: Chart
        lo: float
        hi: float
        all: bool

        @property
        def control(self) -> Chart:
            """The chart it happened on."""
            return self.chart

        def can_replace(self, message: Message) -> bool:
            """A newer view makes an older one pointless."""
            return isinstance(message, Chart.ViewChanged) and message.chart is self.chart

    def __init__(
        self,
        *,
        empty: str | None = None,
        log: bool = False,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        """Args: empty: what it says without data; log: start with a log axis; the rest: Widget's."""
        super().__init__(name=name, id=id, classes=classes)
        if empty is not None:
            self.set_reactive(Chart.empty, empty)
        self.set_reactive(Chart.log, log)
        self._series: tuple[Series, ...] = ()
        self._order: tuple[Series, ...] = ()
        self._x_label = ""
        self._y_format: axis.Formatter = axis.number
        self._x_end: float | None = None
        self._auto: tuple[float, float] | None = None
        self._view: tuple[float, float] | None = None
        self._scale: axis.Scale | None = None
        self._label_width = 0
        self._layout = Layout(0, 0, 0, 0)
        self._canvas = Canvas.blank(0, 0)
        self._drawn: tuple[int, ...] = ()
        self._styles_of: dict[int, Style] = {}
        self._styles_made: dict[tuple[str, ...], Style] = {}
        self._dragged: tuple[int, tuple[float, float]] | None = None

    # What others call.

    def show(
        self,
        series: Sequence[Series],
        *,
        x_label: str = "",
        y_format: axis.Formatter = axis.number,
        x_end: float | None = None,
        log: bool | None = None,
    ) -> None:
        """Show these series in place of the ones before.

        Args:
            series: In the order of their readout; at most 32 visible ones are drawn.
            x_label: What x counts, such as "step".
            y_format: Writes the ticks of y; see `axis.Formatter`.
            x_end: Where x will end, if known: the axis then need not grow.
            log: Whether y is on a log axis; None: as before.
        """
        if log is not None and log != self.log:
            self.set_reactive(Chart.log, log)
            self._scale, self._label_width = None, 0
        if y_format is not self._y_format:
            self._label_width = 0
        if {one.key for one in series} != {one.key for one in self._series}:
            self._auto = self._scale = None
        worn = {code: self._style(code) for code in np.unique(self._canvas.codes).tolist()}
        self._series, self._order = tuple(series), drawing_order(series)
        self._styles_of = {}  # the same code may now mean another colour
        self._x_label, self._y_format, self._x_end = x_label, y_format, x_end
        self._drawn = self._lengths()
        self._redraw(worn)

    def refresh_data(self) -> None:
        """Draw points that were appended; only the cells that changed go to the terminal."""
        if (lengths := self._lengths()) != self._drawn:
            self._redraw()
            self._drawn = lengths

    def _lengths(self) -> tuple[int, ...]:
        return tuple(
            len(pyramid)
            for one in self._order
            for pyramid in (one.pyramid, one.low, one.high)
            if pyramid is not None
        )

    def _redraw(self, worn: Mapping[int, Style] = MappingProxyType({})) -> None:
        if self.is_attached and self.size:
            self._update(self._build(), worn)

    def read(self, x: float) -> list[tuple[str, float]]:
        """(key, value) of each visible series at its point nearest to x; NaN where there is none."""
        return [(one.key, one.pyramid.read(x)) for one in self._series if one.visible]

    @property
    def view(self) -> tuple[float, float] | None:
        """What is seen of x, as (lo, hi); None while there are no data."""
        return self._view or self._all()

    def set_view(self, lo: float, hi: float) -> None:
        """Show x from lo to hi without telling anybody: for linked charts."""
        if math.isfinite(lo) and math.isfinite(hi) and hi > lo and (lo, hi) != self._view:
            self._view = (lo, hi)
            self._redraw()

    def show_all(self) -> None:
        """Show all of x again without telling anybody: for linked charts."""
        if self._view is not None:
            self._view = None
            self._redraw()

    def zoom(self, factor: float, around: float | None = None) -> None:
        """Show 1 / factor of what is seen: above 1 goes nearer.

        Args:
            factor: Positive.
            around: x that stays where it is; None: the cursor, or the newest point if in sight.
        """
        view, everything = self.view, self._all()
        if view is None or everything is None or not factor > 0:
            return
        lo, hi = view
        if around is None:
            around = self.cursor if self.cursor is not None else self._newest()
        if around is None or not lo <= around <= hi:
            around = (lo + hi) / 2
        full = everything[1] - everything[0]
        span = max((hi - lo) / factor, full * DEEPEST)
        share = (around - lo) / (hi - lo)
        self._look(around - share * span, around + (1 - share) * span)

    def pan(self, fraction: float) -> None:
        """Move by a fraction of what is seen; above 0 goes to larger x."""
        if (view := self.view) is not None:
            by = (view[1] - view[0]) * fraction
            self._look(view[0] + by, view[1] + by)

    def reset_view(self) -> None:
        """Show all of x again."""
        self.show_all()
        if (everything := self._all()) is not None:
            self.post_message(self.ViewChanged(self, *everything, all=True))

    # What the watchers and the mouse do.

    def watch_log(self) -> None:
        self._scale, self._label_width = None, 0
        self._redraw()

    def watch_cursor(self) -> None:
        self._redraw()

    def watch_empty(self) -> None:
        self._redraw()

    def _look(self, lo: float, hi: float) -> None:
        """Go to a view, kept inside of all that there is."""
        everything = self._all()
        if everything is None:
            return
        first, last = everything
        span = hi - lo
        if span >= (last - first) * (1 - 1e-9):
            self.reset_view()
            return
        lo = min(max(lo, first), last - span)
        self.set_view(lo, lo + span)
        self.post_message(self.ViewChanged(self, lo, lo + span, all=False))

    def _all(self) -> tuple[float, float] | None:
        """The range of x that holds all points; None while there are none."""
        sources = [one.pyramid for one in self._order if len(one.pyramid)]
        if not sources:
            return None
        first = min(source.first_x or 0.0 for source in sources)
        last = max(source.last_x or 0.0 for source in sources)
        if self._x_end is not None and self._x_end >= last and self._x_end > min(first, 0.0):
            return min(first, 0.0), self._x_end
        self._auto = axis.x_range(first, last, self._auto)
        return self._auto

    def _newest(self) -> float | None:
        return max((one.pyramid.last_x or 0.0 for one in self._order), default=None)

    def _x_under(self, event: events.MouseEvent) -> float | None:
        """x under the mouse; None beside the plot."""
        offset, window = event.get_content_offset(self), self._window()
        if offset is None or window is None:
            return None
        column = offset.x - self._layout.left
        if not 0 <= column < self._layout.columns or offset.y >= self._layout.rows:
            return None
        return window.x_at(column)

    def _on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragged is not None and self._layout.columns:
            begin, (lo, hi) = self._dragged
            by = (begin - event.screen_x) * (hi - lo) / self._layout.columns
            self._look(lo + by, hi + by)
            return
        self._point(self._x_under(event))

    def _on_leave(self, event: events.Leave) -> None:
        super()._on_leave(event)
        self._point(None)

    def _point(self, x: float | None) -> None:
        if x != self.cursor:
            self.cursor = x
            self.post_message(self.CursorMoved(self, x))

    async def _on_mouse_down(self, event: events.MouseDown) -> None:
        await super()._on_mouse_down(event)
        if event.button == 1 and (view := self._view) is not None:
            self._dragged = (event.screen_x, view)
            self.capture_mouse()

    async def _on_mouse_up(self, event: events.MouseUp) -> None:
        await super()._on_mouse_up(event)
        if self._dragged is not None:
            self._dragged = None
            self.release_mouse()

    async def _on_click(self, event: events.Click) -> None:
        if event.chain == 2:
            self.reset_view()

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, ZOOM_STEP)

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1 / ZOOM_STEP)

    def _wheel(self, event: events.MouseEvent, factor: float) -> None:
        event.stop()
        event.prevent_default()
        self.zoom(factor, self._x_under(event))

    # How it is drawn.

    def _on_resize(self, event: events.Resize) -> None:
        self._label_width = 0
        self._canvas = self._build()
        self.refresh()

    def _window(self) -> Window | None:
        view = self.view
        return (
            None
            if view is None or not self._layout.columns
            else Window(*view, self._layout.columns)
        )

    def _build(self) -> Canvas:
        """All cells as they should be now."""
        width, height = self.size
        if width < 1 or height < 1:
            return Canvas.blank(max(width, 0), max(height, 0))
        view = self.view
        layout = Layout.of(width, height, self._label_width)
        self._layout = layout
        if view is None or layout.rows < 1 or layout.columns < 1:
            return frame.sentence(width, height, self.empty)
        window = Window(*view, layout.columns)
        summary = summarise(self._order, window, self.log)
        scale = scale_for(summary, self._scale, self.log)
        if scale is None:
            return frame.sentence(width, height, self.empty)
        self._scale = scale
        labels = frame.y_ticks(scale, layout.rows, self._y_format) if layout.feet else ()
        widest = max((len(label) for _, label in labels), default=0)
        if widest > self._label_width:  # it only ever grows: the plot must not jump
            self._label_width = widest
            if Layout.of(width, height, widest) != layout:
                return self._build()
        picture = draw(summary, window, scale, layout.rows)
        paper = frame.paper(layout, window, scale, self._x_label, self._y_format)
        return frame.assemble(paper, picture, layout, window, self.cursor)

    def _update(self, canvas: Canvas, worn: Mapping[int, Style]) -> None:
        """Take a new canvas and ask for a refresh of the cells that differ.

        `worn` are the styles of the old one's codes, where the new one's may have others.
        """
        old, self._canvas = self._canvas, canvas
        if old.characters.shape != canvas.characters.shape:
            self.refresh()
            return
        changed = (old.characters != canvas.characters) | (old.codes != canvas.codes)
        for code, style in worn.items():
            if self._style(code) != style:
                changed |= canvas.codes == code
        regions = [
            Region(begin, row, end - begin, 1)
            for row in np.flatnonzero(changed.any(axis=1)).tolist()
            for begin, end in stretches(np.flatnonzero(changed[row]))
        ]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """One line of cells, in as few pieces as there are colours."""
        width, height = self.size
        if self._canvas.characters.shape != (height, width):
            self._canvas = self._build()
        if not 0 <= y < height:
            return Strip.blank(width, self.rich_style)
        pieces = frame.runs(self._canvas, y, self._style)
        return Strip([Segment(text, self._style(code)) for text, code in pieces], width)

    def notify_style_update(self) -> None:
        """Forget the colours: the theme or a rule has changed."""
        self._styles_of, self._styles_made = {}, {}
        super().notify_style_update()

    def _style(self, code: int) -> Style:
        style = self._styles_of.get(code)
        if style is None:
            names = palette.components(code, self._order)
            style = self._styles_made.get(names)
            if style is None:
                style = self._styles_made[names] = self._make_style(names)
            self._styles_of[code] = style
        return style

    def _make_style(self, names: tuple[str, ...]) -> Style:
        merged = self.get_component_styles(*names)
        ground = self.background_colors[1]
        if merged.has_rule("background"):
            ground = ground + merged.background
        ink = merged.color
        if ink.ansi is None and ground.ansi is None:
            ink = ground.blend(ink, ink.a * merged.text_opacity, 1.0)
        return Style.from_color(ink.rich_color, ground.rich_color) + merged.text_style


def stretches(columns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Iterator[tuple[int, int]]:
    """Begin and end (exclusive) of each stretch of `columns`, which ascend and of which there is one."""
    gaps = np.flatnonzero(np.diff(columns) > NEAR)
    yield from zip(
        columns[[0, *(gaps + 1)]].tolist(), (columns[[*gaps, -1]] + 1).tolist(), strict=True
    )
