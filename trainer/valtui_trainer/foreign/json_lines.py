"""JSON lines: one object a line, numbers by name, nested ones by dotted name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from valtui_trainer.foreign.lines import Lines
from valtui_trainer.foreign.numbers import NOT_FINITE, flattened
from valtui_trainer.foreign.points import Point
from valtui_trainer.session.records import DAMAGED

BYTES_A_ROW = 128
TOKENS = ("NaN", "Infinity")


class JsonLines:
    """The reader of one file of JSON lines."""

    def __init__(self, path: Path) -> None:
        """Read `path` from its beginning."""
        self.skipped = 0
        self.behind = False
        self._lines = Lines(path)

    def read(self, most: int) -> list[Point]:
        """Return the rows that came since the last call, about `most` of them."""
        found = []
        for line in self._lines.read(max(4096, most * BYTES_A_ROW)):
            if not line.strip():
                continue
            table = decoded(line)
            if isinstance(table, dict) and (values := flattened(table)):
                found.append(Point(values))
            else:
                self.skipped += 1
        self.behind = self._lines.behind
        self.skipped += self._lines.skipped
        self._lines.skipped = 0
        return found

    def settings(self) -> dict[str, Any]:
        """Return nothing: such a file tells none."""
        return {}


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
