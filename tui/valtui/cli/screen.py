"""Opens the app, and loads what its first frame needs in the order that brings it soonest."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from valtui.cli.main import require_terminal

if TYPE_CHECKING:
    from valtui_trainer.session.layout import SessionPaths
    from valtui_trainer.supervise.plan import Plan


def show(
    home: Path,
    *,
    session: SessionPaths | None = None,
    plan: Plan | None = None,
    mouse: bool = True,
) -> int:
    """Show the app on `session`, on `plan` (checked, then started) or on its home screen.

    Returns:
        The exit code of the command, when the app was left.

    Raises:
        CommandError: stdout or stdin is no terminal.
    """
    require_terminal()
    gc.disable()  # what is loaded stays; the app turns it on after the first frames
    reading = None
    if session is not None:
        from valtui.reading import begin_reading

        reading = begin_reading(session)
    from valtui.app import run_app

    if reading is not None:
        import valtui.screens.live  # noqa: F401  loaded while the session is read
    return run_app(home, reading=reading, plan=plan, mouse=mouse)
