"""CSV logs: Lightning's metrics.csv, Keras's CSVLogger, Ultralytics's results.csv, and any with a header."""

from __future__ import annotations

import csv
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
        if self._header and self._first_line() not in ("", self._header_line):
            self._lines.anew()
            self._begin_anew()
        lines = self._lines.read(max(4096, most * BYTES_A_ROW))
        if self._lines.restarts != self._restarts:
            self._restarts = self._lines.restarts
            self._begin_anew()
        self.behind = self._lines.behind
        found = [point for line in lines if (point := self._point(line)) is not None]
        self.skipped += self._lines.skipped
        self._lines.skipped = 0
        return found

    def _first_line(self) -> str:
        """Return the header that stands in the file now, or nothing where it cannot be seen."""
        try:
            with self._path.open("rb") as file:
                line = file.readline(1 << 16)
        except OSError:
            return ""
        if b"\0" in line or not line.endswith(b"\n"):  # two bytes a letter, or torn
            return ""
        return line.decode("utf-8-sig", "replace").rstrip("\r\n")

    def _begin_anew(self) -> None:
        self._header, self._header_line = [], ""
        self._to_pass, self._given = self._given, 0

    def _point(self, line: str) -> Point | None:
        if not line.strip() or line.lstrip().startswith("#"):
            return None
        if not self._header:
            self._begin_header(line)
            return None
        cells = next(csv.reader([line], delimiter=self._delimiter), [])
        names = [cell.strip() for cell in cells]
        if names == self._header:
            return None
        if names and all(name and number(name) is None for name in names):
            self._header = unique(names)
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

    def _begin_header(self, line: str) -> None:
        self._header_line = line
        self._delimiter = max(DELIMITERS, key=line.count)
        cells = next(csv.reader([line], delimiter=self._delimiter), [])
        self._header = unique([cell.strip() for cell in cells])

    def settings(self) -> dict[str, Any]:
        """Return what a YAML file beside the log tells."""
        return yaml_settings([self._path.with_name(name) for name in BESIDE])


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
