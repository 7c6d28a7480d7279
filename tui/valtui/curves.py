"""Turn what a run has logged into the lines that charts draw; only new points cost anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from valtui.feed import RunFeed
from valtui.series import Array, ValMatrix
from valtui.widgets.plot import Mark, Series
from valtui.widgets.pyramid import Pyramid
from valtui_trainer.measure.volatility import rolling, spikes

Axis = Literal["step", "epoch", "time"]
WINDOW = 10
PERCENT = 100.0
RECENT = 60
MOST_AT_ONCE = 100_000
"""Training records that one update takes up: so many keep the screen waiting for milliseconds."""


@dataclass(slots=True)
class Line:
    """A mean line and its band over seeds, or its interval."""

    middle: Pyramid = field(default_factory=Pyramid)
    low: Pyramid = field(default_factory=Pyramid)
    high: Pyramid = field(default_factory=Pyramid)

    def extend(self, x: Array, middle: Array, low: Array, high: Array) -> None:
        """Append points, shape (new,) each."""
        self.middle.append(x, middle)
        self.low.append(x, low)
        self.high.append(x, high)

    def extend_seeds(self, x: Array, values: Array) -> None:
        """Append the points of the seeds, shape (seeds, new): their mean, and a band if there are several."""
        self.middle.append(x, values.mean(axis=0))
        if len(values) > 1:
            self.low.append(x, values.min(axis=0))
            self.high.append(x, values.max(axis=0))


@dataclass(slots=True)
class Lines:
    """All lines of one run at one x axis."""

    train_loss: Line = field(default_factory=Line)
    val_loss: Line = field(default_factory=Line)
    accuracy: Line = field(default_factory=Line)
    percent: Line = field(default_factory=Line)
    absolute: Line = field(default_factory=Line)


class RunCurves:
    """The lines of one run, kept up with its feed.

    Attributes:
        marks: signs on the validation loss: spikes, the best evaluation, values that are not finite.
        dim_until: x up to which the volatility is still the fall of the curve.
        recent: the rolling volatility's newest values, for a sparkline.
        places, steps: x and step of each evaluation, shape (T,).
        forks: steps at which runs beside begin, to be marked.
        overfits_since: step from which it overfits, to be marked; None for no mark.
        resets: how often the lines were begun anew, as new objects.
        behind: the last update left training records for the next one.
    """

    def __init__(self, run: RunFeed, axis: Axis) -> None:
        """Follow `run` along `axis`."""
        self.run = run
        self.axis: Axis = axis
        self.resets = 0
        self.places: Array = np.empty(0)
        self.overfits_since: int | None = None
        self.forks: tuple[int, ...] = ()
        self.steps: Array = np.empty(0)
        self._reset()

    def _reset(self) -> None:
        self.lines = Lines()
        self.marks: tuple[Mark, ...] = ()
        self.seams: tuple[Mark, ...] = ()
        self.dim_until: float | None = None
        self.recent: list[float] = []
        self.behind = False
        self._train_step = -1.0
        self._evaluations = 0
        self._measured = 0
        self._generation = self.generations()

    def update(self, axis: Axis, measure: bool = True) -> bool:
        """Take up new points, all of them anew after a change of axis or a resume; tell whether any came.

        `measure` False leaves the volatility for later: its first interval loads scipy.
        """
        if axis != self.axis or self.generations() != self._generation:
            self.axis = axis
            self.resets += 1
            self._reset()
        matrix = self.run.val_matrix()
        trained, evaluated = self._update_train(), self._update_val(matrix)
        measured = measure and self._update_volatility(matrix)
        return trained or evaluated or measured

    def generations(self) -> tuple[int, ...]:
        """Return of each of the log's tables how often it was begun anew."""
        tables = [
            table for series in self.run.seeds.values() for table in (series.train, series.val)
        ]
        return tuple(table.generation for table in tables)

    def _update_train(self) -> bool:
        """Take up the training records that all seeds have, up to a bounded number."""
        tables = [series.train for series in self.run.seeds.values()]
        first = tables[0]
        begin = int(first["step"].searchsorted(self._train_step, "right"))
        end = min(int(first["step"].searchsorted(t["step"][-1:], "right").sum()) for t in tables)
        self.behind = end - begin > MOST_AT_ONCE
        end = min(end, begin + MOST_AT_ONCE)
        if end <= begin:
            return False
        steps = first["step"][begin:end]
        self._train_step = float(steps[-1])
        for table in tables[1:]:  # a damaged line is missing in one seed alone
            steps = np.intersect1d(steps, table["step"], assume_unique=True)
        rows = [table["step"].searchsorted(steps) for table in tables]
        values = [table["train_loss"][row] for table, row in zip(tables, rows, strict=True)]
        x = forward(first[self.axis][rows[0]], self.lines.train_loss.middle.last_x)
        self.lines.train_loss.extend_seeds(x, np.stack(values))
        return len(steps) > 0

    def _update_val(self, matrix: ValMatrix) -> bool:
        total, seen = len(matrix.step), self._evaluations
        if total == seen:
            return False
        x = self.places = self._places(matrix)
        self.steps = matrix.step
        self.lines.val_loss.extend_seeds(x[seen:], matrix.loss[:, seen:])
        self.lines.accuracy.extend_seeds(x[seen:], matrix.accuracy[:, seen:])
        self._evaluations = total
        self.marks = self._marks(x, matrix.loss)
        self.seams = tuple(
            Mark(float(np.interp(seam, matrix.step, x)), None, "┆", "seam")
            for seam in self.run.seams
        )
        return True

    def _update_volatility(self, matrix: ValMatrix) -> bool:
        total, seen = len(matrix.step), self._measured
        if total == seen:
            return False
        x = self._places(matrix)
        begin = max(0, seen - 3 * WINDOW)
        for line, relative in ((self.lines.percent, True), (self.lines.absolute, False)):
            found = rolling(
                matrix.loss[:, begin:], matrix.step[begin:], window=WINDOW, relative=relative
            )
            unit = PERCENT if relative else 1.0
            new = slice(seen - begin, None)
            value, low, high = (part[new] * unit for part in (found.value, found.low, found.high))
            line.extend(x[seen:], value, low, high)
            if relative:
                self.recent = [*self.recent, *value.tolist()][-RECENT:]
                self._settle(x[begin:], found.descending)
        self._measured = total
        return True

    def _places(self, matrix: ValMatrix) -> Array:
        return forward({"step": matrix.step, "epoch": matrix.epoch, "time": matrix.time}[self.axis])

    def _settle(
        self, x: Array, descending: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    ) -> None:
        calm = np.flatnonzero(~descending)
        if self.dim_until is None and len(calm):
            self.dim_until = float(x[calm[0]])

    @staticmethod
    def _marks(x: Array, loss: Array) -> tuple[Mark, ...]:
        mean = loss.mean(axis=0)
        finite = np.isfinite(mean)
        marks = [Mark(float(x[i]), None, "✕", "nan") for i in np.flatnonzero(~finite)]
        if finite.any():
            best = int(np.argmin(np.where(finite, mean, np.inf)))
            marks.append(Mark(float(x[best]), float(mean[best]), "◆", "best"))
        for i in spikes(loss, relative=True):
            marks.append(Mark(float(x[i]), float(mean[i]), "▲", "spike"))
        return tuple(marks)

    def _overfitting(self) -> tuple[Mark, ...]:
        if self.overfits_since is None or not len(self.places):
            return ()
        x = float(np.interp(self.overfits_since, self.steps, self.places))
        return (Mark(x, None, "◢", "overfitting"),)

    def _fork_marks(self) -> tuple[Mark, ...]:
        """Return the marks where others begin; none beyond what this run has evaluated."""
        if not len(self.places):
            return ()
        seen = [step for step in self.forks if self.steps[0] <= step <= self.steps[-1]]
        places = np.interp(seen, self.steps, self.places).tolist() if seen else []
        return tuple(Mark(float(x), None, "┣", "fork") for x in places)

    def _dim_until(self, line: Line) -> float | None:
        """Return where the line stops being dim: nowhere yet, while the curve still descends."""
        return line.middle.last_x if self.dim_until is None else self.dim_until

    def series(self, what: str, number: int, *, visible: bool, focused: bool) -> Series:
        """Return one of the lines as a chart's series; `number` is the preset's, from 1."""
        line: Line = getattr(self.lines, what)
        several = len(self.run.seeds) > 1
        volatile = what in ("percent", "absolute")
        marks = (
            (*self._fork_marks(), *self._overfitting(), *self.marks) if what == "val_loss" else ()
        )
        return Series(
            key=self.run.id,
            colour=(number - 1) % 9,
            pyramid=line.middle,
            low=line.low if (several or volatile) else None,
            high=line.high if (several or volatile) else None,
            marks=marks + self.seams,
            dim_until=self._dim_until(line) if volatile else None,
            glyph=str(number),
            visible=visible,
            focused=focused,
        )


def first_axis(runs: Sequence[RunFeed]) -> Axis:
    """Return what x is at first: epochs, or steps where some program does not tell its epochs."""
    return "step" if any(run.unit == "step" for run in runs) else "epoch"


def mark_forks(curves: Sequence[RunCurves]) -> None:
    """Mark on each run's line where others of `curves` begin from it."""
    forks = [one.run.spec.fork for one in curves if one.run.spec.fork is not None]
    for one in curves:
        steps = (fork.step for fork in forks if fork.run == one.run.id)
        one.forks = tuple(dict.fromkeys(steps))


def forward(x: Array, begin: float | None = None) -> Array:
    """Return x (n,) without ways back, none before `begin`: in a damaged log a clock may go back."""
    if begin is not None:
        x = np.maximum(x, begin)
    ahead: Array = np.maximum.accumulate(x)
    return ahead
