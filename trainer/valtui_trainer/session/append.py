"""Append records to the log so that none that was acknowledged is ever lost or written twice.

One `os.write` a line. A full disk blocks: the rest of the line is kept and written when there is
room again, and the caller is told meanwhile.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from valtui_trainer.session.layout import FILE_MODE
from valtui_trainer.session.records import Train, Val, encode, mark_not_finite

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RETRY_SECONDS = 1.0

Blocked = Callable[[bool], None]


class Appender:
    """An append-only file of bytes."""

    def __init__(self, path: Path, blocked: Blocked = lambda _: None) -> None:
        """Open `path` for appending; `blocked` hears True when the disk is full and False after."""
        self._descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, FILE_MODE)
        os.fchmod(self._descriptor, FILE_MODE)
        self._blocked = blocked
        self._again = threading.Event()
        self._dirty = False

    def write(self, content: bytes) -> None:
        """Write all of `content`; waits as long as the disk is full.

        Raises:
            OSError: for any other failure.
        """
        view = memoryview(content)
        waiting = False
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except OSError as error:
                if error.errno not in FULL:
                    raise
                if not waiting:
                    waiting = True
                    self._blocked(True)
                self._again.wait(RETRY_SECONDS)
        self._dirty = True
        if waiting:
            self._blocked(False)

    def sync(self) -> None:
        """Bring what was written to the disk, if anything was."""
        if self._dirty:
            self._dirty = False
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Sync and close."""
        self.sync()
        os.close(self._descriptor)


class Records(Appender):
    """A file of JSON lines, numbered from 0."""

    def __init__(self, path: Path, blocked: Blocked = lambda _: None) -> None:
        """Open `path` for appending."""
        super().__init__(path, blocked)
        self.count = 0

    def append(self, record: Struct) -> None:
        """Write `record` as the next line."""
        record.n = self.count  # type: ignore[attr-defined]
        if isinstance(record, Train | Val):
            mark_not_finite(record)
        self.write(encode(record) + b"\n")
        self.count += 1
