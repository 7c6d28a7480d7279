"""Groups of a whole, each a small bar of its share with a mark where its size would put it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from valtui.widgets.folding import fold
from valtui.widgets.selecting import Selecting, joined, pointer

BAR, MARK, TRACK = "█", "┃", "·"
INDENT = 2
LONGEST_NAME, SHORTEST_BAR, LONGEST_BAR = 18, 4, 30


@dataclass(frozen=True, slots=True)
class Bar:
    """One group; every text is ready to be shown.

    Attributes:
        share: its part of the whole; below zero it is drawn as nothing.
        expected: its part of the members: where the mark stands.
        figure: the share with its interval, in words.
        words: how the two compare.
    """

    name: str
    share: float
    expected: float
    figure: str
    words: str


@dataclass(frozen=True, slots=True)
class Kind:
    """Groups that make up one whole; `key` is what the cursor chooses, `rest` what is left out."""

    key: str
    title: str
    bars: tuple[Bar, ...]
    rest: str = ""


class GroupBars(Selecting):
    """One kind of groups below another; a text stands for what cannot be told."""

    COMPONENT_CLASSES = {  # noqa: RUF012
        "group-bars--bar", "group-bars--mark", "group-bars--dim", "group-bars--title",
    }  # fmt: skip
    DEFAULT_CSS = """
    GroupBars {
        height: auto;
        & > .group-bars--bar { color: $primary; }
        & > .group-bars--mark { color: $foreground; text-style: bold; }
        & > .group-bars--dim { color: $foreground 60%; }
        & > .group-bars--title { text-style: bold; }
        &:ansi > .group-bars--dim { color: ansi_default; }
    }
    """

    def __init__(self, **options: str | None) -> None:
        """Begin empty."""
        super().__init__(**options)
        self._kinds: tuple[Kind | str, ...] = ()

    def show(self, kinds: Sequence[Kind | str]) -> None:
        """Draw the kinds, if they differ from what is drawn."""
        if tuple(kinds) != self._kinds:
            self._kinds = tuple(kinds)
            self.renew()

    @property
    def keys(self) -> list[str]:
        """The keys of the kinds."""
        return [kind.key for kind in self._kinds if isinstance(kind, Kind)]

    def blocks(self, width: int) -> list[tuple[str, list[Text]]]:
        """Return the lines of each kind."""
        dim = self.style("group-bars--dim")
        found = []
        for kind in self._kinds:
            if isinstance(kind, str):
                texts = fold(kind, width - 2, 3)
                found.append(("", [joined([("  " + text, dim)]) for text in texts]))
                continue
            title = self.style("group-bars--title")
            lines = [joined([(pointer(kind.key == self.selected) + kind.title, title)])]
            lines += self._bars(kind.bars, width)
            if kind.rest:
                lines.append(joined([(" " * INDENT + kind.rest, dim)]))
            found.append((kind.key, lines))
        return found

    def _bars(self, bars: Sequence[Bar], width: int) -> list[Text]:
        name = min(LONGEST_NAME, max((cell_len(bar.name) for bar in bars), default=0))
        figure = max((cell_len(bar.figure) for bar in bars), default=0)
        words = max((cell_len(bar.words) for bar in bars), default=0)
        room = width - INDENT - name - figure - words - 4
        length = min(LONGEST_BAR, max(SHORTEST_BAR, room))
        whole = max([0.01, *(max(one.share, one.expected) for one in bars)])
        return [self._line(one, name, length, figure, whole) for one in bars]

    def _line(self, one: Bar, name: int, bar: int, figure: int, whole: float) -> Text:
        filled = round(bar * max(0.0, one.share) / whole)
        cells = BAR * filled + TRACK * (bar - filled)
        at = min(bar - 1, round(bar * one.expected / whole))
        line = joined(
            [
                (" " * INDENT + shortened(one.name, name) + " ", None),
                (cells[:at], self.style("group-bars--bar")),
                (MARK, self.style("group-bars--mark")),
                (cells[at + 1 :], self.style("group-bars--bar")),
            ]
        )
        line.append(f" {set_cell_size(one.figure, figure)}  ")
        line.append(one.words, self.style("group-bars--dim"))
        return line


def shortened(text: str, width: int) -> str:
    """Return `text` in exactly so many cells, with "…" where it was cut."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(set_cell_size(text, max(0, width - 1)) + "…", width)
