"""One line to be written: a name, a note, a word to search for."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class WriteScreen(ModalScreen["str | None"]):
    """Returns what was written, which may be empty, or None."""

    BINDINGS = [Binding("escape", "leave", "back")]  # noqa: RUF012

    def __init__(self, title: str, text: str = "", longest: int = 200, verb: str = "keep") -> None:
        """Ask for a line.

        Args:
            title: stands above.
            text: stands there at first.
            longest: characters that it may have.
            verb: what `enter` does.
        """
        super().__init__()
        self._title = title
        self._text = text
        self._longest = longest
        self._verb = verb

    def compose(self) -> ComposeResult:
        """Show the line and its keys."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield Input(self._text, max_length=self._longest, select_on_focus=False)
            yield Static(f"enter  {self._verb}      escape  back", classes="dim", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return what was written."""
        self.dismiss(event.value)

    def action_leave(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)
