"""Sentences one below the other, each with a sign before it; the cursor can stand on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.style import Style
from rich.text import Text

from valtui.widgets.folding import fold
from valtui.widgets.selecting import Selecting, pointer

Kind = Literal["strong", "plain", "dim", "wrong", "doubtful"]


@dataclass(frozen=True, slots=True)
class Item:
    """One sentence; every text is ready to be shown.

    Attributes:
        key: what the cursor chooses; empty for none.
        sign: one character, or none.
        name: what it is about, in bold; may be empty.
        kind: how it is drawn; it is never told by colour alone: `sign` says it too.
        most_lines: it is cut after so many.
    """

    key: str
    sign: str
    name: str
    text: str
    kind: Kind = "plain"
    most_lines: int = 4


class ItemList(Selecting):
    """A list of items, folded to the width."""

    COMPONENT_CLASSES = {  # noqa: RUF012
        "item-list--strong", "item-list--plain", "item-list--dim", "item-list--wrong",
        "item-list--doubtful", "item-list--name",
    }  # fmt: skip
    DEFAULT_CSS = """
    ItemList {
        height: auto;
        & > .item-list--strong { text-style: bold; }
        & > .item-list--name { text-style: bold; }
        & > .item-list--dim { color: $foreground 60%; }
        & > .item-list--wrong { color: $text-error; text-style: bold; }
        & > .item-list--doubtful { color: $text-warning; }
        &:ansi > .item-list--dim { color: ansi_default; }
    }
    """

    def __init__(self, **options: str | None) -> None:
        """Begin empty."""
        super().__init__(**options)
        self._items: tuple[Item, ...] = ()

    def show(self, items: Sequence[Item]) -> None:
        """Draw `items`, if they differ from what is drawn."""
        if tuple(items) != self._items:
            self._items = tuple(items)
            self.renew()

    @property
    def keys(self) -> list[str]:
        """The keys of the items that have one."""
        return [item.key for item in self._items if item.key]

    def blocks(self, width: int) -> list[tuple[str, list[Text]]]:
        """Return the lines of each item."""
        return [(item.key, self._lines(item, width)) for item in self._items]

    def _lines(self, item: Item, width: int) -> list[Text]:
        style = self.style(f"item-list--{item.kind}")
        selected = bool(item.key) and item.key == self.selected
        before = pointer(selected) + (f"{item.sign} " if item.sign else "")
        name = f"{item.name}  " if item.name else ""
        folded = fold(name + item.text, width - len(before), item.most_lines)
        lines = []
        for number, text in enumerate(folded):
            line = Text(before if not number else " " * len(before), style, no_wrap=True, end="")
            line.append(text, style + (Style(bold=True) if selected else Style()))
            if not number and name:
                line.stylize(style + Style(bold=True), len(before), len(before) + len(item.name))
            lines.append(line)
        return lines
