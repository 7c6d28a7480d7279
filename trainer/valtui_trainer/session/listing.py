"""The sessions of a home: list them, newest first, and find one by what a person types."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from valtui_trainer.session.about import NOTHING, About, is_called, matches, read_about
from valtui_trainer.session.described import status_of
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import RunPaths, SessionPaths, check_own
from valtui_trainer.session.records import RunSpec, SessionSpec
from valtui_trainer.session.state import Health, RunStatus, run_status, supervisor_alive
from valtui_trainer.session.waiting import Waiting


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session in a listing."""

    paths: SessionPaths
    spec: SessionSpec
    runs: tuple[tuple[str, RunStatus], ...]
    about: About = NOTHING

    @property
    def title(self) -> str:
        """Return the name that a person gave it, or else what it trains."""
        return self.about.name or self.spec.title

    def fits(self, wanted: str) -> bool:
        """Tell whether all words of `wanted` stand in its names, note, question, presets, host or date."""
        spec = self.spec
        return matches(
            wanted,
            (
                self.paths.id, self.about.name, self.about.note, spec.title, spec.study or "",
                spec.question, spec.host, spec.device, spec.created, self.told,
                *spec.presets, *(name for name, _ in self.runs),
            ),
        )  # fmt: skip

    @property
    def state(self) -> str:
        """Return the one word that says most about the session."""
        states = [status.state for _, status in self.runs]
        for word in ("RUNNING", "STARTING", "STOPPING", "BLOCKED", "PAUSED", "QUEUED", "WATCHED"):
            if word in states:
                return word
        for word in ("FAILED", "KILLED", "LOST", "STOPPED"):
            if word in states:
                return word
        return "DONE"

    @property
    def health(self) -> Health:
        """Return the first health of its runs that is not ok."""
        return next((status.health for _, status in self.runs if status.health != "ok"), "ok")

    @property
    def told(self) -> str:
        """Return the state in lower case, with the health where that is not ok."""
        return self.state.lower() + ("" if self.health == "ok" else f", {self.health}")

    @property
    def live(self) -> bool:
        """Tell whether anything of it may still move by itself."""
        return any(not status.ended for _, status in self.runs)


def session_names(home: Path) -> list[str]:
    """Return the ids of all sessions, newest first."""
    try:
        names = os.listdir(home / "sessions")
    except OSError:
        return []
    return sorted((name for name in names if not name.startswith(".")), reverse=True)


def summarise(paths: SessionPaths) -> SessionSummary | None:
    """Return what a listing shows of a session, or None if it is unfinished or unreadable."""
    try:
        check_own(paths.folder)
        spec = read_document(paths.spec, SessionSpec)
        if spec is None:
            return None
        runs = tuple(statuses(paths).items())
    except (SessionError, OSError):
        return None
    return SessionSummary(paths, spec, runs, read_about(paths))


def statuses(session: SessionPaths, supervised: bool | None = None) -> dict[str, RunStatus]:
    """Return what is true of each run of a session now, by id, in their order.

    Args:
        session: where they lie.
        supervised: whether a supervisor is alive; None looks, which would drop a lock of one's own.

    Raises:
        SessionError: something in the folder is damaged, or cannot be read.
    """
    alive = supervisor_alive(session) if supervised is None else supervised
    waiting = Waiting(session)
    waiting.look()
    return {
        spec.id: status_of(spec, waiting.true_status(run, run_status(run, alive)))
        for run, spec in runs_of(session)
    }


def summaries(home: Path) -> list[SessionSummary]:
    """Return all readable sessions, newest first."""
    found = (summarise(SessionPaths(home / "sessions" / name)) for name in session_names(home))
    return [summary for summary in found if summary is not None]


def runs_of(session: SessionPaths, skip_damaged: bool = False) -> list[tuple[RunPaths, RunSpec]]:
    """Return the runs of a session in their order.

    Raises:
        SessionError: a `run.json` is damaged or of a newer valtui, unless `skip_damaged`.
    """
    found = []
    for name in session.run_ids():
        try:
            spec = read_document(session.run(name).spec, RunSpec)
            if spec is not None and not spec.seeds:
                raise SessionError(f"{session.run(name).spec}: is damaged (it names no seeds).")
        except SessionError:
            if not skip_damaged:
                raise
            continue
        if spec is not None:
            found.append((session.run(name), spec))
    return sorted(found, key=lambda pair: (pair[1].position, pair[1].id))


def find_session(home: Path, wanted: str | None) -> SessionPaths:
    """Return the session a person means: the newest, an id, a name, or an unambiguous part of an id.

    Raises:
        SessionError: there is none, or several fit.
    """
    names = session_names(home)
    if not names:
        raise SessionError(
            f"There are no sessions in {home} yet. `valtui run batch-size` starts one."
        )
    if wanted is None:
        chosen = names[0]
    elif wanted in names:
        chosen = wanted
    else:
        fitting = named(home, names, wanted) or [name for name in names if wanted in name]
        if not fitting:
            raise SessionError(f"No session {wanted!r} in {home}. `valtui sessions` lists them.")
        if len(fitting) > 1:
            shown = ", ".join(fitting[:4]) + (", …" if len(fitting) > 4 else "")
            raise SessionError(
                f"{wanted!r} fits {len(fitting)} sessions: {shown}. Write more of it."
            )
        chosen = fitting[0]
    paths = SessionPaths(home / "sessions" / chosen)
    check_own(paths.folder)
    return paths


def named(home: Path, names: list[str], wanted: str) -> list[str]:
    """Return those of the sessions that a person called `wanted`, in whatever case."""
    folders = home / "sessions"
    return [name for name in names if is_called(read_about(SessionPaths(folders / name)), wanted)]


def find_run(session: SessionPaths, wanted: str) -> RunPaths:
    """Return the run a person means, by id or an unambiguous part of it.

    Raises:
        SessionError: there is none, or several fit.
    """
    names = session.run_ids()
    fitting = [wanted] if wanted in names else [name for name in names if wanted in name]
    if len(fitting) != 1:
        problem = "has no run" if not fitting else "has several runs that fit"
        raise SessionError(
            f"The session {session.id} {problem} {wanted!r}. Its runs: {', '.join(names)}."
        )
    return session.run(fitting[0])


def session_size(session: SessionPaths) -> int:
    """Return the bytes a session takes on disk; one that is a link takes none."""
    if session.folder.is_symlink():
        return 0
    total = 0
    for folder, _, files in os.walk(session.folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total


def counted(sessions: int) -> str:
    """Return `1 session`, `2 sessions`."""
    return f"{sessions} session" + ("" if sessions == 1 else "s")
