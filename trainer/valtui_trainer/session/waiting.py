"""Which ended runs were asked to be resumed and wait for it: a wish that nobody has answered yet."""

from __future__ import annotations

from dataclasses import replace

from valtui_trainer.session.commands import Inbox, answered_ids
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.records import Event
from valtui_trainer.session.state import RESUMABLE, RunStatus
from valtui_trainer.session.tail import Tail


class Waiting:
    """Follows the commands of a session and their answers.

    Attributes:
        warning: what the supervisor last complained of, if nothing went well since.
    """

    def __init__(self, session: SessionPaths) -> None:
        """Follow `session` from its beginning."""
        self.warning = ""
        self._inbox = Inbox(session, set())
        self._events = Tail(session.events, Event)
        self._asked: dict[str, str] = {}

    def look(self) -> None:
        """Take up what came."""
        for command in self._inbox.take():
            if command.command == "resume" and command.run is not None:
                self._asked[command.id] = command.run
        for event in self._events.read():
            self.warning = event.message if event.kind == "warning" else ""
            if event.kind == "command":
                self._asked.pop(str(event.data.get("id")), None)

    def true_status(self, run: RunPaths, status: RunStatus) -> RunStatus:
        """Return `status`, or that of a queued run if an ended one waits to be resumed."""
        if status.state not in RESUMABLE or run.id not in self._asked.values():
            return status
        answered = {one for n in run.attempt_numbers() for one in answered_ids(run.attempt(n))}
        self._asked = {one: name for one, name in self._asked.items() if one not in answered}
        if run.id not in self._asked.values():
            return status
        return replace(status, state="QUEUED", phase="waits to be resumed", reason="")
