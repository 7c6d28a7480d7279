"""`valtui sessions`: what was trained here, newest first, and what it takes on the disk."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from valtui.cli import output, prune
from valtui.cli.parsing import Parser, add_json, home_of
from valtui.texts import size
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import FEW_BYTES, SessionPaths, check_own, free_bytes
from valtui_trainer.session.listing import (
    SessionSummary,
    counted,
    runs_of,
    session_names,
    session_size,
    summarise,
)
from valtui_trainer.session.safe import safe
from valtui_trainer.session.state import RunStatus


def add_arguments(parser: Parser) -> None:
    """Declare what `sessions` takes."""
    parser.description = (
        "List the sessions, newest first, each with its state and size, and what all of them take."
        " With --prune: delete old ones, after asking."
    )
    parser.add_argument(
        "--search",
        metavar="TEXT",
        default="",
        help="those alone that have all its words in name, note, title, presets, host, state or date",
    )
    add_json(parser)
    prune.add_arguments(parser)


def execute(arguments: argparse.Namespace) -> int:
    """List the sessions, or prune them; one that cannot be read is listed with why."""
    prune.check(arguments)
    if arguments.prune is not None:
        return prune.execute(arguments)
    home = home_of(arguments)
    readable: list[SessionSummary] = []
    unreadable: list[dict[str, Any]] = []
    for name in session_names(home):
        paths = SessionPaths(home / "sessions" / name)
        summary = summarise(paths)
        if summary is not None:
            if summary.fits(arguments.search):
                readable.append(summary)
        elif not arguments.search:
            unreadable.append(
                {"id": safe(name), "problem": problem_of(home, name), "bytes": session_size(paths)}
            )
    sessions = [describe(summary) for summary in readable]
    total = sum(one["bytes"] for one in (*sessions, *unreadable))
    free = free_bytes(home)
    if arguments.json:
        output.document(
            {
                "schema": output.SCHEMA,
                "home": safe(str(home)),
                "sessions": sessions,
                "unreadable": unreadable,
                "bytes": total,
                "free_bytes": free,
            }
        )
        return 0
    if sessions:
        names = ("name",) if any(one["name"] for one in sessions) else ()
        output.table(
            ("session", *names, "started (UTC)", "state", "size", "runs"),
            [
                (
                    one["id"],
                    *(one[name] for name in names),
                    one["started"],
                    told(one),
                    size(one["bytes"]),
                    progress(summary),
                )
                for one, summary in zip(sessions, readable, strict=True)
            ],
        )
    elif arguments.search:
        output.line(f"No session fits {arguments.search!r}.")
    else:
        output.line(f"There are no sessions in {home} yet. `valtui run batch-size` starts one.")
    if sessions or unreadable:
        output.line(totals(len(sessions), len(unreadable), total, free))
    for one in unreadable:
        output.complain(f"{one['id']}: {one['problem']}")
    return 0


def totals(readable: int, unreadable: int, taken: int, free: int | None) -> str:
    """Return how many sessions take how many bytes, and what to do where few are `free`."""
    also = f" and {unreadable} that cannot be read" if unreadable else ""
    text = f"{counted(readable)}{also}: {size(taken)}"
    if free is not None and free < FEW_BYTES:
        text += (
            f"; only {size(free)} free on this disk: `valtui sessions --prune 30d` deletes what is "
            "older than 30 days"
        )
    return text


def describe(summary: SessionSummary) -> dict[str, Any]:
    """Return one session of the JSON listing."""
    return {
        "id": summary.paths.id,
        "name": summary.about.name,
        "note": summary.about.note,
        "title": summary.spec.title,
        "study": summary.spec.study,
        "started": summary.spec.created,
        "device": summary.spec.device,
        "host": summary.spec.host,
        "state": summary.state,
        "health": summary.health,
        "live": summary.live,
        "bytes": session_size(summary.paths),
        "runs": [{"id": name, **describe_status(status)} for name, status in summary.runs],
    }


def describe_status(status: RunStatus) -> dict[str, Any]:
    """Return what is true of a run now."""
    return {
        "state": status.state,
        "health": status.health,
        "phase": status.phase,
        "attempt": status.attempt,
        "step": status.step,
        "total_steps": status.total or None,
        "progress": status.progress,
        "seconds_left": status.left,
        "images_per_second": status.rate or None,
        "reason": status.reason,
        "pid": status.pid,
    }


def progress(summary: SessionSummary) -> str:
    """Return the runs of a session, and how far they are, on one line."""
    return ", ".join(f"{name} {status.told} {status.far}" for name, status in summary.runs)


def told(one: dict[str, Any]) -> str:
    """Return the state of a session or run, with its health where that is not ok."""
    return str(one["state"]).lower() + ("" if one["health"] == "ok" else f", {one['health']}")


def problem_of(home: Path, name: str) -> str:
    """Return why the session `name` cannot be read."""
    paths = SessionPaths(home / "sessions" / name)
    from valtui_trainer.session.documents import read_document
    from valtui_trainer.session.records import SessionSpec

    try:
        check_own(paths.folder)
        if read_document(paths.spec, SessionSpec) is None:
            return "it has no session.json: its start was broken off, or is under way."
        runs_of(paths)
    except (SessionError, OSError) as error:
        return safe(str(error))
    return "it cannot be read."
