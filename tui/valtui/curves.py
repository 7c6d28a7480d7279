"""Turn what a run has logged into the lines that charts draw; only new points cost anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from valtui.feed import Array, RunFeed
from valtui.widgets.plot import Mark, Series
from valtui.widgets.pyramid import Pyramid
from valtui_trainer.measure.volatility import rolling, volatility

Axis = Literal["step", "epoch", "time"]
WINDOW = 10
PERCENT = 100.0


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
        """Append the points of several seeds, shape (seeds, new): their mean, lowest and highest."""
        self.extend(x, values.mean(axis=0), values.min(axis=0), values.max(axis=0))


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
    """

    def __init__(self, run: RunFeed, axis: Axis) -> None:
        """Follow `run` along `axis`."""
        self.run = run
        self.axis: Axis = axis
        self._reset()

    def _reset(self) -> None:
        self.lines = Lines()
        self.marks: tuple[Mark, ...] = ()
        self.seams: tuple[Mark, ...] = ()
        self.dim_until: float | None = None
        self.recent: list[float] = []
        self._train_rows = 0
        self._evaluations = 0
        self._generation = self._generations()

    def update(self, axis: Axis) -> bool:
        """Take up new points, all of them anew after a change of axis or a resume; tell whether any came."""
        if axis != self.axis or self._generations() != self._generation:
            self.axis = axis
            self._reset()
        trained, evaluated = self._update_train(), self._update_val()
        return trained or evaluated

    def _generations(self) -> tuple[int, ...]:
        tables = [
            table for series in self.run.seeds.values() for table in (series.train, series.val)
        ]
        return tuple(table.generation for table in tables)

    def _update_train(self) -> bool:
        tables = [series.train for series in self.run.seeds.values()]
        rows = min(len(table) for table in tables)
        new = slice(self._train_rows, rows)
        if rows == self._train_rows:
            return False
        values = np.stack([table["train_loss"][new] for table in tables])
        self.lines.train_loss.extend_seeds(tables[0][self.axis][new], values)
        self._train_rows = rows
        return True

    def _update_val(self) -> bool:
        matrix = self.run.val_matrix()
        total, seen = len(matrix.step), self._evaluations
        if total == seen:
            return False
        x = {"step": matrix.step, "epoch": matrix.epoch, "time": matrix.time}[self.axis]
        self.lines.val_loss.extend_seeds(x[seen:], matrix.loss[:, seen:])
        self.lines.accuracy.extend_seeds(x[seen:], matrix.accuracy[:, seen:])
        begin = max(0, seen - 3 * WINDOW)
        settled = self.dim_until is not None and seen > 0
        for line, relative in ((self.lines.percent, True), (self.lines.absolute, False)):
            found = rolling(
                matrix.loss[:, begin:], matrix.step[begin:], window=WINDOW, relative=relative
            )
            unit = PERCENT if relative else 1.0
            new = slice(seen - begin, None)
            low, high = found.low[new] * unit, found.high[new] * unit
            line.extend(x[seen:], found.value[new] * unit, low, high)
            if relative:
                self.recent = [*self.recent, *(found.value[new] * unit).tolist()][-60:]
                if not settled:
                    self._settle(x[begin:], found.descending)
        self._evaluations = total
        self._mark(x, matrix.loss)
        return True

    def _settle(
        self, x: Array, descending: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    ) -> None:
        calm = np.flatnonzero(~descending)
        if len(calm):
            self.dim_until = float(x[calm[0]])

    def _mark(self, x: Array, loss: Array) -> None:
        mean = loss.mean(axis=0)
        marks = [Mark(float(x[i]), None, "✕", "nan") for i in np.flatnonzero(~np.isfinite(mean))]
        if np.isfinite(mean).any():
            best = int(np.nanargmin(np.where(np.isfinite(mean), mean, np.nan)))
            marks.append(Mark(float(x[best]), float(mean[best]), "◆", "best"))
        for i in volatility(mean, x, relative=True).spikes:
            marks.append(Mark(float(x[i]), float(mean[i]), "▲", "spike"))
        self.marks = tuple(marks)
        steps = self.run.val_matrix().step
        self.seams = tuple(
            Mark(float(np.interp(seam, steps, x)), None, "┆", "seam") for seam in self.run.seams
        )

    def _dim_until(self, line: Line) -> float | None:
        """Return where the line stops being dim: nowhere yet, while the curve still descends."""
        return line.middle.last_x if self.dim_until is None else self.dim_until

    def series(self, what: str, number: int, *, visible: bool, focused: bool) -> Series:
        """Return one of the lines as a chart's series; `number` is the preset's, from 1."""
        line: Line = getattr(self.lines, what)
        several = len(self.run.seeds) > 1
        volatile = what in ("percent", "absolute")
        marks = self.marks if what == "val_loss" else ()
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
