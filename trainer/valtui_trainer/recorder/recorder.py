"""A few lines in any PyTorch loop: `with Recorder("name") as recorder: … recorder.log_train(step, loss)`."""

from __future__ import annotations

import atexit
import math
import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec
import numpy as np

from valtui_trainer.recorder.builder import Build, reference
from valtui_trainer.recorder.guard import guarded, in_words, say
from valtui_trainer.recorder.pending import Pending
from valtui_trainer.recorder.place import make_place
from valtui_trainer.recorder.samples import figures_of, in_column
from valtui_trainer.session.built import BUILDING
from valtui_trainer.session.guest import GuestLog
from valtui_trainer.session.layout import utc_now
from valtui_trainer.session.recorded import digest_of
from valtui_trainer.session.records import Final, Train, Val
from valtui_trainer.session.safe import safe
from valtui_trainer.session.validation import write_validation

if TYPE_CHECKING:
    import torch
    from torch import nn

    from valtui_trainer.recorder.evaluating import Eyes, Loss, Seen
    from valtui_trainer.recorder.keeping import Keeper

RECORDS_A_SECOND = 3.0
DIFFERS = "the validation set has another number of samples than before"


class Recorder:
    """Writes what valtui measures from a loop that somebody else wrote; `valtui` shows it live.

    Nothing here ever raises into the loop, and nothing waits for a disk: what goes wrong is said once on
    stderr, and training goes on. In a distributed run only rank 0 (`$RANK`) records. Costs: see the
    README; a record is taken about three times a second, and the loss of a step in between is kept where
    it is, without waiting for the device.

    Attributes:
        path: the session's folder; None where nothing can be recorded.
        evaluations: that were logged so far.
    """

    def __init__(
        self,
        run: str,
        *,
        session: str | None = None,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        home: str | Path | None = None,
        steps_per_epoch: int | None = None,
        total_steps: int | None = None,
        loss: Loss | None = None,
        build: Build | str | None = None,
        checkpoint_seconds: float = 30.0,
    ) -> None:
        """Begin to record a run.

        Args:
            run: its name; runs of one name and several seeds in a session are compared as one preset.
            session: title of the session to join, so that runs stand side by side: the newest of that
                title, or a new one. None: a session of its own.
            seed: that it trains.
            settings: hyperparameters, to be shown and compared; nested mappings may be among them.
            home: where sessions are kept; None: $VALTUI_HOME, or the XDG state folder.
            steps_per_epoch: turns steps into epochs where no epoch is given.
            total_steps: of the whole training, for progress.
            loss: from logits (b, c) and labels (b,) to losses (b,), for `evaluate`; None: cross-entropy.
            build: a function of a module, or `module:function`, that returns a mapping with `model`,
                `train_loader`, `val_loader` and `optimizer`, as this training began with: with it valtui
                can probe and prove. Another process calls it; so a script that records must do so under
                `if __name__ == "__main__"`.
            checkpoint_seconds: with `build`, seconds between two checkpoints, at evaluations.

        Raises:
            RuntimeError: a script is imported by valtui to build its training, and trains at once.
        """
        if os.environ.get(BUILDING):
            raise RuntimeError(
                'this script trains as soon as it is imported; put that under if __name__ == "__main__"'
            )
        self.path: Path | None = None
        self.evaluations = 0
        self._pid = os.getpid()
        self._loss = loss
        self._steps_per_epoch = steps_per_epoch or 0
        self._told: set[str] = set()
        self._log: GuestLog | None = None
        self._pending = Pending()
        self._eyes: Eyes | None = None
        self._step = 0
        self._val_step = -1
        self._epoch = 0.0
        self._recorded_at = 0.0
        self._columns: int | None = None
        self._best: tuple[float, int] | None = None
        self._keeper: Keeper | None = None
        self._checkpoint_seconds = checkpoint_seconds
        self._begin(run, session, seed, settings or {}, home, total_steps or 0, build)

    @guarded
    def _begin(
        self,
        run: str,
        session: str | None,
        seed: int,
        settings: Mapping[str, Any],
        home: str | Path | None,
        total_steps: int,
        build: Build | str | None,
    ) -> None:
        if os.environ.get("RANK", "0") not in ("", "0"):
            return
        builder = self._reference(build) if build is not None else None
        place = make_place(str(run), session, int(seed), settings, home, builder)
        self._log = GuestLog(place, lambda error: self.trouble("writing", error))
        self._log.start = msgspec.structs.replace(
            self._log.start, steps_per_epoch=self._steps_per_epoch, total_steps=total_steps
        )
        self.path = place.session.folder
        self._recorded_at = time.monotonic()
        atexit.register(self._at_exit)

    def _reference(self, build: Build | str) -> tuple[str, str] | None:
        """Return where the function is found again; None, and a sentence, where it is not."""
        try:
            found = reference(build)
        except ValueError as error:
            say(f"{error}; nothing can be probed or proven on this run. The training goes on.")
            return None
        if self._loss is not None:
            say("probes and proofs take cross-entropy; with a loss of your own there are none.")
            return None
        return found

    @guarded
    def log_train(
        self,
        step: int,
        loss: float | torch.Tensor,
        *,
        epoch: float | None = None,
        learning_rate: float | None = None,
        grad_norm: float | torch.Tensor | None = None,
        images: int | None = None,
    ) -> None:
        """Take note of one training step.

        Args:
            step: optimizer steps done; a step below the last is a restart, and replaces what came after it.
            loss: of the step, in train mode; a tensor is read about three times a second, not now.
            epoch: epochs done, with their fraction.
            learning_rate: of the step.
            grad_norm: L2 norm of its gradient.
            images: that the step took, for images per second.
        """
        log = self._living()
        if log is None:
            return
        step = self._whole(step)
        if step < self._step:
            self._restart(log, step)
        self._step = step
        self._epoch = self._epoch_of(step, epoch)
        self._pending.add(loss, learning_rate, grad_norm, images)
        if self._pending.full or time.monotonic() - self._recorded_at >= 1 / RECORDS_A_SECOND:
            self._record(log)

    @guarded
    def log_val(
        self,
        step: int,
        losses: Any,
        *,
        epoch: float | None = None,
        logits: Any = None,
        labels: Any = None,
        accuracy: float | None = None,
        train_loss: float | None = None,
    ) -> None:
        """Take note of one evaluation on the whole validation set, in eval mode.

        Args:
            step: optimizer steps done.
            losses: of each sample (n,), always in the same order; or their mean, which tells far less.
            epoch: epochs done, with their fraction.
            logits: (n, classes), with `labels` (n,): for accuracy and the loss of calibrated outputs.
            labels: of the samples (n,), int.
            accuracy: where neither logits nor labels are given.
            train_loss: in eval mode on training samples, for overfitting.
        """
        log = self._living()
        if log is None:
            return
        found = figures_of(losses, logits, labels)
        step = self._at(log, step, epoch)
        if found.losses is not None and self._columns is None:
            digest = digest_of(found.labels, len(found.losses))
            log.describe(
                val_size=len(found.losses), validation_digest=digest, classes=found.classes,
                balanced=found.balanced,
            )  # fmt: skip
        record = self._val(step, found.loss)
        record.val_accuracy = found.accuracy if found.accuracy is not None else accuracy
        record.val_balanced_accuracy = found.balanced_accuracy
        record.val_loss_calibrated = found.calibrated
        record.temperature = found.temperature
        record.train_eval_loss = train_loss
        self._write(log, record, found.losses)

    @guarded
    def evaluate(
        self,
        model: nn.Module,
        val_loader: Iterable[Any],
        *,
        step: int,
        epoch: float | None = None,
        train_loader: Any = None,
        optimizer: torch.optim.Optimizer | None = None,
    ) -> None:
        """Evaluate a classifier on all of `val_loader`, take the lenses, and log what was seen.

        The first time it evaluates twice, to see whether validation itself is random. With a
        `train_loader`, 512 of its samples, always the same, serve for BatchNorm statistics that depend on
        the weights alone and for the training loss in eval mode. Model, modes, buffers, generators and
        loaders are given back to the bit.

        Args:
            model: gives logits (b, classes), alone or as `.logits`; on whatever device it is.
            val_loader: gives (images, labels), or mappings with both, in the same order each time.
            step: optimizer steps done.
            epoch: epochs done, with their fraction.
            train_loader: a `DataLoader`; it is not iterated itself.
            optimizer: with `build`, for the checkpoints that probes and proofs start from.
        """
        log = self._living()
        if log is None:
            return
        from valtui_trainer.recorder.evaluating import Eyes

        first = self._eyes is None
        eyes = self._eyes = self._eyes or Eyes(self._loss)
        seen = eyes.look(model, val_loader, train_loader)
        step = self._at(log, step, epoch)
        if first:
            self._describe(log, model, seen, eyes)
        record = self._val(step, seen.found.loss)
        record.val_accuracy = seen.found.accuracy
        record.val_balanced_accuracy = seen.found.balanced_accuracy
        record.train_eval_loss = seen.train_loss
        record.val_loss_precise = seen.exact
        record.val_loss_calibrated = seen.calibrated
        record.temperature = seen.temperature
        record.seconds = seen.seconds
        record.lens_seconds = seen.lens_seconds
        self._write(log, record, seen.found.losses)
        if log.guest.spec.builder and optimizer is not None:
            self._keep(log, model, optimizer, train_loader, step)

    def _keep(
        self,
        log: GuestLog,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        train_loader: Any,
        step: int,
    ) -> None:
        """Keep what runs beside start from."""
        from valtui_trainer.recorder.keeping import Keeper

        if self._keeper is None:
            self._keeper = Keeper(log, self._checkpoint_seconds)
        self._keeper.evaluated(model, optimizer, train_loader, step)

    def close(self, failure: str = "") -> None:
        """End the recording: what is pending is written; `failure` says why training failed, if it did."""
        self._close("failed" if failure else "done", failure)

    @guarded
    def _close(self, status: str, reason: str) -> None:
        log, self._log = self._log, None
        atexit.unregister(self._at_exit)
        if log is None or os.getpid() != self._pid:
            return
        if self._pending:
            self._record(log)
        if log.dropped:
            log.event("warning", f"{log.dropped} records could not be written.", self._step)
        best_loss, best_step = self._best or (None, None)
        final = msgspec.convert(
            {
                "status": status, "step": self._step, "epoch": self._epoch, "time": log.seconds,
                "ended": utc_now(), "reason": safe(reason, 300), "best_step": best_step,
                "best_val_loss": best_loss,
            },
            Final,
        )  # fmt: skip
        log.close(final)

    def __enter__(self) -> Self:
        """Return the recorder; leaving the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close: an exception is noted as the reason why the training failed, and goes on its way."""
        if error is None or isinstance(error, SystemExit):
            self._close("done", "")
        elif isinstance(error, KeyboardInterrupt):
            self._close("stopped", "interrupted from the keyboard")
        else:
            self._close("failed", in_words(error))

    def trouble(self, what: str, error: BaseException) -> None:
        """Say once that recording failed, and how; the training is none the worse for it."""
        words = in_words(error)
        if words in self._told:
            return
        self._told.add(words)
        doing = {"_begin": "nothing is recorded", "writing": "a record was dropped"}.get(
            what, f"{what.lstrip('_')}() recorded nothing"
        )
        say(f"{doing}: {words}. The training goes on.")
        if self._log is not None and what != "writing":
            self._log.event("warning", f"{doing}: {words}", self._step, about="recorder")

    def _at_exit(self) -> None:
        """Close at the end of the process, after an exception that nobody caught as failed."""
        error = getattr(sys, "last_value", None)
        self.__exit__(type(error), error, None) if error is not None else self._close("done", "")

    def _living(self) -> GuestLog | None:
        """Return the log, if this is the process that records and its folder is still there."""
        log = self._log
        if log is None or os.getpid() != self._pid:
            return None
        if log.gone:
            raise FileNotFoundError(2, "the session's folder was deleted", str(self.path))
        return log

    def _whole(self, step: int) -> int:
        number = int(step)
        if number < 0:
            raise ValueError(f"a step is at least 0, not {number}")
        return number

    def _epoch_of(self, step: int, epoch: float | None) -> float:
        if epoch is not None and math.isfinite(epoch) and epoch >= 0:
            return float(epoch)
        return step / self._steps_per_epoch if self._steps_per_epoch else float(step)

    def _restart(self, log: GuestLog, step: int) -> None:
        """Begin the next attempt: the training went back, as after loading a checkpoint."""
        if self._pending:
            self._record(log)
        log.restart(max(0, step - 1))
        self._val_step = min(self._val_step, max(0, step - 1))

    def _record(self, log: GuestLog) -> None:
        """Write the pending steps as one training record; reads their losses from the device."""
        figures = self._pending.take()
        self._recorded_at = time.monotonic()
        log.describe()
        log.train(
            Train(
                n=0, time=log.seconds, step=self._step, epoch=self._epoch,
                seed=log.guest.spec.seeds[0], train_loss=figures.mean, train_loss_min=figures.least,
                train_loss_max=figures.largest, learning_rate=figures.learning_rate,
                grad_norm=figures.grad_norm, images_per_second=figures.images_per_second,
            )
        )  # fmt: skip

    def _at(self, log: GuestLog, step: int, epoch: float | None) -> int:
        """Come to the evaluation at `step`: what is pending of the training is written first."""
        step = self._whole(step)
        if self._pending:
            self._record(log)
        if step <= self._val_step:
            self._restart(log, step)
        self._val_step = step
        self._step = max(self._step, step)
        self._epoch = self._epoch_of(step, epoch)
        return step

    def _val(self, step: int, loss: float) -> Val:
        assert self._log is not None
        if math.isfinite(loss) and (self._best is None or loss < self._best[0]):
            self._best = loss, step
        return Val(
            n=0, time=self._log.seconds, step=step, epoch=self._epoch,
            seed=self._log.guest.spec.seeds[0], val_loss=loss, val_accuracy=None,
            val_balanced_accuracy=None,
        )  # fmt: skip

    def _write(self, log: GuestLog, record: Val, losses: Any) -> None:
        """Write an evaluation; losses by sample that do not fit those before are left out, and it is said."""
        row = in_column(losses)
        if row is not None and self._columns is None:
            self._columns = len(row)
        fits = row is None or len(row) == self._columns
        log.describe()
        log.val(record, row if fits else None)
        self.evaluations += 1
        if not fits:
            raise ValueError(DIFFERS)

    def _describe(self, log: GuestLog, model: nn.Module, seen: Seen, eyes: Eyes) -> None:
        """Say what the first evaluation told of model, data, device and lenses."""
        device = next((weight.device for weight in model.parameters()), None)
        arrays = seen.described or {}
        counts = np.bincount(seen.labels)
        digest = digest_of(seen.labels, len(seen.labels), arrays.get("sample_digest"))
        log.describe(
            device=str(device or ""), device_name=name_of(device),
            parameters=sum(weight.numel() for weight in model.parameters()),
            val_size=len(seen.labels), classes=len(counts), validation_digest=digest,
            balanced=bool(counts.min() * 2 > counts.max()), lenses=eyes.plans,
        )  # fmt: skip
        if arrays:
            write_validation(log.guest.session, digest, arrays)
        for check in eyes.checks:
            log.event("check", check.message, self._step, **msgspec.to_builtins(check))
        for plan in eyes.plans:
            if not plan.on and plan.reason:
                log.event("lens", f"{plan.name} is off: {plan.reason}.", self._step)
        for note in eyes.notes:
            log.event("lens", note, self._step)


def name_of(device: torch.device | None) -> str:
    """Return the device's name as its maker has it."""
    import torch

    return (
        torch.cuda.get_device_name(device) if device is not None and device.type == "cuda" else ""
    )
