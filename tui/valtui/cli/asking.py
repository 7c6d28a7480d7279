"""The run that a command is about, where it must be one."""

from __future__ import annotations

from valtui.cli.output import CommandError
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.listing import find_run


def the_run(session: SessionPaths, wanted: str | None) -> RunPaths:
    """Return the run that was asked for, or the only one.

    Raises:
        CommandError: there are several, and none was named.
        SessionError: there is no such run.
    """
    if wanted is not None:
        return find_run(session, wanted)
    names = session.run_ids()
    if len(names) == 1:
        return session.run(names[0])
    if not names:
        raise CommandError(f"{session.folder} holds no run: its start was broken off.", 2)
    raise CommandError(f"name one run of {session.id}: {', '.join(names)}.", 2)
