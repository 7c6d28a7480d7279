"""Makes Textual draw and write just the cells that a widget asked to refresh.

Textual 8 draws every widget between the outermost dirty cells, what lies below others too, crops an
update to its right end only and writes each line from the left edge of its widget. Here each dirty cell
is drawn once, by the topmost widget that covers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from textual._compositor import Compositor, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from valtui.widgets.ink import Ink

Span = tuple[int, int]
Pieces = dict[int, list[tuple[int, Strip]]]
"""Of each row what is drawn, as (first column, strip), from left to right."""


class CellUpdate(CompositorUpdate):
    """An update of spans of cells."""

    def __init__(self, pieces: Pieces) -> None:
        """Update the cells of `pieces`."""
        self.pieces = pieces

    def render_segments(self, console: Console) -> str:
        """The update as it goes to the terminal: text and control sequences."""
        sequences: list[str] = []
        ink = Ink(console._color_system)
        for y, row in self.pieces.items():
            end = -1
            for begin, strip in row:
                if begin != end:
                    sequences.append(f"\x1b[{y + 1};{begin + 1}H")
                sequences.append(ink.write(strip))
                end = begin + strip.cell_length
        sequences.append(ink.end())
        return "".join(sequences)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The rows of an update of the whole screen, for a picture of it."""
        for _, row in sorted(self.pieces.items()):
            yield from Strip.join([strip for _, strip in row])
            yield Segment.line()


class CellCompositor(Compositor):
    """A compositor whose updates are exact."""

    def render_partial_update(self) -> CellUpdate | None:  # type: ignore[override]
        """The update of all regions that are due; None where none is."""
        screen = self.size.region
        due = [region.intersection(screen) for region in self._dirty_regions]
        self._dirty_regions.clear()
        if not due:
            return None
        wanted: dict[int, list[Span]] = {}
        for y, begin, end in self._regions_to_spans(due):
            if begin < end:
                wanted.setdefault(y, []).append((begin, end))
        return CellUpdate(self._paint(wanted))

    def render_full_update(  # type: ignore[override]
        self, simplify: bool = False
    ) -> CellUpdate | LayoutUpdate:
        """The update of the whole screen; `simplify` joins what has one style, for pictures."""
        screen = self.size.region
        self._dirty_regions.clear()
        painted = self._paint({y: [screen.column_span] for y in screen.line_range})
        if not simplify:
            return CellUpdate(painted)
        rows = [[strip for _, strip in painted[y]] for y in screen.line_range]
        return LayoutUpdate([[Strip.join(row).simplify().discard_meta()] for row in rows], screen)

    def _paint(self, wanted: dict[int, list[Span]]) -> Pieces:
        """Draw the `wanted` spans of each row; `wanted` is used up."""
        painted: Pieces = {y: [] for y in wanted}
        above: list[Region] = []
        for widget, (region, clip) in self.visible_widgets.items():  # the topmost comes first
            seen = region.intersection(clip)
            left, right = seen.column_span
            rows = [y for y in seen.line_range if y in wanted and meets(wanted[y], left, right)]
            for first, last in stretches(rows):
                part = Region(seen.x - region.x, first - region.y, seen.width, last - first + 1)
                for y, strip in enumerate(widget.render_lines(part), first):
                    rest = []
                    for begin, end in wanted[y]:
                        lo, hi = max(begin, left), min(end, right)
                        if lo >= hi:
                            rest.append((begin, end))
                            continue
                        cells = lo - left, hi - left
                        wider = whole_characters(strip, *cells)
                        if wider != cells and not covers(
                            above, left + wider[0], left + wider[1], y
                        ):
                            cells = wider
                        painted[y].append((left + cells[0], strip.crop(*cells)))
                        rest += [span for span in ((begin, lo), (hi, end)) if span[0] < span[1]]
                    if rest:
                        wanted[y] = rest
                    else:
                        del wanted[y]
            if not wanted:
                break
            above.append(seen)
        for row in painted.values():
            row.sort(key=first_column)
        return painted


def first_column(piece: tuple[int, Strip]) -> int:
    """Return where a piece begins."""
    return piece[0]


def covers(regions: list[Region], begin: int, end: int, y: int) -> bool:
    """Tell whether the first or last of the cells from `begin` to before `end` lies in one of `regions`."""
    return any(one.contains(begin, y) or one.contains(end - 1, y) for one in regions)


def whole_characters(strip: Strip, begin: int, end: int) -> Span:
    """Return the cells from `begin` to before `end`, and what belongs to a wide character at either end."""
    if len(strip.text) == strip.cell_length:
        return begin, end
    at = 0
    first, last = begin, end
    for character in strip.text:
        after = at + cell_len(character)
        if at < begin < after:
            first = at
        if at < end < after:
            last = after
        at = after
    return first, last


def meets(spans: list[Span], left: int, right: int) -> bool:
    """Tell whether any of `spans` has a cell from `left` to before `right`."""
    return any(begin < right and end > left for begin, end in spans)


def stretches(rows: list[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each stretch of neighbouring `rows`, which ascend."""
    first = 0
    for index, row in enumerate(rows):
        if index + 1 == len(rows) or rows[index + 1] != row + 1:
            yield rows[first], row
            first = index + 1


def write_exact_cells(screen: Screen[Any]) -> None:
    """Give a screen exact updates from now on; one that has a compositor of its own keeps it."""
    if type(screen._compositor) is Compositor:
        screen._compositor.__class__ = CellCompositor
