"""Samples as small pictures side by side, each with a caption; as large as lets most be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from valtui.widgets.folding import fold
from valtui.widgets.group_bars import shortened
from valtui.widgets.half_blocks import Picture, cells_for, draw
from valtui.widgets.selecting import Selecting, pointer

WIDTHS = (28, 24, 20, 17, 14, 12, 10)
"""Widths of a picture in cells that are tried, the largest first; its height is half of that."""

NO_PICTURE = "no picture"
GAP = 2
LEFT = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: its picture, if there is one, and the lines of its caption."""

    picture: Picture | None
    caption: tuple[str, ...]


class SampleStrip(Widget):
    """A sentence, and pictures below it, in rows."""

    COMPONENT_CLASSES = {"sample-strip--dim", "sample-strip--title"}  # noqa: RUF012
    DEFAULT_CSS = """
    SampleStrip {
        height: 1fr;
        & > .sample-strip--dim { color: $foreground 60%; }
        & > .sample-strip--title { text-style: bold; }
        &:ansi > .sample-strip--dim { color: ansi_default; }
    }
    """

    def __init__(self, key: str, **options: str | None) -> None:
        """Begin empty; `key` is what the cursor chooses."""
        super().__init__(**options)  # type: ignore[arg-type]
        self._key = key
        self._title = ""
        self._samples: tuple[Sample, ...] = ()
        self._shades = False
        self._ink_is_bright = True
        self.selected = ""
        self._strips: list[Strip] | None = None

    def show(self, title: str, samples: Sequence[Sample]) -> None:
        """Draw a sentence and the samples, the most important first, if they differ from what is drawn."""
        if (title, tuple(samples)) != (self._title, self._samples):
            self._title, self._samples = title, tuple(samples)
            self._renew()

    def draw_with(self, *, shades: bool, ink_is_bright: bool) -> None:
        """Draw in shades instead of colours, and say whether ink is brighter than its ground."""
        if (shades, ink_is_bright) != (self._shades, self._ink_is_bright):
            self._shades, self._ink_is_bright = shades, ink_is_bright
            self._renew()

    def select(self, key: str) -> None:
        """Show or hide the cursor before the sentence."""
        key = key if key == self._key else ""
        if key != self.selected:
            self.selected = key
            self._renew()

    @property
    def keys(self) -> list[str]:
        """The one key that can be chosen."""
        return [self._key]

    def region_of(self, key: str) -> Region:
        """Return where the sentence is."""
        return Region(0, 0, self.size.width, 1)

    def on_click(self, event: events.Click) -> None:
        """Choose it."""
        self.post_message(Selecting.Chosen(self._key))

    def on_resize(self) -> None:
        """Lay the pictures out anew."""
        self._renew()

    def notify_style_update(self) -> None:
        """Draw anew in the colours of another theme."""
        self._strips = None
        super().notify_style_update()

    def _renew(self) -> None:
        self._strips = None
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the height with pictures of the smallest size."""
        return len(self._layout(width, 10_000))

    def render_line(self, y: int) -> Strip:
        """Return one line of cells."""
        if self._strips is None:
            width, height = self.size
            strips = self._layout(width, height) if width > 0 else []
            style = self.rich_style
            self._strips = [strip.apply_style(style) for strip in strips]
        if y < len(self._strips):
            return self._strips[y].adjust_cell_length(self.size.width, self.rich_style)
        return Strip.blank(self.size.width, self.rich_style)

    def _layout(self, width: int, height: int) -> list[Strip]:
        dim = self.get_component_rich_style("sample-strip--dim", partial=True)
        chosen = bool(self.selected)
        title = fold(self._title, max(10, width - LEFT), 4)
        strips = [
            Strip(
                [
                    Segment(pointer(chosen) if not number else " " * LEFT),
                    Segment(text, Style(bold=chosen or None)),
                ]
            )
            for number, text in enumerate(title)
        ]
        room = height - len(strips)
        caption = max((len(sample.caption) for sample in self._samples), default=0)
        size, across, down = self._grid(width - LEFT, room, caption)
        shown = self._samples[: across * down]
        for begin in range(0, len(shown), across):
            strips += self._row(shown[begin : begin + across], size, caption, dim)
        hidden = len(self._samples) - len(shown)
        if hidden and self._samples:
            strips.append(Strip([Segment(f"  and {hidden} more", dim)]))
        return strips

    def _grid(self, width: int, room: int, caption: int) -> tuple[int, int, int]:
        """Return the width of a picture, and how many stand side by side and one below another."""
        count = len(self._samples)
        widest = max((cell_len(line) for one in self._samples for line in one.caption), default=0)
        best = (WIDTHS[-1], 1, 0)
        for size in WIDTHS:
            cell = max(size, min(widest, size + 4)) + GAP
            across = max(1, (width + GAP) // cell)
            tall = self._rows_of(size) + caption
            down = max(0, (room - (0 if across * (room // tall) >= count else 1)) // tall)
            if min(across * down, count) > min(best[1] * best[2], count):
                best = (size, across, down)
        return best

    def _rows_of(self, size: int) -> int:
        """Return how many rows the tallest picture takes at a width."""
        return max(
            (cells_for(one.picture, size, size)[1] for one in self._samples if one.picture),
            default=1,
        )

    def _row(self, samples: Sequence[Sample], size: int, caption: int, dim: Style) -> list[Strip]:
        """Return the lines of pictures side by side, captions below."""
        widest = max((cell_len(line) for one in self._samples for line in one.caption), default=0)
        cell = max(size, min(widest, size + 4))
        rows = self._rows_of(size)
        pictures = [self._picture(one, size, cell, rows, dim) for one in samples]
        strips = []
        for y in range(rows):
            line = [Segment(" " * LEFT)]
            for picture in pictures:
                line += [*picture[y], Segment(" " * GAP)]
            strips.append(Strip(line))
        for y in range(caption):
            line = [Segment(" " * LEFT)]
            for one in samples:
                text = one.caption[y] if y < len(one.caption) else ""
                line.append(Segment(shortened(text, cell) + " " * GAP, None if not y else dim))
            strips.append(Strip(line))
        return strips

    def _picture(
        self, sample: Sample, size: int, cell: int, rows: int, dim: Style
    ) -> list[list[Segment]]:
        blank = [Segment(" " * cell)]
        if sample.picture is None:
            return [[Segment(shortened(NO_PICTURE, cell), dim)], *[blank] * (rows - 1)]
        drawn = draw(
            sample.picture, size, size, shades=self._shades, ink_is_bright=self._ink_is_bright
        )
        lines = [[*line, Segment(" " * (cell - size))] for line in drawn]
        return lines + [blank] * (rows - len(lines))
