"""Starts the process that runs the user's command, where there is one."""

from __future__ import annotations

import contextlib

from valtui_trainer.session.config import read_config
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.locks import holder
from valtui_trainer.supervise.launch import detached


def begin_notifying(session: SessionPaths) -> None:
    """Follow `session` for the user's command, unless a process does so already."""
    if not read_config()[0].notify.command.strip():
        return
    with contextlib.suppress(OSError, SessionError):  # of all that is started, this is missed least
        if holder(session.folder / "notify.lock") is None:
            detached(
                ["-m", "valtui.notify.task", str(session.folder)], session.folder / "notify.log"
            )
