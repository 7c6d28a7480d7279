"""Columns that grow as a run logs, and the evaluations that all its seeds have made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

import numpy as np

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

TRAIN_COLUMNS = ("step", "epoch", "time", "train_loss", "images_per_second")
"""What screens show of the training records; a long run has a million of them."""

VAL_COLUMNS = (
    "step", "epoch", "time", "val_loss", "val_accuracy", "val_balanced_accuracy", "train_eval_loss",
    "val_loss_precise", "val_loss_calibrated", "temperature", "val_loss_averaged",
    "seconds", "lens_seconds", "row", "crc", "attempt",
)  # fmt: skip


class Table:
    """Columns of float64 that grow; null is NaN."""

    def __init__(self, columns: Sequence[str]) -> None:
        """Begin with no rows."""
        self.columns = tuple(columns)
        self.generation = 0
        self._data = {name: np.empty(64) for name in columns}
        self._rows = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._rows

    def __getitem__(self, column: str) -> Array:
        """Return a view of one column, shape (rows,)."""
        return self._data[column][: self._rows]

    def extend(self, rows: Sequence[Any], **constant: float) -> None:
        """Append the fields of `rows`; `constant` gives columns that are the same in all of them."""
        if not rows:
            return
        end = self._rows + len(rows)
        for name in self.columns:  # apart, for no thread of the process moves while one is copied
            column = self._data[name]
            if end > len(column):
                column = np.empty(max(2 * len(column), end))
                column[: self._rows] = self[name]
                self._data[name] = column
            if name in constant:
                column[self._rows : end] = constant[name]
            else:
                column[self._rows : end] = floats(rows, name)
        self._rows = end

    def truncate(self, step: float) -> None:
        """Drop the rows after `step`, as steps rise; `generation` tells that past rows changed."""
        count = int(self["step"].searchsorted(step, "right"))
        if count < self._rows:
            self._rows = count
            self.generation += 1


def floats(rows: Sequence[Any], name: str) -> Array:
    """Return the field `name` of `rows`, shape (rows,); null is NaN."""
    values = attrgetter(name)
    try:
        return np.fromiter(map(values, rows), np.float64, len(rows))
    except TypeError:  # a null among them: a slower way
        return np.array(list(map(values, rows)), dtype=np.float64)


@dataclass(slots=True)
class SeedSeries:
    """What one seed of a run has logged."""

    seed: int
    train: Table = field(default_factory=lambda: Table(TRAIN_COLUMNS))
    val: Table = field(default_factory=lambda: Table(VAL_COLUMNS))


@dataclass(frozen=True, slots=True)
class ValMatrix:
    """The evaluations that every seed of a run has made.

    Attributes:
        step, epoch, time: shape (T,).
        loss, accuracy, train_eval_loss: shape (seeds, T); accuracy is the balanced one where classes are not.
        precise, calibrated, temperature, averaged: what the lenses logged, shape (seeds, T); NaN where off.
    """

    step: Array
    epoch: Array
    time: Array
    loss: Array
    accuracy: Array
    train_eval_loss: Array
    precise: Array
    calibrated: Array
    temperature: Array
    averaged: Array

    def take(self, chosen: Bools) -> ValMatrix:
        """Return the evaluations `chosen` (T,) alone."""
        parts = {field.name: getattr(self, field.name)[..., chosen] for field in fields(self)}
        return ValMatrix(**parts)
