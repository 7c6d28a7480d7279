"""Read a growing JSON-lines file: what is new, whole lines only, damaged ones skipped and counted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import msgspec
from msgspec import Struct

from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.records import DAMAGED, Train, Val, restore_not_finite

T = TypeVar("T", bound=Struct)

CHUNK = 256 << 10
"""Decoded in one call, in which no other thread of the process moves: a millisecond or so."""

LONGEST_LINE = 1 << 20
EXACT = 2**53
"""Larger whole numbers have no place of their own among floats."""

PLACES = frozenset({"n", "time", "step", "epoch", "seed", "row", "crc", "nf"})
"""Fields that are always finite, whatever a damaged `nf` says."""


class Tail(Generic[T]):
    """The reader of one file of records.

    Attributes:
        skipped: damaged lines so far.
        missed: records that the numbering says are missing.
        restarts: how often the file had become shorter, hence another one, and was begun anew.
    """

    def __init__(self, path: Path, kind: type[T]) -> None:
        """Read records of `kind` from `path`, which need not exist yet."""
        self.path = path
        self.skipped = 0
        self.missed = 0
        self._at_end = False
        self.restarts = 0
        self._places = issubclass(kind, Train | Val)
        self._decoder = msgspec.json.Decoder(kind)
        self._begin()

    def _begin(self) -> None:
        self._offset = 0
        self._torn = b""
        self._too_long = False
        self._expected = 0

    def read(self, most_bytes: int = 1 << 40) -> list[T]:
        """Return the records that came since the last call, reading about `most_bytes` at the most.

        The file is opened anew each time: on NFS an open file's size is cached.

        Raises:
            SessionError: the file cannot be read. What was read before is given first, without the
                error, which the next call then meets; nothing is lost or given twice.
        """
        records: list[T] = []
        self._at_end = True
        try:
            with self.path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._offset:
                    self.restarts += 1
                    self._begin()
                file.seek(self._offset)
                while most_bytes > 0:
                    wanted = min(CHUNK, most_bytes)
                    chunk = file.read(wanted)
                    usable = chunk.rstrip(b"\0")
                    self._offset += len(usable)
                    most_bytes -= len(usable)
                    self._take(usable, records)
                    self._at_end = len(chunk) < wanted
                    if not self._at_end and len(usable) < len(chunk):
                        self._at_end = not self._pass_hole(file, records)
                    if self._at_end:
                        break
        except (FileNotFoundError, NotADirectoryError):
            return records
        except OSError as error:
            if not records:
                raise SessionError(f"{self.path}: cannot be read ({error.strerror}).") from None
            self._at_end = False
        return records

    def _pass_hole(self, file: BinaryIO, records: list[T]) -> bool:
        """Go on after NULs in the middle of the file, whose line is damaged; False: they end it."""
        place = self._offset
        file.seek(place)
        while chunk := file.read(CHUNK):
            rest = chunk.lstrip(b"\0")
            if rest:
                self._take(b"\0", records)
                self._offset = place + len(chunk) - len(rest)
                file.seek(self._offset)
                return True
            place += len(chunk)
        return False

    def exhausted(self) -> bool:
        """Tell whether the last call left nothing unread, but for NULs at the end."""
        return self._at_end

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
            _, newline, lines = lines.partition(b"\n")
            if not newline:
                return
        try:
            found = self._decoder.decode_lines(lines)
            self.skipped += lines.count(b"\n") + 1 - len(found)
        except DAMAGED:
            found = self._decode_one_by_one(lines)
        if not found:
            return
        self._count(found)
        if self._places:
            found = self._placed(found)
        records.extend(found)

    def _placed(self, found: list[Any]) -> list[T]:
        """Leave out what has no place on any axis; put NaN and infinity back."""
        kept = [
            record
            for record in found
            if 0 <= record.step <= EXACT
            and 0 <= record.epoch <= EXACT
            and 0 <= record.time <= EXACT
        ]
        if isinstance(found[0], Val):
            kept = [
                record
                for record in kept
                if 0 <= (record.row or 0) <= EXACT and 0 <= (record.crc or 0) <= EXACT
            ]
        if any(record.nf for record in kept):
            kept = [record for record in kept if not record.nf or PLACES.isdisjoint(record.nf)]
            for record in kept:
                restore_not_finite(record)
        self.skipped += len(found) - len(kept)
        return kept

    def _decode_one_by_one(self, lines: bytes) -> list[T]:
        found = []
        for line in lines.split(b"\n"):
            try:
                found.append(self._decoder.decode(line))
            except DAMAGED:
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
