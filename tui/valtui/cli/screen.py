"""Opens the app, and loads what its first frame needs in the order that brings it soonest."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from valtui.cli.output import CommandError

if TYPE_CHECKING:
    from valtui_trainer.session.layout import SessionPaths
    from valtui_trainer.supervise.plan import Plan

SETTLED_SECONDS = 2.0
"""After so long what the first screen needs is loaded."""


def on_terminal() -> bool:
    """Tell whether a person sits at both ends."""
    return sys.stdout.isatty() and sys.stdin.isatty()


def require_terminal() -> None:
    """Refuse to open the screen where there is none.

    Raises:
        CommandError: stdout or stdin is no terminal.
    """
    if not on_terminal():
        raise CommandError(
            "the screen needs a terminal on stdin and stdout. `valtui run … --plain`, "
            "`valtui show` and `valtui compare` work without one.",
            2,
        )


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
    first_read = None
    with no_garbage_collected_at_first():
        if session is not None:
            from valtui.first_read import begin_reading

            first_read = begin_reading(session)
        from valtui.app import run_app

        if first_read is not None:
            import valtui.screens.live  # noqa: F401  loaded while the session is read
        return run_app(home, first_read=first_read, plan=plan, mouse=mouse)


@contextmanager
def no_garbage_collected_at_first() -> Iterator[None]:
    """Collect no garbage while all is being loaded: there is none.

    Later it is looked for seldom, and not among what was loaded, which stays.
    """
    before = gc.get_threshold()

    def settle() -> None:
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()

    later = threading.Timer(SETTLED_SECONDS, settle)
    later.daemon = True
    gc.disable()
    later.start()
    try:
        yield
    finally:
        later.cancel()
        gc.unfreeze()
        gc.set_threshold(*before)
        gc.enable()
