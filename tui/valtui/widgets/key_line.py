"""One line of keys and what they do; a click on one presses it.

One widget, where Textual's footer is one a key: a screen then comes sooner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.widget import Widget

DIM = Style(dim=True)


@dataclass(frozen=True, slots=True)
class KeyItem:
    """One key.

    Attributes:
        key: Textual's name of it.
        display: how it is written.
        label: what it does, in two or three words.
        enabled: whether it can be used now.
    """

    key: str
    display: str
    label: str
    enabled: bool = True

    @property
    def written(self) -> tuple[str, str]:
        """The two parts as they stand in the line, blanks around them."""
        return f" {self.display} ", f"{self.label} " if self.label else ""


class KeyLine(Widget):
    """The foot of a screen."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {"key-line--key", "key-line--label"}  # noqa: RUF012
    DEFAULT_CSS = """
    KeyLine {
        dock: bottom;
        height: 1;
        background: $panel;
        color: $footer-foreground;
        & > .key-line--key { color: $footer-key-foreground; text-style: bold; }
        & > .key-line--label { color: $footer-description-foreground; }
    }
    """

    def __init__(self, **options: str | None) -> None:
        """Begin empty."""
        super().__init__(**options)  # type: ignore[arg-type]
        self._items: tuple[KeyItem, ...] = ()

    def show(self, items: Sequence[KeyItem]) -> None:
        """Show `items` from left to right."""
        if tuple(items) != self._items:
            self._items = tuple(items)
            self.refresh()

    @property
    def width_needed(self) -> int:
        """The cells that all keys take."""
        return sum(cell_len("".join(item.written)) for item in self._items)

    def render(self) -> Text:
        """Draw the line."""
        key_style = self.get_component_rich_style("key-line--key", partial=True)
        label_style = self.get_component_rich_style("key-line--label", partial=True)
        line = Text(no_wrap=True, overflow="ellipsis", end="")
        for item in self._items:
            for text, style in zip(item.written, (key_style, label_style), strict=True):
                line.append(text, style if item.enabled else style + DIM)
        return line

    def item_at(self, x: int) -> KeyItem | None:
        """Return the key in whose cells the column x is, or None."""
        for item in self._items:
            x -= cell_len("".join(item.written))
            if x < 0:
                return item
        return None

    def on_click(self, event: events.Click) -> None:
        """Press the key under the pointer."""
        item = self.item_at(event.x)
        if item is None:
            return
        if item.enabled:
            self.app.simulate_key(item.key)
        else:
            self.app.bell()
