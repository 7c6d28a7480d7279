"""`valtui sessions`: what was trained here, newest first."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from valtui.cli import output
from valtui.cli.parsing import Parser, add_json, home_of
from valtui.texts import size
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths, check_own
from valtui_trainer.session.listing import (
    SessionSummary,
    runs_of,
    session_names,
    session_size,
    summarise,
)
from valtui_trainer.session.safe import safe
from valtui_trainer.session.state import RunStatus


def add_arguments(parser: Parser) -> None:
    """Declare what `sessions` takes."""
    add_json(parser)


def execute(arguments: argparse.Namespace) -> int:
    """List the sessions; one that cannot be read is listed with why."""
    home = home_of(arguments)
    readable: list[SessionSummary] = []
    unreadable: list[dict[str, str]] = []
    for name in session_names(home):
        summary = summarise(SessionPaths(home / "sessions" / name))
        if summary is not None:
            readable.append(summary)
        else:
            unreadable.append({"id": safe(name), "problem": problem_of(home, name)})
    sessions = [describe(summary) for summary in readable]
    if arguments.json:
        output.document(
            {
                "schema": output.SCHEMA,
                "home": safe(str(home)),
                "sessions": sessions,
                "unreadable": unreadable,
            }
        )
        return 0
    if not sessions:
        output.line(f"There are no sessions in {home} yet. `valtui run batch-size` starts one.")
    else:
        output.table(
            ("session", "started (UTC)", "state", "size", "runs"),
            [
                (one["id"], one["started"], one["state"].lower(), size(one["bytes"]), progress(one))
                for one in sessions
            ],
        )
    for one in unreadable:
        output.complain(f"{one['id']}: {one['problem']}")
    return 0


def describe(summary: SessionSummary) -> dict[str, Any]:
    """Return one session of the JSON listing."""
    return {
        "id": summary.paths.id,
        "title": summary.spec.title,
        "study": summary.spec.study,
        "started": summary.spec.created,
        "device": summary.spec.device,
        "host": summary.spec.host,
        "state": summary.state,
        "live": summary.live,
        "bytes": session_size(summary.paths),
        "runs": [{"id": name, **describe_status(status)} for name, status in summary.runs],
    }


def describe_status(status: RunStatus) -> dict[str, Any]:
    """Return what is true of a run now."""
    return {
        "state": status.state,
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


def progress(session: dict[str, Any]) -> str:
    """Return the runs of a session on one line."""
    return ", ".join(
        f"{run['id']} {run['state'].lower()} {100 * run['progress']:.0f} %"
        for run in session["runs"]
    )


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
