"""Start a planned session, add a run to a living one, and pass commands on."""

from __future__ import annotations

from pathlib import Path

from valtui_trainer.session.commands import send
from valtui_trainer.session.create import create_session
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths, little_room
from valtui_trainer.session.locks import holder
from valtui_trainer.session.records import CommandName, RunSpec
from valtui_trainer.supervise.launch import ensure_supervisor
from valtui_trainer.supervise.logout import log_out_kills
from valtui_trainer.supervise.plan import Plan


def begin(plan: Plan, home: Path) -> SessionPaths:
    """Make the session folder and start its supervisor.

    Raises:
        SessionError: the folder cannot be written, or no process can be started.
    """
    session = create_session(home, plan.session, list(plan.runs))
    try:
        ensure_supervisor(session)
    except OSError as error:
        raise SessionError(f"No supervisor could be started ({error.strerror}).") from None
    return session


def warnings(home: Path) -> list[str]:
    """Return what may end or hinder runs that are started from here, a sentence each."""
    return [found for found in (log_out_kills(), little_room(home)) if found]


def command(
    session: SessionPaths,
    name: CommandName,
    run: str | None,
    spec: RunSpec | None = None,
    probe: str | None = None,
) -> str:
    """Send a command and make sure that somebody is there to take it up; return its id.

    Raises:
        SessionError: it cannot be written, with what stops a run all the same.
    """
    try:
        identity = send(session, name, run, spec, probe)
        ensure_supervisor(session)
    except OSError as error:
        pid = holder(session.run(run).lock) if name == "stop" and run is not None else None
        hint = f" `kill -TERM {pid}` stops {run} without it." if pid else ""
        raise SessionError(f"The command could not be written ({error.strerror}).{hint}") from None
    return identity
