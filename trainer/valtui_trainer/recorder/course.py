"""How far somebody's training has come: its steps become records, a step back a restart."""

from __future__ import annotations

import math
import time
from typing import Any

import msgspec

from valtui_trainer.recorder.pending import Pending
from valtui_trainer.recorder.samples import in_column
from valtui_trainer.session.guest import GuestLog
from valtui_trainer.session.layout import utc_now
from valtui_trainer.session.records import Final, Train, Val
from valtui_trainer.session.safe import safe

RECORDS_A_SECOND = 3.0


class Course:
    """What a Recorder logs, in order.

    Attributes:
        log: of the run.
        step: the last that was told of.
    """

    def __init__(self, log: GuestLog, steps_per_epoch: int) -> None:
        """Begin before the first step; `steps_per_epoch` 0: unknown."""
        self.log = log
        self.step = 0
        self._steps_per_epoch = steps_per_epoch
        self._epoch = 0.0
        self._val_step = -1
        self._pending = Pending()
        self._recorded_at = time.monotonic()
        self._columns: int | None = None
        self._bests: list[tuple[float, int]] = []

    def trained(
        self,
        step: int,
        epoch: float | None,
        loss: Any,
        learning_rate: float | None,
        grad_norm: Any,
        images: int | None,
    ) -> None:
        """Take note of a training step; about three times a second a record is written.

        Raises:
            ValueError, TypeError: something is no number, or a step is negative.
        """
        step = whole(step)
        if step < self.step:
            self._restart(step)
        self.step = step
        self._epoch = self._epoch_of(step, epoch)
        self._pending.add(loss, learning_rate, grad_norm, images)
        if self._pending.full or time.monotonic() - self._recorded_at >= 1 / RECORDS_A_SECOND:
            self._record()

    def evaluated(self, step: int, epoch: float | None) -> int:
        """Come to the evaluation at `step`: what is pending of the training is written first.

        Raises:
            ValueError: the step is negative, or was evaluated already.
        """
        step = whole(step)
        if self._pending:
            self._record()
        if self.has_evaluated(step):
            raise ValueError(
                f"step {step} was evaluated already; of several evaluations at one step the first is kept"
            )
        if step <= self._val_step:
            self._restart(step)
        self._val_step = step
        self.step = max(self.step, step)
        self._epoch = self._epoch_of(step, epoch)
        return step

    def has_evaluated(self, step: int) -> bool:
        """Tell whether the last evaluation was at `step`, and no training has come since."""
        return step == self._val_step and self.step <= step

    def evaluation(self, step: int, loss: float) -> Val:
        """Return the record of an evaluation, of which the loss alone is known."""
        if math.isfinite(loss) and (not self._bests or loss < self._bests[-1][0]):
            self._bests.append((loss, step))
        return Val(
            n=0, time=self.log.seconds, step=step, epoch=self._epoch,
            seed=self.log.guest.spec.seeds[0], val_loss=loss, val_accuracy=None,
            val_balanced_accuracy=None,
        )  # fmt: skip

    def write(self, record: Val, losses: Any) -> bool:
        """Write an evaluation; tell whether its losses by sample fit those before, else they are left out."""
        row = in_column(losses)
        if row is not None and self._columns is None:
            self._columns = len(row)
        fits = row is None or len(row) == self._columns
        self.log.describe()
        self.log.val(record, row if fits else None)
        return fits

    @property
    def knows_samples(self) -> bool:
        """Whether losses by sample were logged."""
        return self._columns is not None

    def end(self, status: str, reason: str) -> None:
        """Write what is pending, and how the training ended."""
        if self._pending:
            self._record()
        if self.log.dropped:
            self.log.event(
                "warning", f"{self.log.dropped} records could not be written.", self.step
            )
        best_loss, best_step = self._bests[-1] if self._bests else (None, None)
        final = msgspec.convert(
            {
                "status": status, "step": self.step, "epoch": self._epoch, "time": self.log.seconds,
                "ended": utc_now(), "reason": safe(reason, 300), "best_step": best_step,
                "best_val_loss": best_loss,
            },
            Final,
        )  # fmt: skip
        self.log.close(final)

    def _epoch_of(self, step: int, epoch: float | None) -> float:
        if epoch is not None and math.isfinite(epoch) and epoch >= 0:
            self.log.describe(tells_epochs=True)
            return float(epoch)
        return step / self._steps_per_epoch if self._steps_per_epoch else float(step)

    def _restart(self, step: int) -> None:
        """Begin the next attempt: the training went back, as after loading a checkpoint."""
        if self._pending:
            self._record()
        self.log.restart(step - 1)
        self._val_step = min(self._val_step, step - 1)
        self._bests = [(loss, at) for loss, at in self._bests if at < step]

    def _record(self) -> None:
        """Write the pending steps as one training record; reads their losses from the device."""
        figures = self._pending.take()
        self._recorded_at = time.monotonic()
        self.log.describe()
        self.log.train(
            Train(
                n=0, time=self.log.seconds, step=self.step, epoch=self._epoch,
                seed=self.log.guest.spec.seeds[0], train_loss=figures.mean,
                train_loss_min=figures.least, train_loss_max=figures.largest,
                learning_rate=figures.learning_rate, grad_norm=figures.grad_norm,
                images_per_second=figures.images_per_second,
            )
        )  # fmt: skip


def whole(step: int) -> int:
    """Return a step as a number.

    Raises:
        ValueError: it is negative.
    """
    number = int(step)
    if number < 0:
        raise ValueError(f"a step is at least 0, not {number}")
    return number
