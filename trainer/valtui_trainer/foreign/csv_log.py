"""CSV logs: Lightning's metrics.csv, Keras's CSVLogger, Ultralytics's results.csv, and any with a header."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from valtui_trainer.foreign.lines import Lines
from valtui_trainer.foreign.numbers import number
from valtui_trainer.foreign.points import Point
from valtui_trainer.foreign.settings import yaml_settings

DELIMITERS = ",;\t|"
BESIDE = ("hparams.yaml", "args.yaml", "config.yaml")
"""Where tools write hyperparameters beside their CSV."""
BYTES_A_ROW = 64


class CsvLog:
    """The reader of one CSV log.

    Tools write the whole file anew where a column is added; rows that were read before are passed over
    then. A header that stands in the middle begins new columns.
    """

    def __init__(self, path: Path) -> None:
        """Read `path` from its beginning."""
        self.skipped = 0
        self.behind = False
        self._path = path
        self._lines = Lines(path)
        self._header: list[str] = []
        self._header_line = ""
        self._delimiter = ","
        self._given = 0
        self._first: dict[str, float] = {}
        self._to_pass = 0
        self._restarts = 0

    @property
    def header(self) -> list[str]:
        """The columns, once they were read."""
        return self._header

    def read(self, most: int) -> list[Point]:
        """Return the rows that came since the last call, about `most` of them."""
        changed = bool(self._header) and self._first_line() not in ("", self._header_line)
        if changed:
            self._lines.anew()
            self._begin_anew()
        lines = self._lines.read(max(4096, most * BYTES_A_ROW))
        if self._lines.restarts != self._restarts:
            self._restarts = self._lines.restarts
            if not changed:  # else it was begun anew already
                self._begin_anew()
        self.behind = self._lines.behind
        found = [point for line in lines if (point := self._point(line)) is not None]
        self.skipped += self._lines.skipped
        self._lines.skipped = 0
        return found

    def _first_line(self) -> str:
        """Return the first line in the file now that says something, or nothing where it cannot be seen."""
        try:
            with self._path.open("rb") as file:
                begin = file.read(1 << 16)
        except OSError:
            return ""
        if b"\0" in begin:  # two bytes a letter
            return ""
        *whole, _torn = begin.decode("utf-8-sig", "replace").split("\n")
        return next((line.rstrip("\r") for line in whole if not is_empty(line)), "")

    def _begin_anew(self) -> None:
        self._header, self._header_line = [], ""
        self._to_pass, self._given = self._given, 0

    def _point(self, line: str) -> Point | None:
        if is_empty(line):
            return None
        cells = self._cells(line)
        if cells is None or (self._header and self._is_header(line, cells)):
            self.skipped += cells is None
            return None
        if not self._header:
            self._header_line = line
            self._begin_header(line)
            return None
        if len(cells) != len(self._header):
            self.skipped += 1
            return None
        values = {
            name: value
            for name, cell in zip(self._header, cells, strict=True)
            if name and (value := number(cell)) is not None
        }
        if not values:
            return None
        if self._to_pass:
            if not self._given and not same(values, self._first):
                self._to_pass = 0  # another log in its place, not the same one with more columns
            else:
                self._to_pass -= 1
                self._given += 1
                return None
        if not self._given:
            self._first = values
        self._given += 1
        return Point(values)

    def _cells(self, line: str) -> list[str] | None:
        """Return the cells of a line, or None where it is none of a table's."""
        try:
            return next(csv.reader([line], delimiter=self._delimiter), [])
        except csv.Error:  # a line within a line, or a cell of endless length
            return None

    def _is_header(self, line: str, cells: list[str]) -> bool:
        """Tell whether a line is a header: again, with further columns, or behind words that were none."""
        names = [cell.strip() for cell in cells]
        if names == self._header:
            return True
        parts = re.split(r"[,;\t|]", line)
        no_table_yet = len(self._header) == 1 and not self._given
        if no_table_yet and len(parts) > 1 and all(number(part) is None for part in parts):
            self._begin_header(line)
            return True
        if all(name and number(name) is None for name in names) and {*names} & {*self._header}:
            self._header = unique(names)
            return True
        return False

    def _begin_header(self, line: str) -> None:
        self._delimiter = max(DELIMITERS, key=line.count)
        self._header = unique([cell.strip() for cell in self._cells(line) or []])

    def settings(self) -> dict[str, Any]:
        """Return what a YAML file beside the log tells."""
        return yaml_settings([self._path.with_name(name) for name in BESIDE])


def is_empty(line: str) -> bool:
    """Tell whether a line says nothing: blanks, or a remark."""
    return not line.strip() or line.lstrip().startswith("#")


def unique(names: list[str]) -> list[str]:
    """Return column names, those that came before with a number behind."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return found


def same(values: dict[str, float], before: dict[str, float]) -> bool:
    """Tell whether a row holds what another did, and perhaps more."""
    return all(repr(values.get(name)) == repr(value) for name, value in before.items())
