"""All sessions in a table: when, what, state, size; enter opens one, d deletes one."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import DataTable, Static

from valtui import texts
from valtui.keys import bindings
from valtui.screens.asking import AskScreen
from valtui.screens.base import KeysFooter, SizedScreen, gone
from valtui.screens.writing import WriteScreen
from valtui_trainer.session.about import LONGEST_NAME, LONGEST_NOTE, write_about
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import SessionSummary, counted, session_size, summaries
from valtui_trainer.session.prune import delete, unended
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
        self._sizes: list[int] = []
        self._total = "…"
        self._wanted = ""
        # looking at a lock that this process holds would drop it: never while one is deleted
        self._at_locks = threading.Lock()

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield Static(self._head(), id="question")
        yield DataTable(cursor_type="row", zebra_stripes=True)
        yield KeysFooter("sessions")

    def _head(self) -> Content:
        return Content.assemble(
            (" sessions  ", "bold $primary"),
            f"{self._total}  ",
            (
                f"that fit “{safe(self._wanted)}” (/ searches anew)  " if self._wanted else "",
                "bold",
            ),
            (safe(str(self._home)), "$text-muted"),
        )

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
        if not self._at_locks.acquire(blocking=False):
            return  # the last look, or a removal, is still under way
        try:
            found = [one for one in summaries(self._home) if one.fits(self._wanted)]
            sizes = [session_size(summary.paths) for summary in found]
        finally:
            self._at_locks.release()
        self.app.call_from_thread(self._show, found, sizes)

    def _show(self, found: list[SessionSummary], sizes: list[int]) -> None:
        if gone(self):  # left while the list was read
            return
        chosen = self.chosen.paths.id if self.chosen else None
        total = f"{counted(len(found))}, {texts.size(sum(sizes))}"
        if total != self._total:
            self._total = total
            self.query_one("#question", Static).update(self._head())
        self._summaries, self._sizes = found, sizes
        rows = [row_of(summary, size) for summary, size in zip(found, sizes, strict=True)]
        if rows == self._rows:
            return
        self._rows = rows
        table = self.query_one(DataTable)
        row = max(0, min(table.cursor_row, len(rows) - 1))  # where a deleted session was
        table.clear(columns=True)
        # Widths of our own: the table finds its own later, and keeps lines that were drawn before.
        for column in zip(COLUMNS, *rows, strict=True):
            table.add_column(column[0], width=max(map(cell_len, column)))
        for cells in rows:
            table.add_row(*(Text(cell) for cell in cells))
        names = [summary.paths.id for summary in found]
        table.move_cursor(row=names.index(chosen) if chosen in names else row)

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

    def action_name(self) -> None:
        """Ask for a name of the chosen session."""
        if self.chosen is not None:
            self._write("name", self.chosen.about.name, LONGEST_NAME)

    def action_note(self) -> None:
        """Ask for a note on the chosen session."""
        if self.chosen is not None:
            self._write("note", self.chosen.about.note, LONGEST_NOTE)

    def _write(self, what: str, before: str, longest: int) -> None:
        chosen = self.chosen
        assert chosen is not None

        def after(text: str | None) -> None:
            if text is None:
                return
            try:
                write_about(chosen.paths, **{what: text})
            except SessionError as error:
                self.notify(safe(str(error)), severity="error", markup=False, timeout=10)
            self._read()

        title = f"{what[0].upper()}{what[1:]} of {safe(chosen.spec.title)}, {started(chosen)}"
        self.app.push_screen(WriteScreen(title, safe(before), longest), after)

    def action_search(self) -> None:
        """Ask for words, and show the sessions that have them all."""

        def after(text: str | None) -> None:
            if text is not None:
                self._wanted = text.strip()
                self._total = ""
                self._read()

        title = "Search names, notes, presets, hosts, states, dates (nothing: all sessions)"
        self.app.push_screen(WriteScreen(title, self._wanted, verb="search"), after)

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

    def action_delete(self) -> None:
        """Delete the chosen session, after asking."""
        chosen = self.chosen
        if chosen is None:
            return
        title = safe(chosen.title)
        if chosen.live:
            text = f"{title} stays: {safe(unended(chosen.runs))}. s stops what has not ended."
            self.notify(text, severity="warning", markup=False)
            return
        size = texts.size(self._sizes[self._summaries.index(chosen)])
        question = f"Delete {title} of {started(chosen)}, {size}? This cannot be undone."

        def after(yes: bool | None) -> None:
            if yes:
                self._delete(chosen, size)

        self.app.push_screen(AskScreen(question, only_y=True), after)

    @work(thread=True, group="delete", description="delete a session")
    def _delete(self, chosen: SessionSummary, size: str) -> None:
        title = safe(chosen.title)
        try:
            with self._at_locks:
                delete(chosen.paths)
        except SessionError as error:
            text = f"{title} of {started(chosen)}: {safe(str(error)).rstrip('.')}."
            self.app.call_from_thread(self.notify, text, severity="error", markup=False)
        else:
            text = f"Deleted {title} of {started(chosen)}, {size}."
            self.app.call_from_thread(self.notify, text, markup=False, timeout=3)
        self.app.call_from_thread(self._look_again)

    def _send(self, chosen: SessionSummary, name: CommandName, runs: list[str]) -> None:
        try:
            for run in runs:
                send_command(chosen.paths, name, run)
        except SessionError as error:
            self.notify(safe(str(error)), severity="error", markup=False, timeout=10)
            return
        if name == "resume":
            from valtui.notify.begin import begin_notifying

            begin_notifying(chosen.paths)
        self.notify(f"{', '.join(map(safe, runs))}: asked to {name}", markup=False, timeout=3)


def started(summary: SessionSummary) -> str:
    """Return when the session began, in UTC, to be read."""
    return safe(summary.spec.created.replace("T", " ").removesuffix("Z"))


def far(summary: SessionSummary) -> str:
    """Return how far the runs are on the whole; nothing where the end of none is known."""
    known = [status.progress for _, status in summary.runs if not status.endless]
    if not known and summary.runs:
        return ""
    return f"{100 * sum(known) / max(1, len(known)):.0f} %"


def row_of(summary: SessionSummary, size: int) -> tuple[str, ...]:
    """Return the cells of one session that takes `size` bytes."""
    presets = [safe(name) for name, _ in summary.runs]
    return (
        started(summary),
        safe(summary.title),
        summary.told,
        ", ".join(presets)
        if len(presets) <= 3
        else f"{', '.join(presets[:3])}, +{len(presets) - 3}",
        far(summary),
        texts.size(size),
    )
