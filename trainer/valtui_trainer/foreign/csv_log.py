"""CSV logs: Lightning's metrics.csv, Keras's CSVLogger, Ultralytics's results.csv, and any with a header."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from valtui_trainer.foreign.columns import meaning
from valtui_trainer.foreign.lines import Lines
from valtui_trainer.foreign.numbers import number
from valtui_trainer.foreign.parts import parted
from valtui_trainer.foreign.passing import Passing
from valtui_trainer.foreign.points import Options, Point
from valtui_trainer.foreign.settings import yaml_settings

DELIMITERS = ",;\t|"
BESIDE = ("hparams.yaml", "args.yaml", "config.yaml")
"""Where tools write hyperparameters beside their CSV."""
BYTES_A_ROW = 64
QUIET_SECONDS = 600.0
"""After so long a last row without an end counts as whole."""


class CsvLog:
    """The reader of one CSV log.

    Tools write the whole file anew where a column is added; rows that were read before are passed over
    then. A header that stands in the middle begins new columns. Words may stand before a header, and between
    rows. A last row without an end is given once nothing was written for a long while: a program that
    writes in blocks leaves it torn till then.

    Attributes:
        unfinished: whether a last row without an end was not given yet.
    """

    def __init__(self, path: Path) -> None:
        """Read `path` from its beginning."""
        self.skipped = 0
        self.behind = False
        self.unfinished = False
        self._path = path
        self._lines = Lines(path)
        self._header: list[str] = []
        self._delimiter = ","
        self._opening = ""
        self._any = False
        self._restarts = 0
        self._passing = Passing()
        self._given_early = ""

    @property
    def header(self) -> list[str]:
        """The columns, once they were read."""
        return self._header

    def read(self, most: int) -> list[Point]:
        """Return the rows that came since the last call, about `most` of them."""
        changed = bool(self._opening) and self._first_line() not in ("", self._opening)
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
        found += self._early()
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
        self._header, self._opening, self._given_early, self._any = [], "", "", False
        self._passing.begin_anew()

    def _point(self, line: str) -> Point | None:
        early, self._given_early = self._given_early, ""
        if is_empty(line) or early:
            self.skipped += bool(early) and line != early  # it went on after all
            return None
        self._opening = self._opening or line
        cells = cells_of(line, self._delimiter)
        if cells is None:
            self.skipped += 1
            return None
        if self._is_header(line, cells):
            return None
        values = self._values(cells)
        if values is None:
            self.skipped += 1
        if not values or self._passing.is_known(values):
            return None
        self._any = True
        return Point(values)

    def _early(self) -> list[Point]:
        """Return the last row where nothing ends it, if it is as long as others and has stood for a while."""
        rest = self._lines.rest
        self.unfinished = bool(self._header and rest.strip() and not self._given_early)
        if not self.unfinished or self._lines.quiet_seconds < QUIET_SECONDS:
            return []
        if self._header[-1] in place_columns(self._header):
            return []  # cut short it would stand somewhere else
        values = self._values(cells_of(rest, self._delimiter) or [])
        if not values:
            return []
        self._given_early, self.unfinished = rest, False
        return [] if self._passing.is_known(values) else [Point(values)]

    def _values(self, cells: list[str]) -> dict[str, float] | None:
        """Return the numbers of a row, or None where it has another length than the header."""
        if len(cells) != len(self._header):
            return None
        named = list(zip(self._header, cells, strict=True))
        values = {
            name: value for name, cell in named if name and (value := number(cell)) is not None
        }
        return parted(values, named)

    def _is_header(self, line: str, cells: list[str]) -> bool:
        """Tell whether a line is a header: the first, again, with further columns, or behind mere words."""
        if self._header:
            if any(number(cell) is not None for cell in cells):
                return False
            names = [cell.strip() for cell in cells]
            if names == self._header:
                return True
            if all(names) and len(names) > 1 and {*names} & {*self._header}:
                self._header = unique(names)
                return True
        if self._any:
            return False
        delimiter = max(DELIMITERS, key=line.count)
        names = unique([cell.strip() for cell in cells_of(line, delimiter) or []])
        if self._header and worth(names) <= worth(self._header):
            return False
        self._header, self._delimiter = names, delimiter
        return True

    def settings(self) -> dict[str, Any]:
        """Return what a YAML file beside the log tells."""
        return yaml_settings([self._path.with_name(name) for name in BESIDE])


def is_empty(line: str) -> bool:
    """Tell whether a line says nothing: blanks, or a remark."""
    return not line.strip() or line.lstrip().startswith("#")


def place_columns(names: list[str]) -> set[str]:
    """Return which of the columns tell where a row stands."""
    found = meaning(names, Options())
    return {found["step"], found["epoch"]}


def unique(names: list[str]) -> list[str]:
    """Return column names, those that came before with a number behind."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return found


def cells_of(line: str, delimiter: str) -> list[str] | None:
    """Return the cells of a line, or None where it is none of a table's."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a line within a line, or a cell of endless length
        return None


def worth(names: list[str]) -> tuple[int, int]:
    """Return how much words are like a header: for how many fields there is a column, and how many there are."""
    found = meaning(names, Options())
    return len(found.columns) + len(found.doubts), len(names)
