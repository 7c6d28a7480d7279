"""A session's own log, written as the trainer does, read as the screen does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bench.log.tool import FIGURES, Arrays, Row
from bench.sessions import make_session
from valtui.feed import SessionFeed
from valtui.series import Table
from valtui_trainer.session.append import Records
from valtui_trainer.session.history import RunReader
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.records import Train

SYNC_SECONDS = 5.0
"""As the trainer does between evaluations."""


def session_in(folder: Path) -> SessionPaths:
    """Return the one session below `folder`."""
    (found,) = (folder / "sessions").iterdir()
    return SessionPaths(found)


def run_in(folder: Path) -> RunPaths:
    """Return its one run."""
    session = session_in(folder)
    return session.run(session.run_ids()[0])


class Ours:
    """The log of a run, read into columns."""

    precision = 0.0

    def __init__(self, columns: Sequence[str] = FIGURES) -> None:
        """Read `columns`, and the step."""
        self.name = "valtui"
        self._columns = ("step", *columns)

    def begin(self, folder: Path) -> None:
        """Make a session of one run."""
        _, (writer,) = make_session(folder, runs=1, points=0, total=1, eval_every=1, live=False)
        self._records: Records = writer.train
        self._synced = time.monotonic()

    def add(self, row: Row) -> None:
        """Append a record; sync now and then."""
        self._records.append(Train(n=0, seed=0, **row))  # type: ignore[arg-type]
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._records.sync()
            self._synced = time.monotonic()

    def end(self) -> None:
        """Sync and close."""
        self._records.close()

    def read(self, folder: Path) -> Arrays:
        """Read all attempts of the run, as the feed does."""
        reader, table = RunReader(run_in(folder)), Table(self._columns)
        for news in reader.read():
            table.extend(news.train)
        return {name: table[name] for name in self._columns}

    def size(self, folder: Path) -> int:
        """Return the bytes of the training records."""
        return run_in(folder).attempt(0).train.stat().st_size


class OurScreen(Ours):
    """The log of a run, as a screen follows it: what it shows, and every guarantee of the feed."""

    def __init__(self) -> None:
        """Read the columns that screens show."""
        super().__init__()
        self.name = "valtui, what screens show"

    def read(self, folder: Path) -> Arrays:
        """Open the session and read everything."""
        feed = SessionFeed(session_in(folder))
        feed.drain()
        table = feed.runs[0].seeds[0].train
        return {name: table[name] for name in table.columns}
