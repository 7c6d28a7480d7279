"""Rows of one seed's log as our records: steps, restarts, doubles; nothing is invented.

Rows of one step are one evaluation, or one training record. In each lane steps rise; a step that goes back
is a restart, which replaces what came after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import monotonic

from valtui_trainer.foreign.columns import Meaning
from valtui_trainer.foreign.places import Places
from valtui_trainer.foreign.points import Point
from valtui_trainer.session.records import Train, Val

VAL_FIELDS = ("val_loss", "val_accuracy", "train_eval_loss")
BESIDE = ("learning_rate", "grad_norm")
"""What a tool may log of a training step in rows of their own."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The training began again: what was logged after `step` no longer counts.

    Attributes:
        step: the last that counts; -1: none does.
    """

    step: int


class Translator:
    """Translates the rows of one seed.

    Attributes:
        places: where they stand.
        doubles: rows of a step that was logged already.
        restarts: how often the training went back.
        records: that its rows became.
    """

    def __init__(self, meaning: Meaning, seed: int, whole_epochs: bool = True) -> None:
        """Translate rows of `seed` with columns of that `meaning`.

        `whole_epochs`: a column of epochs counts them, without their fraction, so that it says less than
        the steps.
        """
        self.places = Places(meaning, whole_epochs)
        self.doubles = 0
        self.restarts = 0
        self.records = 0
        self._seed = seed
        self._first_time: float | None = None
        self._last = {"train": -1, "val": -1}
        self._since_val: int | None = None
        self._apart = False
        self._open_train: Train | None = None
        self._open_val: Val | None = None
        self._touched = {"train": 0.0, "val": 0.0}
        self._without_loss: tuple[int, dict[str, float | None]] = -1, {}
        self._beside: tuple[int, dict[str, float]] = -1, {}
        self._learning_rate: float | None = None

    @property
    def meaning(self) -> Meaning:
        """What the columns mean, as far as they are known."""
        return self.places.meaning

    def translate(self, points: Iterable[Point]) -> Iterator[Train | Val | Restart]:
        """Yield what the rows amount to, in their order."""
        for point in points:
            yield from self._row(point)

    def flush(self) -> Iterator[Train | Val]:
        """Yield what further rows might have added to."""
        yield from self.settled(math.inf)

    def settled(self, moment: float) -> Iterator[Train | Val]:
        """Yield what nothing was added to since that moment of the monotonic clock."""
        if self._touched["train"] < moment:
            yield from self._flush_train()
        if self._touched["val"] < moment:
            yield from self._flush_val()

    def _flush_train(self) -> Iterator[Train]:
        if self._open_train is not None:
            yield self._open_train
            self._open_train = None

    def _flush_val(self) -> Iterator[Val]:
        if self._open_val is not None:
            yield self._open_val
            self._open_val = None

    def _row(self, point: Point) -> Iterator[Train | Val | Restart]:
        train = self._has(point, ("train_loss",))
        val = self._has(point, VAL_FIELDS)
        place = self.places.place(point.values, train, val)
        if place is None:
            return
        step, epoch = place
        time = self._time(point)
        self._note_beside(point, step)
        if val:
            self._touched["val"] = monotonic()
            yield from self._val(point, step, epoch, time)
        if train:
            self._touched["train"] = monotonic()
            yield from self._train(point, step, epoch, time)

    def _has(self, point: Point, names: Iterable[str]) -> bool:
        """Tell whether a row has a column of one of our fields."""
        return any(self.meaning[name] in point.values for name in names if self.meaning[name])

    def _note_beside(self, point: Point, step: int) -> None:
        """Keep what belongs to the training record of `step`, which may be there or still to come."""
        found = {n: value for n in BESIDE if (value := self._figure(point, n)) is not None}
        if not found:
            return
        self._learning_rate = found.get("learning_rate", self._learning_rate)
        before = self._beside[1] if self._beside[0] == step else {}
        self._beside = step, {**before, **found}
        if self._open_train is not None and self._open_train.step == step:
            for name, value in found.items():
                setattr(self._open_train, name, value)

    def _val(
        self, point: Point, step: int, epoch: float, time: float
    ) -> Iterator[Train | Val | Restart]:
        figures = {name: self._figure(point, name) for name in VAL_FIELDS}
        if self._open_val is not None and self._open_val.step == step:
            fresh = [
                name
                for name, value in figures.items()
                if value is not None and getattr(self._open_val, name) is None
            ]
            for name in fresh:
                setattr(self._open_val, name, figures[name])
            if not fresh:
                self.doubles += 1
            return
        yield from self._flush_val()
        if self.meaning["val_loss"] and figures["val_loss"] is None and step < self._last["val"]:
            # It may count otherwise than the loss, so it moves nothing.
            self._without_loss = step, figures
            self.doubles += 1
            return
        if (before := self._go_on("val", step)) is None:
            return
        yield from self._flush_before(before)
        if self._without_loss[0] == step:
            early = self._without_loss[1]
            figures = {name: early[name] if one is None else one for name, one in figures.items()}
            self._without_loss = -1, {}
            self.doubles -= 1
        self._open_val = Val(
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
        yield from self._flush_train()
        yield from self._flush_before(before)
        beside = self._beside[1] if self._beside[0] == step else {}
        self._open_train = Train(
            n=0, time=time, step=step, epoch=epoch, seed=self._seed, train_loss=loss,
            train_loss_min=loss, train_loss_max=loss, learning_rate=self._learning_rate,
            grad_norm=beside.get("grad_norm"), images_per_second=None,
        )  # fmt: skip

    def _flush_before(self, restarts: list[Restart]) -> Iterator[Train | Val | Restart]:
        """Yield what lies before a restart, and the restart, if there is one."""
        if restarts:
            yield from self.flush()
            yield from restarts

    def _go_on(self, lane: str, step: int) -> list[Restart] | None:
        """Come to `step` in a lane: None, a double; else the restart that lies before it, if one does."""
        last = self._last[lane]
        self._see_whether_apart(lane, step)
        if step == last or (step < last and lane == "val" and self._apart):
            self.doubles += 1
            return None
        self._last[lane] = step
        self.records += 1
        if step > last:
            return []
        self.restarts += 1
        self._last = {name: min(known, step - 1) for name, known in self._last.items()}
        self._last[lane] = step
        return [Restart(step - 1)]

    def _see_whether_apart(self, lane: str, step: int) -> None:
        """See whether evaluations are counted otherwise: by a step below the first of training since the last."""
        if lane == "train":
            self._since_val = step if self._since_val is None else self._since_val
            return
        if self._last["val"] >= 0 and self._since_val is not None:
            self._apart = self._apart or self._last["val"] < step < self._since_val
        self._since_val = None

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
