"""Delete old sessions: which of them a rule takes, and how one goes so that a live one never does.

A session goes in two steps: with all its locks held its folder is renamed to a dot name that no
listing shows, then it is removed. What a broken-off removal leaves is removed by the next prune.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from valtui_trainer.session import locks
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths, check_own, session_time, utc_time
from valtui_trainer.session.listing import (
    SessionSummary,
    session_names,
    session_size,
    statuses,
    summarise,
)
from valtui_trainer.session.locks import Lock
from valtui_trainer.session.records import SessionSpec
from valtui_trainer.session.state import RunStatus

UNITS = {"h": 3600.0, "d": 86_400.0, "w": 604_800.0}
AGE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([hdw])")
NUMBER = re.compile(r"[0-9]{1,9}")
ASIDE = ".deleted-"
UNREADABLE = "UNREADABLE"
# A start writes session.json last, and takes no lock before that.
START_SECONDS = 3600.0
MOST_TRIES = 100


class SessionInUseError(SessionError):
    """A session stays because something works on it, or will; its text names what."""


@dataclass(frozen=True, slots=True)
class OlderThan:
    """Takes every session that began more than `seconds` ago."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AllButNewest:
    """Takes every readable session but the newest `count`."""

    count: int


Rule = OlderThan | AllButNewest


