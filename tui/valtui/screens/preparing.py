"""While a plan is checked and started: what happens, for how long already, and what is wrong."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from valtui.screens.base import gone
from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui_trainer.session.layout import SessionPaths
    from valtui_trainer.supervise.plan import Plan


class PreparingScreen(ModalScreen[Any]):
    """Checks data, models and device in a child process, then starts the session.

    Returns the session, a sentence on what is wrong (`leave_on_problem`), or None when left.
    """

    BINDINGS = [Binding("escape,enter", "leave", "back")]  # noqa: RUF012

    def __init__(self, plan: Plan, home: Path, leave_on_problem: bool) -> None:
        """Prepare `plan` in `home`."""
        super().__init__()
        self._plan = plan
        self._home = home
        self._leave_on_problem = leave_on_problem
        self._began = time.monotonic()
        self._wrong = False

    def compose(self) -> ComposeResult:
        """Show a title and what happens."""
        title = safe(self._plan.session.title)
        names = ", ".join(safe(run.preset_name) for run in self._plan.runs)
        device = safe(self._plan.session.device)
        with Vertical(classes="dialog"):
            yield Static(title, classes="dialog-title", markup=False)
            yield Static(f"{names}\non {device}", classes="dim", markup=False)
            yield Static(id="shared", classes="dim", markup=False)
            yield Static(id="doing", markup=False)

    def on_mount(self) -> None:
        """Start checking, and count the seconds."""
        self._tick()
        self.set_interval(0.5, self._tick)
        self._prepare()

    def _tick(self) -> None:
        if not self._wrong:
            seconds = time.monotonic() - self._began
            self.query_one("#doing", Static).update(
                f"checking data, models and device … {seconds:.0f} s"
            )

    @work(thread=True, exclusive=True, group="prepare", description="check and start")
    def _prepare(self) -> None:
        from valtui.notify.begin import begin_notifying
        from valtui_trainer.session.errors import SessionError
        from valtui_trainer.session.layout import prepare_home
        from valtui_trainer.supervise.begin import begin, warnings
        from valtui_trainer.supervise.neighbours import crowding
        from valtui_trainer.supervise.validate import validate

        crowded = crowding(self._plan.session.device)
        if crowded:
            self.app.call_from_thread(self._say_shared, crowded)
        try:
            prepare_home(self._home)
            answer = validate(self._plan.runs, self._home)
            if answer.problems:
                self.app.call_from_thread(self._refuse, "\n".join(answer.problems))
                return
            session = begin(self._plan, self._home)
            begin_notifying(session)
        except SessionError as error:
            self.app.call_from_thread(self._refuse, str(error))
            return
        also = [crowded] if crowded else []
        self.app.call_from_thread(self._started, session, [*also, *warnings(self._home)])

    def _say_shared(self, crowded: str) -> None:
        if not gone(self):
            self.query_one("#shared", Static).update(safe(crowded))

    def _started(self, session: SessionPaths, warnings: list[str]) -> None:
        for warning in warnings:
            self.app.notify(safe(warning), severity="warning", markup=False, timeout=20)
        self.dismiss(session)

    def _refuse(self, problem: str) -> None:
        if self._leave_on_problem:
            self.dismiss(problem)
            return
        if gone(self):  # the app was left meanwhile
            return
        self._wrong = True
        doing = self.query_one("#doing", Static)
        doing.add_class("wrong")
        shown = "\n".join(map(safe, problem.split("\n")))
        doing.update(f"{shown}\n\nNothing was started. escape: back")

    def action_leave(self) -> None:
        """Go back once something is wrong; while checking, wait."""
        if self._wrong:
            self.dismiss(None)
