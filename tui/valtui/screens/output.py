"""What a run's trainer printed, its traceback included, and why it failed."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Log, Static

from valtui_trainer.session.safe import safe

MOST_BYTES = 200_000


class OutputScreen(ModalScreen[None]):
    """The end of a trainer's output."""

    BINDINGS = [Binding("escape,o,q,enter", "dismiss", "back")]  # noqa: RUF012

    def __init__(self, title: str, reason: str, lines: list[str], path: Path) -> None:
        """Show `lines` of the output at `path`, and `reason` above."""
        super().__init__()
        self._title = title
        self._reason = reason
        self._lines = lines
        self._path = path

    def compose(self) -> ComposeResult:
        """Show reason, output, and where it lies."""
        with Vertical(classes="dialog wide"):
            yield Static(self._title, classes="dialog-title", markup=False)
            if self._reason:
                yield Static(self._reason, classes="wrong", markup=False)
            yield Log(max_lines=5_000)
            yield Static(f"{safe(str(self._path))}      escape: back", classes="dim", markup=False)

    def on_mount(self) -> None:
        """Write the lines and stand at their end."""
        log = self.query_one(Log)
        log.write_lines(self._lines or ["The trainer has printed nothing."])
        log.focus()
