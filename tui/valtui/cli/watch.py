"""`valtui watch`: other tools' logs on this screen, as they grow."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from valtui.cli import output
from valtui.cli.output import CommandError
from valtui.cli.parsing import Parser, add_json, add_no_mouse, home_of
from valtui.cli.screen import on_terminal, show

if TYPE_CHECKING:
    from valtui_trainer.foreign.grouping import Group
    from valtui_trainer.session.layout import SessionPaths

END_SECONDS = 5.0


def add_arguments(parser: Parser) -> None:
    """Declare what `watch` takes."""
    parser.add_argument("path", metavar="PATH", help="a log, or a folder of runs")
    parser.add_argument("--step", metavar="COLUMN", default="", help="the column that counts steps")
    parser.add_argument(
        "--map",
        metavar="NAME=COLUMN",
        action="append",
        default=[],
        help="which column is what, such as val_loss=loss/valid; repeatable",
    )
    parser.add_argument(
        "--runs",
        metavar="NAME,…",
        default="",
        help="these runs of a folder (default: the newest 9)",
    )
    parser.add_argument(
        "--list", action="store_true", help="list the runs that are there, and watch none"
    )
    parser.add_argument("--plain", action="store_true", help="plain lines, one an evaluation")
    add_json(parser)
    add_no_mouse(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Watch what is at PATH: on the screen, in plain lines, or once, as a document."""
    from valtui_trainer.foreign.request import MOST_RUNS, groups_at, watched_already
    from valtui_trainer.session.layout import prepare_home

    path = Path(arguments.path).expanduser().absolute()
    groups = groups_at(path)
    if arguments.list:
        return list_runs(groups, path, arguments.json)
    home = prepare_home(home_of(arguments))
    already = watched_already(home, path)
    if already is not None and on_terminal() and not (arguments.plain or arguments.json):
        return show(home, session=already, mouse=not arguments.no_mouse)
    screen = on_terminal() and not (arguments.plain or arguments.json)
    if screen and not arguments.runs and len(groups) > MOST_RUNS:
        chosen = chosen_on_screen(groups)
        if not chosen:
            return 0
        groups = [group for group in groups if group.name in chosen]
        arguments.chosen = True
    session = make(arguments, home, path, groups)
    with following(session, once=arguments.json) as said:
        for problem in said:
            output.complain(f"note: {problem}")
        if screen:
            return show(home, session=session, mouse=not arguments.no_mouse)
        if not arguments.json:
            return plain(session)
    return document(session)


def chosen_on_screen(groups: list[Group]) -> list[str]:
    """Return the names of the runs that a person chooses; none where they leave."""
    import time

    from valtui.screens.choose_runs import ChooseRunsApp
    from valtui_trainer.foreign.request import MOST_RUNS

    runs = [
        (
            group.name,
            f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(group.modified))}  {group.seeds[0][1].kind}"
            + (f"  {len(group.seeds)} seeds" if len(group.seeds) > 1 else ""),
        )
        for group in groups
    ]
    return ChooseRunsApp(runs, MOST_RUNS).run() or []


def list_runs(groups: list[Group], path: Path, as_json: bool) -> int:
    """Print the runs at `path`, the newest first."""
    import time

    from valtui_trainer.session.safe import safe

    if as_json:
        runs = [
            {
                "name": safe(group.name),
                "modified": group.modified,
                "seeds": [seed for seed, _ in group.seeds],
                "kind": group.seeds[0][1].kind,
                "paths": [safe(str(source.path)) for _, source in group.seeds],
            }
            for group in groups
        ]
        output.document({"schema": output.SCHEMA, "path": safe(str(path)), "runs": runs})
        return 0
    for group in groups:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(group.modified))
        seeds = f"  {len(group.seeds)} seeds" if len(group.seeds) > 1 else ""
        output.line(f"{when}  {group.seeds[0][1].kind:<14} {safe(group.name)}{seeds}")
    return 0


def make(
    arguments: argparse.Namespace, home: Path, path: Path, groups: list[Group]
) -> SessionPaths:
    """Make the session that watches the chosen runs.

    Raises:
        CommandError: an option makes no sense.
    """
    from valtui_trainer.foreign.points import Options
    from valtui_trainer.foreign.request import MOST_RUNS, choose, make_session

    columns = {}
    for text in arguments.map:
        name, equals, column = text.partition("=")
        if not equals or not name.strip() or not column.strip():
            raise CommandError(f"--map {text!r} must be NAME=COLUMN, such as val_loss=loss.", 2)
        columns[name.strip()] = column.strip()
    wanted = [word.strip() for word in arguments.runs.split(",") if word.strip()]
    chosen = choose(groups, wanted) if wanted else groups[:MOST_RUNS]
    if not wanted and len(groups) > MOST_RUNS:
        output.complain(
            f"note: the newest {MOST_RUNS} of {len(groups)} runs; --list names all, --runs chooses."
        )
    options = Options(arguments.step.strip(), columns)
    by_person = bool(wanted) or getattr(arguments, "chosen", False)
    return make_session(home, path, list(reversed(chosen)), options, by_person)


@contextlib.contextmanager
def following(session: SessionPaths, once: bool = False) -> Iterator[list[str]]:
    """Follow the logs of `session` meanwhile, or read them `once`; gives what is wrong with them, in sentences.

    Raises:
        CommandError: nothing of them can be shown.
    """
    import msgspec

    from valtui_trainer.foreign.follow import FirstLook

    with session.supervisor_log.open("ab") as log:
        follower = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "valtui_trainer",
                "watch",
                str(session.folder),
                *(["--once"] if once else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert follower.stdin is not None
    assert follower.stdout is not None
    try:
        answer = follower.stdout.readline()
        try:
            found = msgspec.json.decode(answer, type=FirstLook)
        except msgspec.DecodeError:
            raise CommandError(
                f"what follows the logs ended at once; {session.supervisor_log} says why."
            ) from None
        if not found.understood:
            raise CommandError(
                "\n".join(found.problems) or "there is nothing in these logs yet.", 2
            )
        yield found.problems
    finally:
        follower.stdin.close()
        follower.stdout.close()
        try:
            follower.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            follower.kill()


def document(session: SessionPaths) -> int:
    """Print the comparison of what the logs hold now, as `valtui compare --json` does."""
    from valtui.cli.compare import describe, figures_of
    from valtui.feed import SessionFeed
    from valtui.pairs import pairs_of

    feed = SessionFeed(session)
    feed.drain()
    output.document(describe(feed, figures_of(feed), pairs_of(feed.runs)))
    return 0


def plain(session: SessionPaths) -> int:
    """Print one line an evaluation until Ctrl-C, then the comparison."""
    from valtui.cli.plain import Follower, Interrupts
    from valtui.notify.begin import begin_notifying

    begin_notifying(session)

    class Watching(Follower):
        """Says what comes into watched logs; one Ctrl-C ends it."""

        def _keep_supervised(self, now: float) -> None:
            """Start nothing: what follows the logs is this command's own."""

        def _interrupted(self) -> int | None:
            """Say how they compare, and end."""
            self._conclude()
            return 0

    try:
        with Interrupts() as interrupts:
            return Watching(session, interrupts).work()
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        output.abandon()
        return 0
