"""SQLite by the standard library: write-ahead log, synchronous=NORMAL."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from bench.log.tool import FIGURES, Arrays, Row, bytes_in

NAMES = ("step", *FIGURES)
INSERT = f"insert into train ({', '.join(NAMES)}) values ({', '.join(f':{n}' for n in NAMES)})"


class SQLite:
    """A table of figures, `batch` records to a transaction."""

    precision = 0.0

    def __init__(self, batch: int, columns: Sequence[str] = FIGURES) -> None:
        """Read `columns`, and the step."""
        self.name = f"SQLite, {batch} to a transaction" if batch > 1 else "SQLite, each committed"
        self._batch = batch
        self._columns = ("step", *columns)
        self._waiting: list[Row] = []

    def begin(self, folder: Path) -> None:
        """Make the table."""
        self._base = sqlite3.connect(folder / "log.db", isolation_level=None)
        self._base.execute("pragma journal_mode=wal")
        self._base.execute("pragma synchronous=normal")
        kinds = ", ".join(f"{name} real" for name in FIGURES)
        self._base.execute(f"create table train (step integer primary key, {kinds})")

    def add(self, row: Row) -> None:
        """Insert, when a batch is full."""
        self._waiting.append(row)
        if len(self._waiting) == self._batch:
            self._commit()

    def _commit(self) -> None:
        self._base.execute("begin")
        self._base.executemany(INSERT, self._waiting)
        self._base.execute("commit")
        self._waiting.clear()

    def end(self) -> None:
        """Commit what is left, and close."""
        self._commit()
        self._base.close()

    def read(self, folder: Path) -> Arrays:
        """Select the columns."""
        with closing(sqlite3.connect(folder / "log.db")) as base:
            found = base.execute(
                f"select {', '.join(self._columns)} from train order by step"
            ).fetchall()
        columns = np.array(found, dtype=np.float64).T
        return dict(zip(self._columns, columns, strict=True))

    def size(self, folder: Path) -> int:
        """Return the bytes of the base."""
        return bytes_in(folder)
