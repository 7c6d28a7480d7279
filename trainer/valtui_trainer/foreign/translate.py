"""Rows of one seed's log as our records: steps, restarts, doubles; nothing is invented.

Rows of one step are one evaluation, or one training record. In each lane steps rise; a step that goes back
is a restart, which replaces what came after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from valtui_trainer.foreign.columns import Meaning
from valtui_trainer.foreign.points import Point
from valtui_trainer.session.records import Train, Val

LARGEST = 1e15
VAL_FIELDS = ("val_loss", "val_accuracy", "train_eval_loss")


@dataclass(frozen=True, slots=True)
class Restart:
    """The training began again: what was logged after `step` no longer counts."""

    step: int


class Translator:
    """Translates the rows of one seed.

    Attributes:
        doubles: rows of a step that was logged already.
        unusable: rows with a step that has no place on an axis.
    """

    def __init__(self, meaning: Meaning, seed: int, whole_epochs: bool = True) -> None:
        """Translate rows of `seed` with columns of that `meaning`.

        `whole_epochs`: a column of epochs counts them, without their fraction, so that it says less than
        the steps.
        """
        self.meaning = meaning
        self.whole_epochs = whole_epochs
        self.doubles = 0
        self.unusable = 0
        self._seed = seed
        self._first_time: float | None = None
        self._rows = 0
        self._last = {"train": -1, "val": -1}
        self._open: Val | None = None
        self._learning_rate: float | None = None

    @property
    def counts_epochs(self) -> bool:
        """Tell whether x of an evaluation is in epochs: the log has no column of steps."""
        return not self.meaning["step"] and bool(self.meaning["epoch"])

    def translate(self, points: Iterable[Point]) -> Iterator[Train | Val | Restart]:
        """Yield what the rows amount to, in their order."""
        for point in points:
            yield from self._row(point)

    def flush(self) -> Iterator[Val]:
        """Yield the evaluation that further rows might have added to."""
        if self._open is not None:
            yield self._open
            self._open = None

    def _row(self, point: Point) -> Iterator[Train | Val | Restart]:
        place = self._place(point)
        if place is None:
            self.unusable += 1
            return
        step, epoch = place
        time = self._time(point)
        rate = self._figure(point, "learning_rate")
        self._learning_rate = rate if rate is not None else self._learning_rate
        if any(self.meaning[name] in point.values for name in VAL_FIELDS if self.meaning[name]):
            yield from self._val(point, step, epoch, time)
        if self.meaning["train_loss"] and self.meaning["train_loss"] in point.values:
            yield from self._train(point, step, epoch, time)

    def _val(
        self, point: Point, step: int, epoch: float, time: float
    ) -> Iterator[Train | Val | Restart]:
        figures = {name: self._figure(point, name) for name in VAL_FIELDS}
        if self._open is not None and self._open.step == step:
            missing = [
                n for n, v in figures.items() if v is not None and getattr(self._open, n) is None
            ]
            for name in missing:
                setattr(self._open, name, figures[name])
            if not missing:
                self.doubles += 1
            return
        yield from self.flush()
        if (before := self._go_on("val", step)) is None:
            return
        yield from before
        self._open = Val(
            n=0, time=time, step=step, epoch=epoch, seed=self._seed, val_loss=figures["val_loss"],
            val_accuracy=figures["val_accuracy"], val_balanced_accuracy=None,
            train_eval_loss=figures["train_eval_loss"],
        )  # fmt: skip

    def _train(
        self, point: Point, step: int, epoch: float, time: float
    ) -> Iterator[Train | Val | Restart]:
        loss = self._figure(point, "train_loss")
        if (before := self._go_on("train", step)) is None:
            return
        if before:
            yield from self.flush()
        yield from before
        yield Train(
            n=0, time=time, step=step, epoch=epoch, seed=self._seed, train_loss=loss,
            train_loss_min=loss, train_loss_max=loss, learning_rate=self._learning_rate,
            grad_norm=self._figure(point, "grad_norm"), images_per_second=None,
        )  # fmt: skip

    def _go_on(self, lane: str, step: int) -> list[Restart] | None:
        """Come to `step` in a lane: None, a double; else the restart that lies before it, if one does."""
        last = self._last[lane]
        if step == last:
            self.doubles += 1
            return None
        self._last[lane] = step
        if step > last:
            return []
        self._last = {name: min(known, step - 1) for name, known in self._last.items()}
        self._last[lane] = step
        return [Restart(max(0, step - 1))]

    def _place(self, point: Point) -> tuple[int, float] | None:
        """Return the step of a row, and what stands in the place of its epoch; None where it has none.

        Without a column of steps epochs count, and without either the rows.
        """
        self._rows += 1
        name = self.meaning["step"] or self.meaning["epoch"]
        value = point.values.get(name) if name else float(self._rows)
        if value is None or not math.isfinite(value) or not 0 <= value < LARGEST:
            return None
        step = round(value)
        fraction = point.values.get(self.meaning["epoch"], math.nan)
        known = not self.whole_epochs and math.isfinite(fraction) and fraction >= 0
        return step, float(fraction) if known else float(step)

    def _time(self, point: Point) -> float:
        moment = point.time
        if moment is None and self.meaning["time"]:
            moment = point.values.get(self.meaning["time"])
        if moment is None or not math.isfinite(moment):
            return 0.0
        if self._first_time is None:
            self._first_time = moment
        return max(0.0, moment - self._first_time)

    def _figure(self, point: Point, name: str) -> float | None:
        column = self.meaning[name]
        return point.values.get(column) if column else None
