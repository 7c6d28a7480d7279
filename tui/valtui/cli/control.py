"""`valtui stop`, `pause` and `resume`: put a command down, wait a little for its answer, say it."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from valtui.cli import output
from valtui.cli.output import CommandError
from valtui.cli.parsing import Parser, add_session, home_of
from valtui_trainer.session.described import is_ours, of_another
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.listing import find_run, find_session, runs_of, statuses
from valtui_trainer.session.records import Event
from valtui_trainer.session.state import RESUMABLE, RunStatus, supervisor_alive
from valtui_trainer.session.tail import Tail

Wish = Literal["stop", "pause", "resume"]
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.1
QUEUE_SECONDS = 3.0
LIVING = frozenset({"STARTING", "RUNNING", "PAUSED", "STOPPING", "BLOCKED"})

APPLIES: dict[Wish, Callable[[RunStatus], bool]] = {
    "stop": lambda status: not status.ended and status.state != "STOPPING",
    "pause": lambda status: status.state in LIVING - {"PAUSED", "STOPPING"},
    "resume": lambda status: status.state == "PAUSED" or status.state in RESUMABLE,
}
REACHED: dict[Wish, Callable[[RunStatus], bool]] = {
    "stop": lambda status: status.ended,
    "pause": lambda status: status.state == "PAUSED",
    "resume": lambda status: status.state in LIVING - {"PAUSED", "STOPPING"},
}


def add_arguments(parser: Parser) -> None:
    """Declare what the three take."""
    add_session(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Send the command to the run, or to all runs it can apply to, and report the answers."""
    from valtui_trainer.supervise.launch import other_host

    wish: Wish = arguments.command
    session = find_session(home_of(arguments), arguments.session)
    chosen = choose(session, wish, arguments.run)
    if wish == "resume" and not supervisor_alive(session):
        warn(home_of(arguments))
    try:
        pending = {run.id: Asked(session, run, wish) for run in chosen}
    except SessionError as error:
        raise CommandError(str(error)) from None
    if wish == "resume":
        from valtui.notify.begin import begin_notifying

        begin_notifying(session)
    failed = False
    waiting = threading.Event()
    until = time.monotonic() + PATIENCE_SECONDS
    while pending and time.monotonic() < until:
        for name, asked in list(pending.items()):
            answer = asked.answer()
            if answer is not None:
                del pending[name]
                failed |= answer.startswith("refused")
                output.line(f"{name}: {answer}")
        output.flush()
        waiting.wait(LOOK_SECONDS if pending else 0)
    elsewhere = other_host(session)
    for name, asked in pending.items():
        said = f"it is {why(asked.status(), wish)}"
        if elsewhere:
            said = f"it is trained on {elsewhere}, and valtui there carries it out"
        output.line(f"{name}: asked to {wish}; not answered within 10 s, {said}")
    return 1 if failed or pending else 0


def warn(home: Path) -> None:
    """Say what may end or hinder what is started from here."""
    from valtui_trainer.supervise.begin import warnings

    for warning in warnings(home):
        output.complain(f"note: {warning}")


def why(status: RunStatus, wish: Wish) -> str:
    """Return the state of a run that did not answer, and what can be done about it."""
    if status.state == "BLOCKED" and wish == "stop":
        return f"{status.phase}: it stops when there is room; the same command again kills it"
    if status.health != "ok":
        return f"{status.state.lower()} but {status.health}; `kill -9 {status.pid}` ends it"
    return status.state.lower()


def choose(session: SessionPaths, wish: Wish, wanted: str | None) -> list[RunPaths]:
    """Return the runs that the command goes to.

    Raises:
        CommandError: there is none to which it can apply.
    """
    supervised = supervisor_alive(session)
    every = runs_of(session)
    runs = [run for run, spec in every if is_ours(spec)]
    if wanted is not None:
        chosen_run = find_run(session, wanted)
        runs = [chosen_run]
        every = [(run, spec) for run, spec in every if run.id == chosen_run.id]
    refused = [said for _, spec in every if (said := of_another(spec))]
    if len(refused) == len(every) and refused:
        raise CommandError(refused[0], 2)
    known = statuses(session)

    def applies(run: RunPaths) -> bool:
        status = known[run.id]
        abandoned = wish == "resume" and status.state == "QUEUED" and not supervised
        return abandoned or APPLIES[wish](status)

    chosen = [run for run in runs if applies(run)]
    if not chosen:
        states = ", ".join(f"{name} is {status.state}" for name, status in known.items())
        raise CommandError(f"there is nothing to {wish} in {session.id}: {states or 'no runs'}.")
    return chosen


class Asked:
    """One run that was sent a command."""

    def __init__(self, session: SessionPaths, run: RunPaths, wish: Wish) -> None:
        """Send it."""
        from valtui_trainer.supervise.begin import command
        from valtui_trainer.supervise.launch import ensure_supervisor

        self._session = session
        self._run = run
        self._wish = wish
        self._tails: dict[int, Tail[Event]] = {}
        self._session_events = Tail(session.events, Event)
        self._id: str | None = None
        self._since = time.monotonic()
        if self.status().state == "QUEUED" and wish == "resume":
            ensure_supervisor(session)
        else:
            self._id = command(session, wish, run.id)

    def status(self) -> RunStatus:
        """Return the run's state now.

        Raises:
            CommandError: it was deleted meanwhile.
        """
        found = statuses(self._session).get(self._run.id)
        if found is None:
            raise CommandError(f"{self._run.id} is gone; somebody deleted the session.")
        return found

    def answer(self) -> str | None:
        """Return what was answered or came about, or None as long as nothing has."""
        said = self._said()
        if said is not None:
            return said
        status = self.status()
        if REACHED[self._wish](status):  # its answer may have come since we looked
            state = status.state.lower() + (f": {status.reason}" if status.reason else "")
            return self._said() or state
        waited = time.monotonic() - self._since
        queued = self._wish == "resume" and status.state == "QUEUED" and waited > QUEUE_SECONDS
        if queued and supervisor_alive(self._session):
            return "queued: it goes on when there is a place"
        return None

    def _said(self) -> str | None:
        for event in self._news():
            if event.kind == "command" and event.data.get("id") == self._id:
                return event.message or self._wish
        return None

    def _news(self) -> list[Event]:
        for number in self._run.attempt_numbers():
            if number not in self._tails:
                self._tails[number] = Tail(self._run.attempt(number).events, Event)
        news = self._session_events.read()
        for tail in self._tails.values():
            news.extend(tail.read())
        return news
