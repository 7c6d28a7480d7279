"""The task `watch`: follows the logs of a session's runs as long as somebody holds the other end of stdin."""

from __future__ import annotations

import contextlib
import math
import os
import select
import sys
import time
from pathlib import Path

import msgspec

from valtui_trainer.foreign.followed import Followed
from valtui_trainer.foreign.grouping import Group
from valtui_trainer.foreign.points import Options
from valtui_trainer.foreign.request import (
    MOST_RUNS,
    Watch,
    WatchedLog,
    groups_at,
    read_watch,
    run_of,
)
from valtui_trainer.session.create import add_run
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.guest import Guest
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.locks import acquire
from valtui_trainer.session.records import RunSpec

LOOK_SECONDS = 1.0
BUSY_SECONDS = 0.0
FIRST_SECONDS = 1.0
SEARCH_SECONDS = 15.0


class FirstLook(msgspec.Struct):
    """What the follower says on stdout after its first look.

    Attributes:
        problems: sentences on what cannot be read or understood.
        understood: whether anything can be shown.
    """

    problems: list[str]
    understood: bool


class Follower:
    """Follows all runs of one session."""

    def __init__(self, session: SessionPaths, watch: Watch) -> None:
        """Begin to follow what `watch` names.

        Raises:
            SessionError: a run cannot be read, or is followed by somebody else.
        """
        self._session = session
        self._watch = watch
        self._options = Options(watch.step, dict(watch.columns))
        self._known = {log.path for run in watch.runs for log in run.logs}
        self._searched = time.monotonic()
        self.runs = [self._followed(session.run(one.run), one.logs) for one in watch.runs]

    def _followed(self, run: RunPaths, logs: list[WatchedLog]) -> Followed:
        spec = read_document(run.spec, RunSpec)
        lock = acquire(run.lock)
        if spec is None or lock is None:
            raise SessionError(f"{run.folder} is followed by another process already.")
        return Followed(Guest(self._session, run, lock, spec), logs, self._options)

    def look(self) -> bool:
        """Look at every run once, and now and then for new ones; tell whether anything was new."""
        found = [run.look() for run in self.runs]
        if time.monotonic() - self._searched > SEARCH_SECONDS and not self._watch.chosen:
            self._searched = time.monotonic()
            with contextlib.suppress(SessionError):
                self._search()
        return any(found)

    def _search(self) -> None:
        """Take up runs that appeared in the folder, as long as there is room."""
        path = Path(self._watch.path)
        if not path.is_dir() or len(self.runs) >= MOST_RUNS:
            return
        for group in map(self._unknown, reversed(groups_at(path))):
            if not group.seeds or len(self.runs) >= MOST_RUNS:
                continue
            taken = set(self._session.run_ids())
            spec, run = run_of(group, self._session.id, taken, len(taken))
            self.runs.append(self._followed(add_run(self._session, spec), run.logs))
            self._known |= {str(source.path) for _, source in group.seeds}

    def _unknown(self, group: Group) -> Group:
        """Return what of a group is not followed yet; the seeds of a run that is there are written down."""
        seeds = tuple(one for one in group.seeds if str(one[1].path) not in self._known)
        if len(seeds) in (0, len(group.seeds)):
            return Group(group.name, seeds)
        return Group(seeds[0][1].name if len(seeds) == 1 else f"{group.name}-later", seeds)

    @property
    def behind(self) -> bool:
        """Tell whether there is more to read at once."""
        return any(run.behind for run in self.runs)

    def first_look(self, seconds: float) -> FirstLook:
        """Read for so many seconds at the most; return what was found."""
        until = time.monotonic() + seconds
        self.look()
        while self.behind and time.monotonic() < until:
            self.look()
        problems = list(dict.fromkeys(one for run in self.runs for one in run.problems))
        return FirstLook(problems, any(run.understood for run in self.runs))

    @property
    def passed_over(self) -> list[str]:
        """What of the logs is not shown, in sentences."""
        return [sentence for run in self.runs for sentence in run.passed_over]

    def work(self) -> None:
        """Follow until the other end of stdin is closed, or the session is gone."""
        while self._session.spec.exists():
            if wait(BUSY_SECONDS if self.behind else LOOK_SECONDS):
                return
            self.look()

    def close(self) -> None:
        """Say of every run that it is no longer watched."""
        for run in self.runs:
            run.close()


def wait(seconds: float) -> bool:
    """Wait so long; tell whether the other end of stdin was closed meanwhile."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready) and os.read(sys.stdin.fileno(), 4096) == b""


def main(folder: str, once: bool = False) -> int:
    """Follow what the session in `folder` watches, or read it `once`; return the exit code."""
    os.umask(0o077)
    session = SessionPaths(Path(folder))
    try:
        lock = acquire(session.supervisor_lock)
        watch = read_watch(session)
        if lock is None or watch is None:
            raise SessionError(f"{folder} is watched already, or watches nothing.")
        follower = Follower(session, watch)
        found = follower.first_look(math.inf if once else FIRST_SECONDS)
        if once:
            found.problems += follower.passed_over
    except (SessionError, OSError) as error:
        found = FirstLook([str(error)], False)
        answer(found)
        return 1
    answer(found)
    try:
        if not once:
            follower.work()
    finally:
        follower.close()
    return 0


def answer(found: FirstLook) -> None:
    """Tell the program that started this one."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), msgspec.json.encode(found) + b"\n")
