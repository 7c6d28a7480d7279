"""All sessions in a table: when, what, state, size; enter opens one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import DataTable, Static

from valtui import texts
from valtui.keys import bindings
from valtui.screens.asking import AskScreen
from valtui.screens.base import KeysFooter, SizedScreen
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import SessionSummary, session_size, summaries
from valtui_trainer.session.records import CommandName
from valtui_trainer.session.safe import safe
from valtui_trainer.session.state import RESUMABLE
from valtui_trainer.supervise.begin import command as send_command

REFRESH_SECONDS = 2.0
COLUMNS = ("started (UTC)", "session", "state", "presets", "done", "size")


class SessionsScreen(SizedScreen[None]):
    """One row a session, newest first."""

    CSS_PATH = "../styles/compare.tcss"
    BINDINGS = bindings("sessions")

    def __init__(self, home: Path) -> None:
        """Show the sessions of `home`."""
        super().__init__()
        self._home = home
        self._summaries: list[SessionSummary] = []
        self._rows: list[tuple[str, ...]] = []

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield Static(
            Content.assemble(
                (" sessions  ", "bold $primary"), (safe(str(self._home)), "$text-muted")
            ),
            id="question",
        )
        yield DataTable(cursor_type="row", zebra_stripes=True)
        yield KeysFooter("sessions")

    def on_mount(self) -> None:
        """Fill the table and keep it filled."""
        self.query_one(DataTable).add_columns(*COLUMNS)
        self._read()
        self.set_interval(REFRESH_SECONDS, self._look_again)

    def _look_again(self) -> None:
        """Read anew, but not below another screen, which would be repainted for it."""
        if self.on_top:
            self._read()

    @work(thread=True, exclusive=True, group="sessions", description="list sessions")
    def _read(self) -> None:
        found = summaries(self._home)
        rows = [row_of(summary) for summary in found]
        self.app.call_from_thread(self._show, found, rows)

    def _show(self, found: list[SessionSummary], rows: list[tuple[str, ...]]) -> None:
        if not self.is_attached:  # left while the list was read
            return
        chosen = self.chosen.paths.id if self.chosen else None
        self._summaries = found
        if rows == self._rows:
            return
        self._rows = rows
        table = self.query_one(DataTable)
        table.clear()
        for cells in rows:
            table.add_row(*(Text(cell) for cell in cells))
        names = [summary.paths.id for summary in found]
        table.move_cursor(row=names.index(chosen) if chosen in names else 0)

    @property
    def chosen(self) -> SessionSummary | None:
        """The session under the cursor."""
        row = self.query_one(DataTable).cursor_row
        return self._summaries[row] if row < len(self._summaries) else None

    def on_data_table_row_selected(self) -> None:
        """Open the chosen session."""
        self.action_open()

    def action_open(self) -> None:
        """Open the chosen session."""
        if self.chosen is not None:
            app: Any = self.app
            app.open_session(SessionPaths(self.chosen.paths.folder))

    def action_stop(self) -> None:
        """Stop the chosen session's runs, after asking."""
        chosen = self.chosen
        if chosen is None or not chosen.live:
            self.notify("Nothing runs in this session.", markup=False)
            return
        live = [name for name, status in chosen.runs if not status.ended]
        self.app.push_screen(
            AskScreen(f"Stop {', '.join(map(safe, live))}?"),
            lambda yes: self._send(chosen, "stop", live) if yes else None,
        )

    def action_resume(self) -> None:
        """Resume what can be resumed."""
        chosen = self.chosen
        if chosen is None:
            return
        names = [
            name
            for name, status in chosen.runs
            if status.state in RESUMABLE or status.state == "PAUSED"
        ]
        if names:
            self._send(chosen, "resume", names)
        else:
            self.notify("There is nothing to resume in this session.")

    def _send(self, chosen: SessionSummary, name: CommandName, runs: list[str]) -> None:
        try:
            for run in runs:
                send_command(chosen.paths, name, run)
        except OSError as error:
            text = f"The command could not be written ({error.strerror})."
            self.notify(text, severity="error", markup=False)
            return
        self.notify(f"{', '.join(map(safe, runs))}: asked to {name}", markup=False, timeout=3)


def row_of(summary: SessionSummary) -> tuple[str, ...]:
    """Return the cells of one session."""
    progress = [status.progress for _, status in summary.runs] or [0.0]
    presets = [safe(name) for name, _ in summary.runs]
    return (
        summary.spec.created.replace("T", " ").removesuffix("Z"),
        safe(summary.spec.title),
        summary.state.lower(),
        ", ".join(presets)
        if len(presets) <= 3
        else f"{', '.join(presets[:3])}, +{len(presets) - 3}",
        f"{100 * sum(progress) / len(progress):.0f} %",
        texts.size(session_size(summary.paths)),
    )