@dataclass(frozen=True, slots=True)
class Candidate:
    """A session that may go.

    Attributes:
        state: its state in one word, UNREADABLE where its files do not tell.
        age: seconds since it began.
        bytes: what it takes on disk.
    """

    paths: SessionPaths
    state: str
    age: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Spared:
    """A session that a rule takes and that stays, and why."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rule takes, oldest last, and what it takes but must leave."""

    going: tuple[Candidate, ...]
    kept: tuple[Spared, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the chosen: deleted, kept because it came to life since, or failed."""

    deleted: tuple[Candidate, ...]
    kept: tuple[Spared, ...]
    failed: tuple[Spared, ...]


def parse_rule(text: str) -> Rule:
    """Return the rule that a person wrote: an age such as 30d, or a number of sessions to keep.

    Raises:
        SessionError: it is neither, or not above 0.
    """
    age, number = AGE.fullmatch(text), NUMBER.fullmatch(text)
    if age and float(age[1]) > 0:
        return OlderThan(float(age[1]) * UNITS[age[2]])
    if number and int(text) > 0:
        return AllButNewest(int(text))
    raise SessionError(
        f"--prune {text!r} is neither an age nor a number above 0: write --prune 30d for all "
        "sessions older than 30 days (h hours, d days, w weeks), or --prune 20 for all but the "
        "newest 20."
    )


def choose(home: Path, rule: Rule, now: float) -> Choice:
    """Return the sessions of `home` that `rule` takes at `now`, in seconds since 1970.

    A folder whose name is no session id is left alone, and so is an unreadable session unless the
    rule is an age.
    """
    found = []
    for name in session_names(home):
        made = session_time(name)
        if made is None:
            continue
        paths = SessionPaths(home / "sessions" / name)
        summary = summarise(paths)
        if summary is not None:
            # the later of both: a time that is wrong must make no session look old
            made = max(made, utc_time(summary.spec.created) or made)
        found.append((max(0.0, now - made), paths, summary))
    found.sort(key=lambda one: one[0])  # by age; names come newest first already
    if isinstance(rule, AllButNewest):
        taken = [one for one in found if one[2] is not None][rule.count :]
    else:
        taken = [one for one in found if one[0] > rule.seconds]
    going, kept = [], []
    for age, paths, summary in taken:
        why = why_kept(paths, summary, age)
        if why:
            kept.append(Spared(paths.id, why))
        else:
            state = UNREADABLE if summary is None else summary.state
            going.append(Candidate(paths, state, age, session_size(paths)))
    return Choice(tuple(going), tuple(kept))


def why_kept(paths: SessionPaths, summary: SessionSummary | None, age: float) -> str:
    """Return why a session of `age` seconds must stay, or nothing if it may go."""
    if summary is not None and summary.live:
        return f"{unended(summary.runs)} (`valtui stop {paths.id}` ends what has not ended)"
    if summary is None and age < START_SECONDS:
        return "it cannot be read, and is so young that its start may be under way"
    try:
        check_own(paths.folder)
        return held(paths)
    except SessionError as error:
        return str(error)
    except OSError as error:
        return f"it cannot be looked into ({error.strerror})"


def unended(runs: Iterable[tuple[str, RunStatus]]) -> str:
    """Return which runs have not ended, in words, or nothing if all have."""
    return ", ".join(
        f"{name} is {status.state.lower()}" for name, status in runs if not status.ended
    )


def held(session: SessionPaths) -> str:
    """Return which lock of `session` another process holds, in words, or nothing.

    Raises:
        SessionError: the file system has no locks.
        OSError: a folder or lock cannot be read.
    """
    for path in lock_files(session.folder):
        pid = locks.holder(path)
        if pid is not None:
            return f"process {pid} holds its {path.relative_to(session.folder)}"
    return ""


def lock_files(folder: Path) -> Iterator[Path]:
    """Yield every lock file below `folder`, whatever it guards; no link is followed.

    Raises:
        OSError: a folder cannot be read, so a lock may lie in it.
    """

    def fail(error: OSError) -> None:
        raise error

    for where, _, files in os.walk(folder, onerror=fail):
        for name in files:
            path = Path(where, name)
            if name.endswith(".lock") and not path.is_symlink():
                yield path


def prune(going: Iterable[Candidate]) -> Outcome:
    """Delete what was chosen, looking at each anew; one that fails does not keep the others."""
    deleted, kept, failed = [], [], []
    for one in going:
        try:
            delete(one.paths)
        except SessionInUseError as error:
            kept.append(Spared(one.paths.id, str(error)))
        except SessionError as error:
            failed.append(Spared(one.paths.id, str(error)))
        else:
            deleted.append(one)
    return Outcome(tuple(deleted), tuple(kept), tuple(failed))


def delete(session: SessionPaths) -> None:
    """Delete `session` for good, unless it is live.

    No other thread of this process may look at its locks meanwhile: that would drop them.

    Raises:
        SessionInUseError: a run of it has not ended, or another process holds one of its locks.
        SessionError: it is no session of this user's, or cannot be removed, or not wholly.
    """
    if session_time(session.id) is None:
        raise SessionError("its name is no session id; valtui deletes only sessions")
    taken: list[Lock] = []
    try:
        check_own(session.folder)
        aside = set_aside(session, taken)
        with suppress(OSError):  # NFS keeps what is open, our locks among it, until it is closed
            remove(aside)
        release(taken)
        remove(aside)
    except OSError as error:
        raise SessionError(why_left(session, error)) from None
    finally:
        release(taken)


def set_aside(session: SessionPaths, taken: list[Lock]) -> Path:
    """Take all locks of `session` into `taken` and rename its folder; return the new name.

    Raises:
        SessionInUseError: it is live.
        SessionError: the file system has no locks.
        OSError: a lock cannot be taken, or the folder cannot be renamed.
    """
    take(session.supervisor_lock, session, taken)
    refuse(
        unended(known_statuses(session))
    )  # before run.lock is taken: looking at one's own drops it
    for path in lock_files(session.folder):
        if path != session.supervisor_lock:
            take(path, session, taken)
    aside = session.folder.with_name(ASIDE + session.id)
    session.folder.rename(aside)
    return aside


def take(path: Path, session: SessionPaths, taken: list[Lock]) -> None:
    """Take one lock, or raise SessionInUseError."""
    lock = locks.acquire(path)
    if lock is None:
        refuse(held(session) or f"another process held its {path.relative_to(session.folder)}")
    else:
        taken.append(lock)


def refuse(why: str) -> None:
    """Raise SessionInUseError if there is a reason."""
    if why:
        raise SessionInUseError(why)


def known_statuses(session: SessionPaths) -> list[tuple[str, RunStatus]]:
    """Return the runs' states, wishes to resume included; none where that cannot be read."""
    try:
        if read_document(session.spec, SessionSpec) is None:
            return []
        return list(statuses(session, supervised=False).items())
    except SessionError:
        return []


def release(taken: list[Lock]) -> None:
    """Give up the locks, once."""
    while taken:
        taken.pop().release()


def remove(folder: Path) -> None:
    """Remove `folder` and all in it, also while another process removes it too.

    Raises:
        OSError: something in it cannot be removed.
    """
    for _ in range(MOST_TRIES):
        if not os.path.lexists(folder):
            return
        with suppress(FileNotFoundError):  # the other was quicker, and may have stopped for us
            shutil.rmtree(folder)
            return
    shutil.rmtree(folder)


def why_left(session: SessionPaths, error: OSError) -> str:
    """Return what an error left behind, in words."""
    where = f" at {Path(error.filename).name}" if isinstance(error.filename, str) else ""
    problem = f"{error.strerror or error}{where}"
    if os.path.lexists(session.folder):
        return f"it cannot be deleted ({problem}); nothing of it was removed"
    aside = session.folder.with_name(ASIDE + session.id)
    if os.path.lexists(aside):
        return f"it could not be removed wholly ({problem}); the next prune tries {aside} again"
    return "it is gone already"


def remove_leftovers(home: Path) -> tuple[int, tuple[Spared, ...]]:
    """Remove what broken-off removals left in `home`; return the bytes freed and what failed."""
    freed, failed = 0, []
    try:
        names = sorted(os.listdir(home / "sessions"))
    except OSError:
        return 0, ()
    for name in names:
        if not name.startswith(ASIDE) or session_time(name.removeprefix(ASIDE)) is None:
            continue
        left = SessionPaths(home / "sessions" / name)
        try:
            check_own(left.folder)
            size = session_size(left)
            remove(left.folder)
            freed += size
        except SessionError as error:
            failed.append(Spared(name, str(error)))
        except OSError as error:
            failed.append(Spared(name, f"it still cannot be removed ({error.strerror})"))
    return freed, tuple(failed)
