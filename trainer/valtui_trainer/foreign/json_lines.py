"""JSON lines: one object a line, numbers by name, nested ones by dotted name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from valtui_trainer.foreign.lines import Lines
from valtui_trainer.foreign.numbers import NOT_FINITE, flattened
from valtui_trainer.foreign.parts import parted
from valtui_trainer.foreign.passing import Passing
from valtui_trainer.foreign.points import Point
from valtui_trainer.session.records import DAMAGED

BYTES_A_ROW = 128
TOKENS = ("NaN", "Infinity")


class JsonLines:
    """The reader of one file of JSON lines.

    A last line without an end is given once it is a whole object. Where the file becomes another one, as by a
    tool that saves all of it each time, rows that were given are passed over.
    """

    def __init__(self, path: Path) -> None:
        """Read `path` from its beginning."""
        self.skipped = 0
        self.behind = False
        self._lines = Lines(path)
        self._restarts = 0
        self._passing = Passing()
        self._given_early = ""

    def read(self, most: int) -> list[Point]:
        """Return the rows that came since the last call, about `most` of them."""
        lines = self._lines.read(max(4096, most * BYTES_A_ROW))
        if self._lines.restarts != self._restarts:
            self._restarts = self._lines.restarts
            self._passing.begin_anew()
            self._given_early = ""
        found = [point for line in lines if (point := self._point(line)) is not None]
        rest = self._lines.rest
        if rest and not self._given_early and (early := row(rest)) is not None:
            found += self._new(early)
            self._given_early = rest
        self.behind = self._lines.behind
        self.skipped += self._lines.skipped
        self._lines.skipped = 0
        return found

    def _point(self, line: str) -> Point | None:
        early, self._given_early = self._given_early, ""
        if not line.strip() or (early and line.strip() == early.strip()):
            return None
        values = row(line)
        if values is None:
            self.skipped += 1
            return None
        return next(iter(self._new(values)), None)

    def _new(self, values: dict[str, float]) -> list[Point]:
        return [] if self._passing.is_known(values) else [Point(values)]

    def settings(self) -> dict[str, Any]:
        """Return nothing: such a file tells none."""
        return {}


def row(line: str) -> dict[str, float] | None:
    """Return the numbers of a line that holds an object, or None where it holds none."""
    table = decoded(line)
    if not isinstance(table, dict) or not (values := flattened(table)):
        return None
    return parted(values, table.items())


def decoded(text: str) -> Any:
    """Return the value of a JSON text; the tokens NaN and Infinity that Python writes are understood."""
    try:
        return msgspec.json.decode(text)
    except DAMAGED:
        if not any(token in text for token in TOKENS):
            return None
    import json

    try:
        return json.loads(text, parse_constant=lambda token: NOT_FINITE.get(token.lower()))
    except (ValueError, RecursionError):
        return None
