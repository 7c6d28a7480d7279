"""Append records to the log so that none that was acknowledged is ever lost or written twice.

One `os.write` a line. Where there is no room the rest of the line is kept, and written when there
is room again.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from valtui_trainer.session.layout import FILE_MODE
from valtui_trainer.session.patience import Patience
from valtui_trainer.session.records import Train, Val, encode, mark_not_finite


class Appender:
    """An append-only file of bytes.

    Attributes:
        written: bytes that this writer has brought into it, those of a broken write too.
    """

    def __init__(self, path: Path, patience: Patience | None = None) -> None:
        """Open `path` for appending; `patience` waits where there is no room."""
        self._patience = patience or Patience()
        self._descriptor = self._patience(lambda: open_private(path))
        self._dirty = False
        self._within = False
        self.written = 0

    def write(self, content: bytes) -> None:
        """Write all of `content`; waits as long as there is no room.

        Raises:
            OSError: for any other failure.
        """
        rest = memoryview(content)

        def write_rest() -> None:
            nonlocal rest
            while rest:
                count = os.write(self._descriptor, rest)
                self.written += count
                rest = rest[count:]
                self._within = bool(rest)

        self._patience(write_rest)
        self._dirty = True

    def sync(self) -> None:
        """Bring what was written to the disk, if anything was; waits as long as there is no room."""
        if self._dirty:
            self._patience(lambda: os.fdatasync(self._descriptor))
            self._dirty = False

    def close(self) -> None:
        """Sync and close; what is written afterwards is refused, and reaches no file of another's."""
        try:
            if self._descriptor >= 0:
                self.sync()
        finally:
            self._descriptor = closed(self._descriptor)


class Records(Appender):
    """A file of JSON lines, numbered from 0."""

    def __init__(self, path: Path, patience: Patience | None = None) -> None:
        """Open `path` for appending; what an earlier writer left of a line stays a line of its own."""
        super().__init__(path, patience)
        self.count = 0
        self._within = ends_within_a_line(path)

    def append(self, record: Struct) -> None:
        """Write `record` as the next line."""
        record.n = self.count  # type: ignore[attr-defined]
        if isinstance(record, Train | Val):
            mark_not_finite(record)
        line = encode(record) + b"\n"
        self.write(b"\n" + line if self._within else line)
        self.count += 1


def ends_within_a_line(path: Path) -> bool:
    """Tell whether the file at `path` has a last line without an end."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read(1) not in (b"", b"\n")


def closed(descriptor: int) -> int:
    """Close a descriptor, unless that was done; return what stands for none."""
    if descriptor >= 0:
        os.close(descriptor)
    return -1


def open_private(path: Path) -> int:
    """Open `path` for appending, for this user alone whatever the umask; never through a link."""
    flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return descriptor
