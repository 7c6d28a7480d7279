"""What lists of lines with a cursor have in common: which line belongs to which key, and clicks."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.widget import Widget

POINTER = "▸"


class Selecting(Widget):
    """Lines of text in blocks, each with a key; one of them is the cursor's.

    A subclass makes the blocks for a width; an empty key cannot be chosen.
    """

    class Chosen(Message):
        """A block was clicked."""

        def __init__(self, key: str) -> None:
            """Say which."""
            super().__init__()
            self.key = key

    def __init__(self, **options: str | None) -> None:
        """Begin empty."""
        super().__init__(**options)  # type: ignore[arg-type]
        self.selected = ""
        self._height = 0

    def blocks(self, width: int) -> list[tuple[str, list[Text]]]:
        """Return the key and the lines of each block at a width in cells."""
        raise NotImplementedError

    def select(self, key: str) -> None:
        """Put the cursor on the block with that key; on none if there is no such block."""
        key = key if key in self.keys else ""
        if key != self.selected:
            self.selected = key
            self.refresh()

    def renew(self) -> None:
        """Draw anew what is to be shown, and ask for more room if it needs more."""
        if self.is_attached:
            height = self._count(self.content_size.width)
            self.refresh(layout=height != self._height)

    @property
    def keys(self) -> list[str]:
        """The keys that can be chosen, from top to bottom."""
        raise NotImplementedError

    def region_of(self, key: str) -> Region:
        """Return where the block with that key is, in this widget."""
        top = 0
        for other, lines in self.blocks(max(20, self.content_size.width)):
            if other == key:
                return Region(0, top, self.content_size.width, len(lines))
            top += len(lines)
        return Region(0, 0, self.content_size.width, 1)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return as many lines as there are."""
        self._height = self._count(width)
        return self._height

    def _count(self, width: int) -> int:
        return sum(len(lines) for _, lines in self.blocks(max(20, width)))

    def render(self) -> Text:
        """Draw all blocks."""
        width = max(20, self.content_size.width)
        found = [line for _, lines in self.blocks(width) for line in lines]
        for line in found:
            line.truncate(width, overflow="ellipsis")
        return Text("\n", no_wrap=True, end="").join(found)

    def on_click(self, event: events.Click) -> None:
        """Choose the block under the pointer."""
        top = 0
        for key, lines in self.blocks(max(20, self.content_size.width)):
            top += len(lines)
            if event.y < top:
                if key:
                    self.post_message(self.Chosen(key))
                return

    def style(self, name: str) -> Style:
        """Return the style of a component class."""
        return self.get_component_rich_style(name, partial=True)


def pointer(selected: bool) -> str:
    """Return the two cells before a line that say whether the cursor is there."""
    return f"{POINTER} " if selected else "  "


def joined(parts: Sequence[tuple[str, Style | None]]) -> Text:
    """Return one line of styled pieces, which hold no markup."""
    line = Text(no_wrap=True, end="")
    for text, style in parts:
        line.append(text, style or Style())
    return line
