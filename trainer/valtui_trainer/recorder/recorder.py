"""A few lines in any PyTorch loop: `with Recorder("name") as recorder: … recorder.log_train(step, loss)`."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from valtui_trainer.recorder.builder import Build, reference
from valtui_trainer.recorder.course import Course
from valtui_trainer.recorder.guard import guarded, in_words, say
from valtui_trainer.recorder.place import make_place
from valtui_trainer.recorder.samples import counted, figure, figures_of
from valtui_trainer.session.built import BUILDING
from valtui_trainer.session.guest import GuestLog
from valtui_trainer.session.recorded import digest_of
from valtui_trainer.session.records import Val

if TYPE_CHECKING:
    import torch
    from torch import nn

    from valtui_trainer.recorder.evaluating import Eyes, Loss
    from valtui_trainer.recorder.keeping import Keeper

DIFFERS = "the validation set has another number of samples than before"


class Recorder:
    """Writes what valtui measures from a loop that somebody else wrote; `valtui` shows it live.

    Nothing here ever raises into the loop, and nothing waits for room on a disk: what goes wrong is said once
    on stderr, and training goes on. In a distributed run only rank 0 records. Costs: see the
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
        steps_per_epoch: float | None = None,
        total_steps: float | None = None,
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
        self._told: set[str] = set()
        self._course: Course | None = None
        self._eyes: Eyes | None = None
        self._keeper: Keeper | None = None
        self._checkpoint_seconds = checkpoint_seconds
        self._begin(run, session, seed, settings or {}, home, steps_per_epoch, total_steps, build)

    @guarded
    def _begin(
        self,
        run: str,
        session: str | None,
        seed: int,
        settings: Mapping[str, Any],
        home: str | Path | None,
        steps_per_epoch: float | None,
        total_steps: float | None,
        build: Build | str | None,
    ) -> None:
        if rank() != 0:
            return
        builder = self._reference(build) if build is not None else None
        place = make_place(str(run), session, int(seed), settings, home, builder)
        log = GuestLog(place, lambda error: self.trouble("writing", error))
        an_epoch = counted(steps_per_epoch, "steps_per_epoch")
        log.start = msgspec.structs.replace(
            log.start, steps_per_epoch=an_epoch, total_steps=counted(total_steps, "total_steps")
        )
        self._course = Course(log, an_epoch)
        self.path = place.session.folder
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
        course = self._living()
        if course is not None:
            course.trained(step, epoch, loss, learning_rate, grad_norm, images)

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
        course = self._living()
        if course is None:
            return
        found = figures_of(losses, logits, labels)
        step = course.evaluated(step, epoch)
        if found.losses is not None and not course.knows_samples:
            digest = digest_of(found.labels, len(found.losses))
            course.log.describe(
                val_size=len(found.losses), validation_digest=digest, classes=found.classes,
                balanced=found.balanced,
            )  # fmt: skip
        record = course.evaluation(step, found.loss)
        record.val_accuracy = found.accuracy if found.accuracy is not None else figure(accuracy)
        record.val_balanced_accuracy = found.balanced_accuracy
        record.val_loss_calibrated = found.calibrated
        record.temperature = found.temperature
        record.train_eval_loss = figure(train_loss)
        self._write(course, record, found.losses)

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
        course = self._living()
        if course is None:
            return
        from valtui_trainer.recorder.evaluating import Eyes
        from valtui_trainer.recorder.first_look import describe

        eyes = self._eyes = self._eyes or Eyes(self._loss)
        seen = eyes.look(model, val_loader, train_loader)
        step = course.evaluated(step, epoch)
        if seen.first:
            describe(course.log, model, seen, eyes, course.step)
        record = course.evaluation(step, seen.found.loss)
        record.val_accuracy = seen.found.accuracy
        record.val_balanced_accuracy = seen.found.balanced_accuracy
        record.train_eval_loss = seen.train_loss
        record.val_loss_precise = seen.exact
        record.val_loss_calibrated = seen.calibrated
        record.temperature = seen.temperature
        record.seconds = seen.seconds
        record.lens_seconds = seen.lens_seconds
        self._write(course, record, seen.found.losses)
        if course.log.guest.spec.builder and optimizer is not None:
            self._keep(course.log, model, optimizer, train_loader, step)

    def has_evaluated(self, step: int) -> bool:
        """Tell whether the last evaluation was at `step`: of several at one step the first is kept."""
        return self._course is not None and self._course.has_evaluated(step)

    def _write(self, course: Course, record: Val, losses: Any) -> None:
        """Write an evaluation; losses by sample that do not fit those before are left out, and it is said."""
        fits = course.write(record, losses)
        self.evaluations += 1
        if not fits:
            raise ValueError(DIFFERS)

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
        course, self._course = self._course, None
        atexit.unregister(self._at_exit)
        if course is not None and os.getpid() == self._pid:
            course.end(status, reason)

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
        if self._course is not None and what != "writing":
            step = self._course.step
            self._course.log.event("warning", f"{doing}: {words}", step, about="recorder")

    def _at_exit(self) -> None:
        """Close at the end of the process, after an exception that nobody caught as failed."""
        error = getattr(sys, "last_value", None)
        self.__exit__(type(error), error, None) if error is not None else self._close("done", "")

    def _living(self) -> Course | None:
        """Return the course, if this is the process that records and its folder is still there."""
        course = self._course
        if course is None or os.getpid() != self._pid:
            return None
        if course.log.gone:
            raise FileNotFoundError(2, "the session's folder was deleted", str(self.path))
        return course


def rank() -> int:
    """Return which process of a distributed run this is; 0 where there is one."""
    torch = sys.modules.get("torch")
    distributed = getattr(torch, "distributed", None)
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    told = os.environ.get("RANK", "")
    return int(told) if told.isdigit() else 0
