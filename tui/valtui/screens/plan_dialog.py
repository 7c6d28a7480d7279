"""Asks before something is trained: what it costs, how long it takes, what it can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that can be started; every text is ready to be shown.

    Attributes:
        title: what it is.
        facts: a label and a sentence each.
        notes: what else should be known, a sentence each.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was agreed to: which of the offers, and whether the run waits meanwhile."""

    offer: int
    pause_run: bool = False


class PlanDialog(ModalScreen["Agreed | None"]):
    """Returns what was agreed to, or None."""

    BINDINGS = [  # noqa: RUF012
        Binding("y,enter", "agree", "start"),
        Binding("n,escape,q", "refuse", "no"),
        Binding("tab", "another", "other arms"),
        Binding("space", "pause", "pause the run meanwhile"),
    ]

    def __init__(self, offers: Sequence[Offer], pausing: str = "") -> None:
        """Offer one thing, or several of which `tab` chooses one.

        Args:
            offers: what can be started.
            pausing: the run that can be paused meanwhile; empty for none.
        """
        super().__init__()
        self._offers = offers
        self._pausing = pausing
        self._agreed = Agreed(0)

    def compose(self) -> ComposeResult:
        """Lay out title, facts and keys."""
        with VerticalScroll(classes="dialog plan", can_focus=False):
            yield Static(id="plan-title", classes="dialog-title", markup=False)
            yield Static(id="plan-facts", markup=False)
            yield Static(id="plan-keys", classes="dim", markup=False)

    def on_mount(self) -> None:
        """Show the first offer."""
        self._show()

    def _show(self) -> None:
        offer = self._offers[self._agreed.offer]
        facts = Table.grid(padding=(0, 2))
        for label, text in (*offer.facts, *(("note", note) for note in offer.notes)):
            facts.add_row(Text(label, "bold"), Text(text))
        if self._pausing:
            sign = "✓" if self._agreed.pause_run else " "
            facts.add_row(Text("space", "bold"), Text(f"[{sign}] pause {self._pausing} meanwhile"))
        keys = ["y  start", "n  back"]
        if len(self._offers) > 1:
            keys.insert(1, "tab  another choice of arms")
        self.query_one("#plan-title", Static).update(offer.title)
        self.query_one("#plan-facts", Static).update(facts)
        self.query_one("#plan-keys", Static).update("      ".join(keys))

    def action_agree(self) -> None:
        """Start it."""
        self.dismiss(self._agreed)

    def action_refuse(self) -> None:
        """Start nothing."""
        self.dismiss(None)

    def action_another(self) -> None:
        """Show the next offer."""
        following = (self._agreed.offer + 1) % len(self._offers)
        self._agreed = Agreed(following, self._agreed.pause_run)
        self._show()

    def action_pause(self) -> None:
        """Choose whether the run waits meanwhile, where that makes a difference."""
        if self._pausing:
            self._agreed = Agreed(self._agreed.offer, not self._agreed.pause_run)
            self._show()
