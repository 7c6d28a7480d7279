"""`valtui name` and `valtui note`: what a person writes on a session, to know it again."""

from __future__ import annotations

import argparse

from valtui.cli import output
from valtui.cli.parsing import Parser, home_of
from valtui_trainer.session.about import read_about, write_about
from valtui_trainer.session.listing import find_session


def add_arguments(parser: Parser) -> None:
    """Declare what `name` and `note` take."""
    parser.add_argument("session", metavar="SESSION", help="an id or part of one, or its name")
    parser.add_argument(
        "text", metavar="TEXT", nargs="?", help='what is written; "" takes it away; none prints it'
    )


def execute(arguments: argparse.Namespace) -> int:
    """Write name or note, or print it."""
    session = find_session(home_of(arguments), arguments.session)
    what, text = arguments.command, arguments.text
    if text is None:
        about = read_about(session)
        output.line(about.name if what == "name" else about.note)
        return 0
    about = write_about(session, **{what: text})
    written = about.name if what == "name" else about.note
    output.line(f"{session.id}: {written}" if written else f"{session.id} has no {what} any more")
    return 0
