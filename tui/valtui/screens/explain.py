"""A page on one figure: what it is, how it was measured here, its formula, its source, and its limits."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from valtui.causes.types import Causes
from valtui.explanations import EXPLANATIONS, sections
from valtui_trainer.session.safe import safe

LONGEST = 2_000


class ExplainScreen(ModalScreen[None]):
    """One explanation after the other."""

    BINDINGS = [  # noqa: RUF012
        Binding("escape,q,enter", "dismiss", "back"),
        Binding("left", "turn(-1)", "previous"),
        Binding("right", "turn(1)", "next"),
    ]

    def __init__(self, identity: str, causes: Causes) -> None:
        """Explain `identity` for the run of `causes`."""
        super().__init__()
        self._order = list(EXPLANATIONS)
        self._at = self._order.index(identity)
        self._causes = causes

    def compose(self) -> ComposeResult:
        """Lay out the page; its title and keys are in its border."""
        with VerticalScroll(classes="dialog tall explain"):
            yield Static(id="explained", markup=False)

    def on_mount(self) -> None:
        """Show the explanation that was asked for."""
        self.query_one(VerticalScroll).focus()
        self._show()

    def action_turn(self, direction: int) -> None:
        """Go to another explanation."""
        self._at = (self._at + direction) % len(self._order)
        self._show()

    def _show(self) -> None:
        identity = self._order[self._at]
        parts: list[Content] = []
        for heading, text in sections(identity, self._causes):
            shown = Content(safe(text, LONGEST))
            parts.append(Content.assemble((f"{heading}\n", "bold $primary"), shown, "\n\n"))
        scroll = self.query_one(VerticalScroll)
        scroll.border_title = Content(f"{EXPLANATIONS[identity].title} — {safe(self._causes.run)}")
        scroll.border_subtitle = Content(
            f"↑ ↓ scroll   ← → another of {len(self._order)}   escape back"
        )
        self.query_one("#explained", Static).update(Content("").join(parts).rstrip())
        scroll.scroll_home(animate=False)
