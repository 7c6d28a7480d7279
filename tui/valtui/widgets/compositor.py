"""Makes Textual write just the cells that a widget asked to refresh.

Textual 8 crops an update to its right end only and writes each line from the left edge of its
widget. A chart that grows at its right would so send itself whole, ten times a second.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor
from textual.screen import Screen


class CellUpdate(ChopsUpdate):
    """An update of spans of cells, cropped at both ends."""

    def render_segments(self, console: Console) -> str:
        """The update as it goes to the terminal: text and control sequences."""
        sequences: list[str] = []
        for y, begin, end in self.spans:
            chops = zip(self.chops[y].items(), self.chop_ends[y], strict=False)
            for (left, strip), right in chops:
                first, last = max(left, begin), min(right, end)
                if strip is not None and first < last:
                    sequences.append(Control.move_to(first, y).segment.text)
                    sequences.append(strip.crop(first - left, last - left).render(console))
        return "".join(sequences)


class CellCompositor(Compositor):
    """A compositor whose partial updates are exact."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """The update of all regions that are due; None where none is."""
        update = super().render_partial_update()
        return update and CellUpdate(update.chops, update.spans, update.chop_ends)


def write_exact_cells(screen: Screen[object]) -> None:
    """Give a screen exact updates from now on; one that has a compositor of its own keeps it."""
    if type(screen._compositor) is Compositor:
        screen._compositor.__class__ = CellCompositor
