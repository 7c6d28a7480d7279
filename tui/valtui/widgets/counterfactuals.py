"""The table of counterfactuals: a row each, with a bar of what would be left, its interval and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

from valtui.widgets.folding import fold
from valtui.widgets.left_bar import axis_label, left_bar, whole_of
from valtui.widgets.selecting import Selecting, joined, pointer

INDENT = 4
GAP = 2
SHORTEST_BAR, LONGEST_BAR = 10, 50


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """One row; every text is ready to be shown.

    Attributes:
        key: what the cursor chooses.
        rank: its place among the causes, or a sign for what has none.
        figure: the value with its interval, in words; empty where there is none, and `why` says why.
        value, low, high: fractions of the whole; the two ends equal the value where there is no interval.
        notes: what else is known, such as the change of the mean and the cost; a column each.
    """

    key: str
    rank: str
    name: str
    figure: str
    value: float | None
    low: float
    high: float
    notes: tuple[str, ...]
    why: str


class Counterfactuals(Selecting):
    """Rows, and headings between them. A row takes one line where there is room, else two."""

    COMPONENT_CLASSES = {  # noqa: RUF012
        "counterfactuals--bar", "counterfactuals--interval", "counterfactuals--dim",
        "counterfactuals--figure", "counterfactuals--heading",
    }  # fmt: skip
    DEFAULT_CSS = """
    Counterfactuals {
        height: auto;
        & > .counterfactuals--bar { color: $primary; }
        & > .counterfactuals--interval { color: $primary 65%; }
        & > .counterfactuals--dim { color: $foreground 60%; }
        & > .counterfactuals--figure { text-style: bold; }
        & > .counterfactuals--heading { color: $foreground 60%; text-style: italic; }
        &:ansi > .counterfactuals--interval { color: ansi_default; }
        &:ansi > .counterfactuals--dim { color: ansi_default; }
        &:ansi > .counterfactuals--heading { color: ansi_default; }
    }
    """

    def __init__(self, **options: str | None) -> None:
        """Begin empty."""
        super().__init__(**options)
        self._rows: tuple[Counterfactual | str, ...] = ()

    def show(self, rows: Sequence[Counterfactual | str]) -> None:
        """Draw rows and, as plain texts, headings, if they differ from what is drawn."""
        if tuple(rows) != self._rows:
            self._rows = tuple(rows)
            self.renew()

    @property
    def keys(self) -> list[str]:
        """The keys of the rows."""
        return [row.key for row in self._rows if isinstance(row, Counterfactual)]

    def blocks(self, width: int) -> list[tuple[str, list[Text]]]:
        """Return the lines of each row and heading."""
        rows = [row for row in self._rows if isinstance(row, Counterfactual)]
        shape = Columns.of(rows, width)
        found = [("", [self._axis(shape)])] if any(row.value is not None for row in rows) else []
        for row in self._rows:
            if isinstance(row, str):
                heading = self.style("counterfactuals--heading")
                texts = fold(row, width - 2, 3)
                found.append(("", [joined([("  " + text, heading)]) for text in texts]))
            else:
                found.append((row.key, self._lines(row, shape, width)))
        return found

    def _lines(self, row: Counterfactual, shape: Columns, width: int) -> list[Text]:
        strong = Style(bold=row.key == self.selected)
        dim = self.style("counterfactuals--dim")
        first = joined([(f"{pointer(row.key == self.selected)}{row.rank} ", strong)])
        if row.value is None:
            beside = shape.unanswered + GAP
            if INDENT + beside + cell_len(row.why) <= width:
                first.append(set_cell_size(row.name, beside), strong)
                return [Text.assemble(first, (row.why, dim), no_wrap=True, end="")]
            first.append(row.name, strong)
            lines = [first]
            for text in fold(row.why, width - INDENT, 2):
                lines.append(joined([(" " * INDENT + text, dim)]))
            return lines
        bar = self._bar(row, shape)
        figure = joined([(row.figure, self.style("counterfactuals--figure"))])
        notes = (" " * GAP).join(
            set_cell_size(note, size) for note, size in zip(row.notes, shape.notes, strict=True)
        )
        gap = " " * GAP
        if shape.in_one_line:
            first.append(set_cell_size(row.name, shape.name), strong)
            room = " " * max(0, shape.figure - figure.cell_len)
            first.append_text(
                Text.assemble(gap, bar, gap, figure, room, gap, (notes.rstrip(), dim))
            )
            return [first]
        first.append(row.name, strong)
        notes = gap.join(note for note in row.notes if note)
        room = " " * max(GAP, width - first.cell_len - cell_len(notes))
        first.append_text(Text.assemble(room, (notes, dim)))
        return [first, Text.assemble(" " * INDENT, bar, gap, figure)]

    def _bar(self, row: Counterfactual, shape: Columns) -> Text:
        assert row.value is not None
        names = ("bar", "interval", "dim")
        bar, interval, dim = (self.style(f"counterfactuals--{name}") for name in names)
        ends = row.low, row.value, row.high
        return left_bar(ends, shape.whole, shape.bar, (bar, interval, dim))

    def _axis(self, shape: Columns) -> Text:
        """Return the line that says what the length of the bars means."""
        left = INDENT + (shape.name + GAP if shape.in_one_line else 0)
        label = axis_label(shape.bar, shape.whole)
        return joined([(" " * left + label, self.style("counterfactuals--heading"))])


@dataclass(frozen=True, slots=True)
class Columns:
    """How many cells each part of a row takes.

    Attributes:
        unanswered: of the names of rows without a value.
        whole: the fraction that a full bar stands for.
    """

    name: int
    unanswered: int
    figure: int
    notes: tuple[int, ...]
    bar: int
    whole: float
    in_one_line: bool

    @classmethod
    def of(cls, rows: Sequence[Counterfactual], width: int) -> Columns:
        """Return the columns for these rows at a width in cells."""
        answered = [row for row in rows if row.value is not None]
        name = max((cell_len(row.name) for row in answered), default=0)
        others = max((cell_len(row.name) for row in rows if row.value is None), default=0)
        figure = max((cell_len(row.figure) for row in answered), default=0)
        count = max((len(row.notes) for row in answered), default=0)
        notes = tuple(max(cell_len(row.notes[at]) for row in answered) for at in range(count))
        whole = whole_of([row.high for row in answered])
        beside = sum(GAP + size for size in notes)
        room = width - INDENT - name - GAP - GAP - figure - beside
        if room >= SHORTEST_BAR + 6:
            return cls(name, others, figure, notes, min(room, LONGEST_BAR), whole, True)
        bar = min(LONGEST_BAR, max(SHORTEST_BAR, width - INDENT - GAP - figure))
        return cls(name, others, figure, notes, bar, whole, False)
