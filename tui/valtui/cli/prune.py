"""`valtui sessions --prune`: shows which sessions would go, asks, deletes, and says what became of them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from valtui.cli import output
from valtui.cli.output import CommandError
from valtui.cli.parsing import Parser, home_of
from valtui.cli.screen import on_terminal
from valtui.texts import duration, size
from valtui_trainer.session.listing import counted
from valtui_trainer.session.prune import (
    Candidate,
    Spared,
    choose,
    parse_rule,
    prune,
    remove_leftovers,
)
from valtui_trainer.session.safe import safe


def add_arguments(parser: Parser) -> None:
    """Declare what pruning takes."""
    parser.add_argument(
        "--prune",
        metavar="AGE|NUMBER",
        help="delete sessions for good, after showing them and asking: 30d deletes all older than "
        "30 days (h hours, d days, w weeks; 1.5d too), 20 deletes all but the newest 20. One "
        "whose runs have not all ended stays",
    )
    parser.add_argument(
        "--yes", action="store_true", help="do not ask: for scripts (--prune with --json needs it)"
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together, before anything is looked at.

    Raises:
        CommandError: saying what to write.
    """
    if arguments.prune is None:
        if arguments.yes:
            raise CommandError(
                "--yes answers what --prune asks: write --prune 30d or --prune 20 with it.", 2
            )
        return
    parse_rule(arguments.prune)
    if arguments.json and not arguments.yes:
        raise CommandError("--prune with --json cannot ask: write --yes as well.", 2)
    if not arguments.yes and not on_terminal():
        raise CommandError(
            "--prune asks before it deletes, and there is no terminal to ask on: write --yes as "
            "well.",
            2,
        )


def execute(arguments: argparse.Namespace) -> int:
    """Delete what the rule takes; 1 if something of it could not be deleted."""
    home = home_of(arguments)
    freed, problems = remove_leftovers(home)
    choice = choose(home, parse_rule(arguments.prune), time.time())
    if not arguments.json:
        tell(choice.going, choice.kept, freed)
        if choice.going and not (arguments.yes or agreed(choice.going)):
            output.line("Nothing was deleted.")
            return report(problems)
    done = prune(choice.going)
    problems += done.failed
    if arguments.json:
        output.document(
            {
                "schema": output.SCHEMA,
                "home": safe(str(home)),
                "deleted": [describe(one) for one in done.deleted],
                "kept": [describe_spared(one) for one in choice.kept + done.kept],
                "failed": [describe_spared(one) for one in problems],
                "bytes_freed": freed + total(done.deleted),
            }
        )
    elif choice.going:
        tell_kept(done.kept)
        output.line(f"Deleted {in_words(done.deleted)}.")
    return report(problems)


def tell(going: Sequence[Candidate], kept: Iterable[Spared], freed: int) -> None:
    """Show what would go, and what stays although the rule takes it."""
    if freed:
        output.line(f"Removed what a broken-off removal had left: {size(freed)}.")
    tell_kept(kept)
    if not going:
        output.line("There is nothing to prune.")
        return
    output.table(
        ("session", "state", "age", "size"),
        [(one.paths.id, one.state.lower(), duration(one.age), size(one.bytes)) for one in going],
    )


def tell_kept(kept: Iterable[Spared]) -> None:
    """Name each session that stays, and why."""
    for one in kept:
        output.line(f"{one.id} stays: {one.why}")


def agreed(going: Sequence[Candidate]) -> bool:
    """Ask on the terminal; anything but a yes is a no."""
    sys.stdout.write(f"Delete {in_words(going)}? [y/N] ")
    output.flush()
    # as bytes: what is typed need not be in the terminal's character set
    return sys.stdin.buffer.readline().strip().lower() in (b"y", b"yes")


def report(problems: Iterable[Spared]) -> int:
    """Say what could not be deleted; return the exit code."""
    code = 0
    for one in problems:
        output.complain(f"{one.id}: {one.why.rstrip('.')}.")
        code = 1
    return code


def in_words(sessions: Sequence[Candidate]) -> str:
    """Return how many sessions, and their size."""
    return f"{counted(len(sessions))}, {size(total(sessions))}"


def total(sessions: Iterable[Candidate]) -> int:
    """Return the bytes of all."""
    return sum(one.bytes for one in sessions)


def describe(one: Candidate) -> dict[str, Any]:
    """Return a deleted session of the JSON document."""
    return {
        "id": one.paths.id,
        "state": one.state,
        "age_seconds": one.age,
        "bytes": one.bytes,
    }


def describe_spared(one: Spared) -> dict[str, Any]:
    """Return a session of the JSON document that stays, and why."""
    return {"id": one.id, "why": safe(one.why)}
