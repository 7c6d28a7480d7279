"""Starts the process that runs the user's command, where there is one."""

from __future__ import annotations

import contextlib

from valtui_trainer.session.config import read_config
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.supervise.launch import detached


def begin_notifying(session: SessionPaths) -> None:
    """Follow `session` for the user's command; a second process of the kind ends at once by itself."""
    if read_config()[0].notify.command.strip():
        with contextlib.suppress(OSError):  # of all that is started, this is missed least
            detached(
                ["-m", "valtui.notify.task", str(session.folder)], session.folder / "notify.log"
            )
