"""Where a row of another tool's log stands on the axis of steps, whichever way the tool counts."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from valtui_trainer.foreign.columns import Meaning

LARGEST = 1e15


@dataclass(slots=True)
class Lane:
    """How far training, or validation, has come.

    Attributes:
        first, interval: its first step, and how far the second lies beyond; -1: there was none.
        step, epoch: of its last row, by the log's own count; -1: there was none.
        placed: the step of that row on our axis.
        begun: the epochs in which the log's count began anew, each with the step at which it did.
    """

    first: float = -1.0
    interval: float = -1.0
    step: float = -1.0
    epoch: float = -1.0
    placed: int = -1
    begun: list[tuple[int, int]] = field(default_factory=list)

    def come_to(self, step: float) -> None:
        """Take note of a row's step, by the log's own count."""
        if self.first < 0:
            self.first = step
        elif self.interval < 0 and step > self.step:
            self.interval = step - self.step
        self.step = step

    def near_first(self, step: float) -> bool:
        """Tell whether a count may begin with a step: no later than it once did, but for a row."""
        return step <= self.first + max(self.interval, 0)

    def base(self, epoch: float) -> int:
        """Return what the log's count is short by in an epoch."""
        return next((base for at, base in reversed(self.begun) if at <= epoch), 0)


class Places:
    """Finds the step and the epoch of each row.

    A column of steps counts; without one beside a loss that of epochs, and without either the rows. A row
    without a step stands where the row before it did. A count that begins anew while the epoch rises is one of
    each epoch: it goes on where the epoch before ended. A step that merely repeats in a later epoch does not
    say so, unless the log never told another. Epochs with a fraction are counted, where there are no steps.

    Attributes:
        meaning: of the columns.
        whole_epochs: whether a column of epochs counts them, without their fraction.
        unusable: rows that have no place.
    """

    def __init__(self, meaning: Meaning, whole_epochs: bool) -> None:
        """Place rows with columns of that `meaning`."""
        self.meaning = meaning
        self.whole_epochs = whole_epochs
        self.unusable = 0
        self._rows = 0
        self._last: int | None = None
        self._train, self._val = Lane(), Lane()
        self._first_step: float | None = None
        self._steps_differ = False
        self._stepped = False
        self._counted: list[float] = []
        self._first = 0

    @property
    def tells_epochs(self) -> bool:
        """Tell whether the epoch of a row is known, and not its step put in that place."""
        return not self.whole_epochs or (not self.meaning["step"] and bool(self.meaning["epoch"]))

    def place(self, values: dict[str, float], train: bool, val: bool) -> tuple[int, float] | None:
        """Return the step and the epoch of a row of training, validation or both; None: it has no place."""
        self._rows += 1
        epoch = values.get(self.meaning["epoch"], math.nan)
        lanes = [self._train] * train + [self._val] * val
        if self.meaning["step"]:
            found = self._of_step(values.get(self.meaning["step"]), epoch, lanes)
        elif self.meaning["epoch"]:
            found = self._of_epoch(values.get(self.meaning["epoch"]), lanes)
        else:
            found = self._rows
        if found is None:
            self.unusable += 1
            return None
        if lanes:
            self._last = found
        return found, float(epoch) if self.tells_epochs and usable(epoch) else float(found)

    def _of_step(self, step: float | None, epoch: float, lanes: Sequence[Lane]) -> int | None:
        if step is None:
            return self._last if self._stepped else self._of_epoch(epoch, lanes)
        if not usable(step):
            return None
        self._stepped = self._stepped or bool(lanes)
        self._steps_differ = self._steps_differ or self._first_step not in (None, step)
        self._first_step = step if self._first_step is None else self._first_step
        for lane in lanes:
            if usable(epoch):
                self._come_to(lane, step, epoch)
                lane.epoch = epoch
            lane.come_to(step)
        leading = lanes[0] if lanes else self._train
        found = round(step) + leading.base(leading.epoch)
        if self._train.begun:
            found = max(found, round(step) + self._train.base(leading.epoch))
        if found < leading.placed and lanes:  # the training went back
            for lane in (self._train, self._val):
                lane.placed = min(lane.placed, found)
        for lane in lanes:
            lane.placed = max(lane.placed, found)
        return found

    def _come_to(self, lane: Lane, step: float, epoch: float) -> None:
        """See whether the log's count began anew with this row; it may also go back to an earlier epoch."""
        at = math.floor(epoch)
        while lane.begun and lane.begun[-1][0] > at:
            lane.begun.pop()
        other = self._val if lane is self._train else self._train
        known = lane.begun or (self._train.begun if lane is self._val else [])
        if not self._is_anew(lane, other, step, at) or (known and known[-1][0] == at):
            return
        # The other may have come first.
        begun = [base for when, base in other.begun[-1:] if when == at]
        lane.begun.append((at, begun[0] if begun else max(lane.placed, other.placed) + 1))

    def _is_anew(self, lane: Lane, other: Lane, step: float, at: int) -> bool:
        if at <= math.floor(lane.epoch):
            return False
        below_other = step < other.step and at > math.floor(other.epoch)
        if step == lane.step:
            return below_other or not self._steps_differ
        fell = step < lane.step and lane.near_first(step)
        return fell or (below_other and bool(self._train.begun))

    def _of_epoch(self, epoch: float | None, lanes: Sequence[Lane]) -> int | None:
        """Return the place of an epoch where there are no steps: itself, or which one it is."""
        if epoch is None:
            return self._last
        if not usable(epoch):
            return None
        went_back = any(epoch < lane.epoch for lane in lanes)
        for lane in lanes:
            lane.epoch = epoch
        if self.whole_epochs and epoch != math.floor(epoch):
            self.whole_epochs = False
            self._counted = [] if self._last is None else [float(self._last)]
            self._first = self._last or 0
        if self.whole_epochs:
            return int(epoch)
        place = bisect.bisect_left(self._counted, epoch)
        if went_back:
            del self._counted[place:]
        if place == len(self._counted):
            self._counted.append(epoch)
        return self._first + place


def usable(value: float) -> bool:
    """Tell whether a number may stand on an axis of steps."""
    return math.isfinite(value) and 0 <= value < LARGEST
