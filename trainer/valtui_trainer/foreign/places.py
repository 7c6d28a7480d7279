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
        step, epoch: of its last row, by the log's own count; -1: there was none.
        placed: the step of that row on our axis.
        begun: the epochs in which the log's count began anew, each with the step at which it did.
    """

    step: float = -1.0
    epoch: float = -1.0
    placed: int = -1
    begun: list[tuple[int, int]] = field(default_factory=list)

    def base(self, epoch: float) -> int:
        """Return what the log's count is short by in an epoch."""
        return next((base for at, base in reversed(self.begun) if at <= epoch), 0)


class Places:
    """Finds the step and the epoch of each row.

    A column of steps counts; without one that of epochs, and without either the rows. A row without a step
    stands where the row before it did. A count that begins anew while the epoch rises is one of each epoch:
    it goes on where the epoch before ended. Epochs with a fraction are counted, where there are no steps.

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
            found = self._of_epoch(values.get(self.meaning["epoch"]))
        else:
            found = self._rows
        if found is None:
            self.unusable += 1
            return None
        self._last = found
        return found, float(epoch) if self.tells_epochs and usable(epoch) else float(found)

    def _of_step(self, step: float | None, epoch: float, lanes: Sequence[Lane]) -> int | None:
        if step is None:
            return self._last
        if not usable(step):
            return None
        for lane in lanes:
            if usable(epoch):
                self._come_to(lane, step, epoch)
                lane.epoch = epoch
            lane.step = step
        leading = lanes[0] if lanes else self._train
        counting = self._train if self._train.begun else leading
        found = round(step) + counting.base(leading.epoch)
        if found < leading.placed and lanes:  # the training went back
            for lane in (self._train, self._val):
                lane.placed = min(lane.placed, found)
        for lane in lanes:
            lane.placed = max(lane.placed, found)
        return found

    def _come_to(self, lane: Lane, step: float, epoch: float) -> None:
        """See whether the log's count began anew with this row; it may also go back to an earlier epoch."""
        at = math.floor(epoch)
        lane.begun = [one for one in lane.begun if one[0] <= at]
        anew = step <= lane.step and at > math.floor(lane.epoch)
        known = lane.begun or (self._train.begun if lane is self._val else [])
        if not anew or (known and known[-1][0] == at):
            return
        of_val = dict(self._val.begun)  # it may have come first
        lane.begun.append((at, of_val.get(at, max(self._train.placed, self._val.placed) + 1)))

    def _of_epoch(self, epoch: float | None) -> int | None:
        """Return the place of an epoch where there are no steps: itself, or which one it is."""
        if epoch is None:
            return self._last
        if not usable(epoch):
            return None
        if self.whole_epochs and epoch != math.floor(epoch):
            self.whole_epochs = False
            self._counted = [] if self._last is None else [float(self._last)]
            self._first = self._last or 0
        if self.whole_epochs:
            return int(epoch)
        place = bisect.bisect_left(self._counted, epoch)
        self._counted[place:] = [epoch]
        return self._first + place


def usable(value: float) -> bool:
    """Tell whether a number may stand on an axis of steps."""
    return math.isfinite(value) and 0 <= value < LARGEST
