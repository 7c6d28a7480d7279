"""`valtui open`: the screen on one session."""

from __future__ import annotations

import argparse

from valtui.cli.parsing import Parser, add_no_mouse, add_session, home_of
from valtui.cli.screen import show


def add_arguments(parser: Parser) -> None:
    """Declare what `open` takes."""
    add_session(parser, run=False)
    add_no_mouse(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Open the app on the session."""
    from valtui_trainer.session.listing import find_session

    home = home_of(arguments)
    session = find_session(home, arguments.session)
    return show(home, session=session, mouse=not arguments.no_mouse)
