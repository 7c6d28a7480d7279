"""Read a growing JSON-lines file: what is new, whole lines only, damaged ones skipped and counted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import msgspec
from msgspec import Struct

from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.records import DAMAGED, Train, Val, restore_not_finite

T = TypeVar("T", bound=Struct)

CHUNK = 128 << 10
"""Decoded in one call, in which no other thread of the process moves: half a millisecond or so.

What it decodes to is looked at several times, and stays in a processor's cache meanwhile.
"""

LONGEST_LINE = 1 << 20
PLACES = frozenset({"n", "time", "step", "epoch", "seed", "row", "crc", "nf"})
"""Fields that are always finite, whatever a damaged `nf` says."""

NUMBER, MARKED = attrgetter("n"), attrgetter("nf")


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
        self._numbered = "n" in kind.__struct_fields__
        self._marked = issubclass(kind, Train | Val)
        self._decoder = msgspec.json.Decoder(kind)
        self._begin()

    def _begin(self) -> None:
        self._offset = 0
        self._torn = b""
        self._too_long = False
        self._expected = 0

    def read(self, most_bytes: int = 1 << 40) -> list[T]:
        """Return the records that came since the last call, reading about `most_bytes` at the most.

        Raises:
            SessionError: as `batches`.
        """
        return list(chain.from_iterable(self.batches(most_bytes)))

    def batches(self, most_bytes: int = 1 << 40) -> Iterator[list[T]]:
        """Yield the records that came since the last call, as many at a time as a chunk holds.

        The file is opened anew each time: on NFS an open file's size is cached.

        Raises:
            SessionError: the file cannot be read. What was read before is given first, without the
                error, which the next call then meets; nothing is lost or given twice.
        """
        given = False
        self._at_end = True
        try:
            with self.path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._offset:
                    self.restarts += 1
                    self._begin()
                file.seek(self._offset)
                self._at_end = False
                while most_bytes > 0 and not self._at_end:
                    wanted = min(CHUNK, most_bytes)
                    chunk = file.read(wanted)
                    usable = chunk.rstrip(b"\0")
                    self._offset += len(usable)
                    most_bytes -= len(usable)
                    if records := self._take(usable):
                        given = True
                        yield records
                    self._at_end = len(chunk) < wanted
                    if not self._at_end and len(usable) < len(chunk):
                        self._at_end = not self._pass_hole(file)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self._at_end = not given
            if not given:
                raise SessionError(f"{self.path}: cannot be read ({error.strerror}).") from None

    def _pass_hole(self, file: BinaryIO) -> bool:
        """Go on after NULs in the middle of the file, whose line is damaged; False: they end it."""
        place = self._offset
        file.seek(place)
        while chunk := file.read(CHUNK):
            rest = chunk.lstrip(b"\0")
            if rest:
                self._take(b"\0")
                self._offset = place + len(chunk) - len(rest)
                file.seek(self._offset)
                return True
            place += len(chunk)
        return False

    def exhausted(self) -> bool:
        """Tell whether the last call left nothing unread, but for NULs at the end."""
        return self._at_end

    def _take(self, chunk: bytes) -> list[T]:
        found: list[T] = []
        whole, newline, rest = chunk.rpartition(b"\n")
        if newline:
            found = self._take_lines((self._torn + whole).split(b"\n"))
            self._torn = b""
        self._torn += rest
        if len(self._torn) > LONGEST_LINE:
            self._torn = b""
            self._too_long = True
        return found

    def _take_lines(self, lines: list[bytes]) -> list[T]:
        if self._too_long:
            self._too_long = False
            self.skipped += 1
            del lines[0]
        found = self._decode(lines)
        if found and self._numbered:
            self._count(found)
        if self._marked and any(map(MARKED, found)):
            return self._restored(found)
        return found

    def _decode(self, lines: list[bytes]) -> list[T]:
        if all(map(bytes.isascii, lines)):
            try:
                return list(map(self._decoder.decode, lines))
            except DAMAGED:  # at least one: find out which
                pass
        return self._decode_one_by_one(lines)

    def _decode_one_by_one(self, lines: list[bytes]) -> list[T]:
        found = []
        for line in lines:
            try:
                line.decode()  # of fields that it does not know the decoder takes any bytes
                found.append(self._decoder.decode(line))
            except DAMAGED:
                self.skipped += 1
        return found

    def _count(self, found: list[T]) -> None:
        numbers: list[int] = list(map(NUMBER, found))
        expected = self._expected
        if numbers == list(range(expected, expected + len(numbers))):
            self._expected += len(numbers)
            return
        for number in numbers:
            self.missed += max(0, number - self._expected)
            self._expected = number + 1

    def _restored(self, found: list[Any]) -> list[T]:
        """Put NaN and infinity back; leave out what a damaged marker takes off the axes."""
        kept = [record for record in found if not record.nf or PLACES.isdisjoint(record.nf)]
        for record in kept:
            restore_not_finite(record)
        self.skipped += len(found) - len(kept)
        return kept
