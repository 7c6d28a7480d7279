"""What is to be watched, in a session folder: `watch.json`, and the runs that it makes."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct

from valtui_trainer.foreign.grouping import Group, grouped
from valtui_trainer.foreign.points import Options, Source
from valtui_trainer.foreign.recognise import missing_package, open_reader, sources
from valtui_trainer.presets.library import is_unicode
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.create import create_session, run_id
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths, session_id, slug, utc_now
from valtui_trainer.session.listing import session_names
from valtui_trainer.session.machine import host
from valtui_trainer.session.records import SCHEMA, RunSpec, SessionSpec
from valtui_trainer.session.safe import safe
from valtui_trainer.session.state import supervisor_alive

MOST_RUNS = 9
TELL_SETTINGS = frozenset({"csv", "wandb"})
NAME = "watch.json"


class WatchedLog(Struct, frozen=True, kw_only=True):
    """The log of one seed of a run."""

    seed: int
    name: str
    kind: str
    path: str


class WatchedRun(Struct, frozen=True, kw_only=True):
    """One run of the session, and its logs."""

    run: str
    name: str
    logs: list[WatchedLog]


class Watch(Struct, frozen=True, kw_only=True):
    """`watch.json`: what a session watches. Written once.

    Attributes:
        path: that was asked for, absolute.
        chosen: whether a person chose the runs, so that later ones do not join.
        step, columns: what was said of the columns.
    """

    path: str
    chosen: bool
    runs: list[WatchedRun]
    step: str = ""
    columns: dict[str, str] = {}
    schema: int = SCHEMA


def read_watch(session: SessionPaths) -> Watch | None:
    """Return what a session watches, or None if it watches nothing.

    Raises:
        SessionError: the document is damaged.
    """
    return read_document(session.folder / NAME, Watch)


def watched_already(home: Path, path: Path) -> SessionPaths | None:
    """Return the session that watches `path` now, or None."""
    for name in session_names(home):
        session = SessionPaths(home / "sessions" / name)
        try:
            watch = read_watch(session)
            if watch is not None and watch.path == str(path) and supervisor_alive(session):
                return session
        except SessionError:
            continue
    return None


def groups_at(path: Path) -> list[Group]:
    """Return the runs at `path`, seeds together, the newest first.

    Raises:
        SessionError: there are none, or a package to read them is missing.
    """
    found = sources(path)
    missing = {kind: missing_package(kind) for kind in dict.fromkeys(one.kind for one in found)}
    readable = [one for one in found if not missing[one.kind]]
    if not readable:
        raise SessionError(next(said for said in missing.values() if said))
    return grouped(readable)


def choose(groups: list[Group], wanted: list[str]) -> list[Group]:
    """Return the groups that `wanted` names, by name or an unambiguous part of it, in that order.

    Raises:
        SessionError: a name fits none or several, or there are too many.
    """
    chosen = []
    for word in wanted:
        fitting = [one for one in groups if one.name == word] or [
            one for one in groups if word in one.name
        ]
        if len(fitting) != 1:
            names = ", ".join(safe(one.name) for one in (fitting or groups)[:6])
            what = "fits several runs" if fitting else "is no run there"
            raise SessionError(
                f"{safe(word)} {what}: {names}{', …' * (len(fitting or groups) > 6)}."
            )
        chosen += [one for one in fitting if one not in chosen]
    if len(chosen) > MOST_RUNS:
        raise SessionError(f"{MOST_RUNS} runs are the most that one session shows.")
    return chosen


def make_session(
    home: Path, path: Path, groups: list[Group], options: Options, chosen: bool
) -> SessionPaths:
    """Make a session that watches `groups` of the logs at `path`; nothing reads them yet.

    Raises:
        SessionError: it cannot be written, or a name is not UTF-8, which no log of ours can hold.
    """
    for place in [path, *(source.path for group in groups for _, source in group.seeds)]:
        if not is_unicode(str(place)):
            raise SessionError(
                f"{safe(str(place))}: this name is not UTF-8; rename it, or link to it."
            )
    identity = session_id(f"watch-{path.name}")
    runs: list[RunSpec] = []
    watched: list[WatchedRun] = []
    for group in groups:
        run, logs = run_of(group, identity, {one.id for one in runs}, len(runs))
        runs.append(run)
        watched.append(logs)
    spec = SessionSpec(
        id=identity, created=utc_now(), title=safe(f"watch {path}", 200), study=None, question="",
        presets=[one.preset_name for one in runs], device="", parallel=0, host=host(), versions={},
        command=[safe(word) for word in sys.argv[:50]],
    )  # fmt: skip
    session = create_session(home, spec, runs)
    write_document(
        session.folder / NAME,
        Watch(
            path=str(path), chosen=chosen, runs=watched, step=options.step, columns=options.columns
        ),
    )
    return session


def run_of(
    group: Group, session: str, taken: set[str], position: int
) -> tuple[RunSpec, WatchedRun]:
    """Return a group as a run of a session, and its logs."""
    name = re.sub(r"[\s/\\]+", "-", group.name)
    identity = run_id(slug(name), taken, [0])
    origin = group.seeds[0][1].path if len(group.seeds) == 1 else common(group)
    spec = RunSpec(
        id=identity, preset_name=safe(group.name, 100), preset=Preset(data=""),
        seeds=[seed for seed, _ in group.seeds], device="", threads=0, position=position,
        session=session, source="watch", origin=str(origin), recorded=settings_of(group),
    )  # fmt: skip
    logs = [
        WatchedLog(seed=seed, name=source.name, kind=source.kind, path=str(source.path))
        for seed, source in group.seeds
    ]
    return spec, WatchedRun(run=identity, name=group.name, logs=logs)


def settings_of(group: Group) -> dict[str, Any]:
    """Return the hyperparameters that a log, or a file beside it, tells before its first figures."""
    source = group.seeds[0][1]
    if source.kind not in TELL_SETTINGS:
        return {}
    reader = open_reader(source)
    with contextlib.suppress(SessionError):
        reader.read(1)
    return reader.settings()


def common(group: Group) -> Path:
    """Return the folder that holds the logs of all seeds."""
    first, *others = (source.path for _, source in group.seeds)
    return next(folder for folder in first.parents if all(folder in one.parents for one in others))


def source_of(log: WatchedLog) -> Source:
    """Return the log as a reader takes it."""
    return Source(log.name, log.kind, Path(log.path), 0.0)
