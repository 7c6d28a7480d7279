"""`valtui report`: a session as one page to hand on."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valtui import texts
from valtui.cli import output
from valtui.cli.output import CommandError
from valtui.cli.parsing import Parser, add_session, home_of
from valtui_trainer.session.about import read_about
from valtui_trainer.session.layout import utc_now
from valtui_trainer.session.listing import find_session

if TYPE_CHECKING:
    from valtui.export.report import Content
    from valtui_trainer.session.layout import SessionPaths


def add_arguments(parser: Parser) -> None:
    """Declare what `report` takes."""
    parser.description = (
        "Write a session as one HTML page that needs nothing else: curves, comparison, verdicts with "
        "their explanations, settings, versions. It can be opened, printed and sent."
    )
    add_session(parser, run=False)
    parser.add_argument("-o", "--output", metavar="FILE.html", help="where to; - for stdout (default: SESSION.html here)")  # fmt: skip
    parser.add_argument(
        "--force", action="store_true", help="overwrite a file that is no report of valtui's"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Write the page."""
    session = find_session(home_of(arguments), arguments.session)
    path = Path(arguments.output or f"{session.id}.html").expanduser()
    to_stdout = arguments.output == "-"
    if not to_stdout:
        refuse(path, arguments.force)
    from valtui.export.report import page

    written = page(content_of(session)).encode("utf-8", "replace")
    if to_stdout:
        sys.stdout.buffer.write(written)
        return 0
    write_whole(path, written)
    output.line(f"{path}  {texts.size(len(written))}")
    return 0


def refuse(path: Path, force: bool) -> None:
    """Refuse a path that cannot be written, or holds what is no report.

    Raises:
        CommandError: a sentence on what is in the way.
    """
    from valtui.export.report import BEGINNING

    if path.is_dir():
        raise CommandError(f"{path} is a folder; name a file, such as {path / 'report.html'}.", 2)
    if not path.parent.is_dir():
        raise CommandError(f"{path.parent} is no folder; make it first.", 2)
    if not os.path.lexists(path) or force:
        return
    try:
        beginning = BEGINNING.encode()
        ours = path.is_file() and path.open("rb").read(len(beginning)) == beginning
    except OSError:
        ours = False
    if not ours:
        raise CommandError(f"{path} is there already and no report; --force overwrites it.", 2)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        CommandError: it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe, or /dev/stdout
            path.write_bytes(content)
            return
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, 0o666 & ~mask)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error.strerror}).") from None


def content_of(session: SessionPaths) -> Content:
    """Measure all that a report says."""
    import numpy as np

    from valtui import pair_words
    from valtui.causes import causes, trials_of
    from valtui.causes.document import describe as causes_document
    from valtui.cli import compare, show
    from valtui.curves import first_axis
    from valtui.export.picture.of_session import curves_of
    from valtui.export.report import Content, Documents
    from valtui.feed import SessionFeed
    from valtui.pairs import pairs_of

    feed = SessionFeed(session)
    feed.drain()
    about = read_about(session)
    figures = compare.figures_of(feed)
    with np.errstate(all="ignore"):
        pairs = pairs_of(feed.runs)
        found = [causes(run, "run", trials=trials_of(feed, run)) for run in feed.runs]
        curves = curves_of(feed.runs, first_axis(feed.runs))
    return Content(
        feed=feed,
        figures=figures,
        pairs=pairs,
        causes=found,
        curves=curves,
        header=compare.header_of(figures),
        rows=[compare.row_of(one) for one in figures],
        remarks=[*compare.NOTES, *(pair_words.NOTE if pairs else ())],
        documents=Documents(
            without_paths(show.describe(session)),
            compare.describe(feed, figures, pairs),
            causes_document(feed.spec.id, found),
        ),
        written=utc_now(),
        version=importlib.metadata.version("valtui"),
        name=about.name,
        note=about.note,
    )


def without_paths(shown: dict[str, Any]) -> dict[str, Any]:
    """Return what `show` says without where files lie on this machine: a page is handed on."""
    runs = [{**run, "profile": None, "origin": Path(run["origin"]).name} for run in shown["runs"]]
    return {**{key: value for key, value in shown.items() if key != "path"}, "runs": runs}
