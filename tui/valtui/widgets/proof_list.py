"""Proofs, one below the other: what was predicted and what came out, as bars over one scale."""

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
class Measure:
    """One line of a proof; every text is ready to be shown.

    Attributes:
        label: `predicted`, or `came out`.
        figure: the value with its interval, or why there is none.
        value, low, high: fractions; None: there is no value, and no bar.
    """

    label: str
    figure: str
    value: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ProofLines:
    """One proof.

    Attributes:
        key: what the cursor chooses.
        sign: one character for the outcome, which is not told by colour alone.
        kind: how the outcome is drawn.
        foot: how far it is, and which runs it compares.
    """

    key: str
    sign: str
    name: str
    outcome: str
    kind: str
    measures: tuple[Measure, ...]
    foot: str


class ProofList(Selecting):
    """A list of proofs; each takes a line for its outcome, one a measure, and one or two below."""

    COMPONENT_CLASSES = {  # noqa: RUF012
        "proof-list--bar", "proof-list--interval", "proof-list--dim", "proof-list--figure",
        "proof-list--holds", "proof-list--does-not-hold", "proof-list--undecided", "proof-list--open",
    }  # fmt: skip
    DEFAULT_CSS = """
    ProofList {
        height: auto;
        & > .proof-list--bar { color: $primary; }
        & > .proof-list--interval { color: $primary 65%; }
        & > .proof-list--dim { color: $foreground 60%; }
        & > .proof-list--figure { text-style: bold; }
        & > .proof-list--holds { color: $text-success; text-style: bold; }
        & > .proof-list--does-not-hold { color: $text-error; text-style: bold; }
        & > .proof-list--undecided { color: $text-warning; text-style: bold; }
        & > .proof-list--open { text-style: bold; }
        &:ansi > .proof-list--interval { color: ansi_default; }
        &:ansi > .proof-list--dim { color: ansi_default; }
    }
    """

    def __init__(self, **options: str | None) -> None:
        """Begin empty."""
        super().__init__(**options)
        self._proofs: tuple[ProofLines, ...] = ()

    def show(self, proofs: Sequence[ProofLines]) -> None:
        """Draw `proofs`, if they differ from what is drawn."""
        if tuple(proofs) != self._proofs:
            self._proofs = tuple(proofs)
            self.renew()

    @property
    def keys(self) -> list[str]:
        """The keys of the proofs."""
        return [proof.key for proof in self._proofs]

    def blocks(self, width: int) -> list[tuple[str, list[Text]]]:
        """Return the lines of each proof, below a line that says what the bars mean."""
        measures = [one for proof in self._proofs for one in proof.measures]
        label = max((cell_len(one.label) for one in measures), default=0)
        known = [one for one in measures if one.value is not None]
        figure = max((cell_len(one.figure) for one in known), default=0)
        room = width - INDENT - label - GAP - GAP - figure
        cells = min(LONGEST_BAR, max(SHORTEST_BAR, room))
        whole = whole_of([one.high for one in known])
        found: list[tuple[str, list[Text]]] = []
        if known:
            axis = " " * (INDENT + label + GAP) + axis_label(cells, whole)
            found.append(("", [joined([(axis, self.style("proof-list--dim"))])]))
        for proof in self._proofs:
            found.append((proof.key, self._lines(proof, width, label, cells, whole)))
        return found

    def _lines(
        self, proof: ProofLines, width: int, label: int, cells: int, whole: float
    ) -> list[Text]:
        strong = Style(bold=proof.key == self.selected)
        dim = self.style("proof-list--dim")
        outcome = self.style(f"proof-list--{proof.kind}")
        lines = [
            joined([
                (f"{pointer(proof.key == self.selected)}{proof.sign} ", outcome),
                (proof.name, strong), ("  ", None), (proof.outcome, outcome),
            ])
        ]  # fmt: skip
        for one in proof.measures:
            before = joined([(" " * INDENT + set_cell_size(one.label, label + GAP), dim)])
            if one.value is None:
                texts = fold(one.figure, width - before.cell_len, 2)
                lines += [
                    Text.assemble(before if not at else " " * before.cell_len, (text, dim))
                    for at, text in enumerate(texts)
                ]
                continue
            names = ("bar", "interval", "dim", "figure")
            bar, interval, rest, figure = (self.style(f"proof-list--{name}") for name in names)
            ends = one.low, one.value, one.high
            drawn = left_bar(ends, whole, cells, (bar, interval, rest))
            lines.append(Text.assemble(before, drawn, " " * GAP, (one.figure, figure)))
        lines += [
            joined([(" " * INDENT + text, dim)]) for text in fold(proof.foot, width - INDENT, 2)
        ]
        return lines
