"""Read a growing JSON-lines file: what is new, whole lines only, damaged ones skipped and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from valtui_trainer.session.records import Train, Val, restore_not_finite

T = TypeVar("T", bound=Struct)

CHUNK = 1 << 20
LONGEST_LINE = 1 << 20


class Tail(Generic[T]):
    """The reader of one file of records.

    Attributes:
        skipped: damaged lines so far.
        missed: records that the numbering says are missing.
    """

    def __init__(self, path: Path, kind: type[T]) -> None:
        """Read records of `kind` from `path`, which need not exist yet."""
        self.path = path
        self.skipped = 0
        self.missed = 0
        self._decoder = msgspec.json.Decoder(kind)
        self._offset = 0
        self._torn = b""
        self._too_long = False
        self._expected = 0
        self._nuls = 0

    def read(self, most_bytes: int = 1 << 40) -> list[T]:
        """Return the records that came since the last call, reading about `most_bytes` at the most.

        The file is opened anew each time: on NFS an open file's size is cached.
        """
        records: list[T] = []
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                while most_bytes > 0:
                    chunk = file.read(min(CHUNK, most_bytes))
                    usable = chunk.rstrip(b"\0")
                    self._nuls = len(chunk) - len(usable)
                    self._offset += len(usable)
                    most_bytes -= len(usable)
                    self._take(usable, records)
                    if len(usable) < CHUNK:
                        break
        except (FileNotFoundError, NotADirectoryError):
            return records
        return records

    def exhausted(self) -> bool:
        """Tell whether everything that is in the file now was read, but for NULs at its end."""
        try:
            return self._offset + self._nuls >= self.path.stat().st_size
        except OSError:
            return True

    def _take(self, chunk: bytes, records: list[T]) -> None:
        whole, newline, rest = chunk.rpartition(b"\n")
        if newline:
            self._take_lines(self._torn + whole, records)
            self._torn = b""
        self._torn += rest
        if len(self._torn) > LONGEST_LINE:
            self._torn = b""
            self._too_long = True

    def _take_lines(self, lines: bytes, records: list[T]) -> None:
        if self._too_long:
            self._too_long = False
            self.skipped += 1
            lines = lines.partition(b"\n")[2]
        try:
            found = self._decoder.decode_lines(lines)
            self.skipped += lines.count(b"\n") + 1 - len(found)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
            found = self._decode_one_by_one(lines)
        if not found:
            return
        self._count(found)
        if isinstance(found[0], Train | Val):
            for record in found:
                if record.nf:  # type: ignore[attr-defined]
                    restore_not_finite(record)  # type: ignore[arg-type]
        records.extend(found)

    def _decode_one_by_one(self, lines: bytes) -> list[T]:
        found = []
        for line in lines.split(b"\n"):
            try:
                found.append(self._decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
                self.skipped += 1
        return found

    def _count(self, found: list[T]) -> None:
        numbers: list[Any] = [getattr(record, "n", None) for record in found]
        if numbers[0] is None:
            return
        expected = self._expected
        if numbers == list(range(expected, expected + len(numbers))):
            self._expected += len(numbers)
            return
        for number in numbers:
            self.missed += max(0, number - self._expected)
            self._expected = number + 1
