"""Lightning: `Trainer(callbacks=[RecorderCallback("name")])`."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from valtui_trainer.recorder.callbacks import Recording, first, harmless

if TYPE_CHECKING:
    Callback = Any
elif "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
    from pytorch_lightning import Callback
else:
    try:
        from lightning.pytorch import Callback
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "RecorderCallback needs Lightning: `pip install lightning`."
        ) from None


class RecorderCallback(Callback):  # type: ignore[misc]
    """Records a fit with a `Recorder`.

    The training loss of each step comes from what `training_step` returns. After each validation the module's
    `forward` is evaluated on the trainer's own validation loader with `Recorder.evaluate`; where it is no
    classifier of (images, labels), the logged `val_loss` is recorded instead, and that is said once.
    """

    def __init__(self, run: str, *, evaluate: bool = True, **options: Any) -> None:
        """Take the run's name and what `Recorder` takes beside it; `evaluate=False`: logged figures alone."""
        super().__init__()
        self._recording = Recording(run, evaluate, options)

    @harmless
    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to record, on rank 0."""
        if not trainer.is_global_zero:
            return
        total = trainer.max_steps if trainer.max_steps and trainer.max_steps > 0 else None
        settings = dict(getattr(pl_module, "hparams", {}) or {})
        self._recording.begin(settings, total, lambda: steps_in_an_epoch(trainer))

    @harmless
    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take note of a step."""
        recorder = self._recording.recorder
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if recorder is None or loss is None:
            return
        if pl_module.automatic_optimization:  # there Lightning has divided it already
            loss = loss * trainer.accumulate_grad_batches
        rates = [group["lr"] for one in trainer.optimizers[:1] for group in one.param_groups[:1]]
        recorder.log_train(
            trainer.global_step, loss, epoch=epoch_of(trainer, batch_idx + 1),
            learning_rate=rates[0] if rates else None,
        )  # fmt: skip

    @harmless
    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Take note of an evaluation; the one before training is none."""
        if trainer.sanity_checking or self._recording.recorder is None:
            return
        metrics = trainer.callback_metrics
        self._recording.validated(
            pl_module, only_one(trainer.val_dataloaders), only_one(trainer.train_dataloader),
            trainer.global_step, epoch_of(trainer, None),
            first(metrics, "val_loss", "valid_loss", "val/loss", "validation_loss"),
            first(metrics, "val_acc", "val_accuracy", "val/acc", "val/accuracy"),
            only_one(trainer.optimizers),
        )  # fmt: skip

    @harmless
    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Note why the fit failed, or that it was interrupted."""
        self._recording.end(exception)

    @harmless
    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """End the recording."""
        self._recording.end()


def steps_in_an_epoch(trainer: Any) -> int | None:
    """Return the optimizer steps of an epoch, where the trainer knows how many epochs there are."""
    try:
        steps, epochs = trainer.estimated_stepping_batches, trainer.max_epochs
        return round(steps / epochs) if epochs and epochs > 0 and math.isfinite(steps) else None
    except Exception:  # whatever their loaders raise, they raise it again where it belongs
        return None


def only_one(loaders: Any) -> Any:
    """Return the loader of a trainer that has one; None where it has several, or something else."""
    if isinstance(loaders, list | tuple):
        return loaders[0] if len(loaders) == 1 else None
    return loaders


def epoch_of(trainer: Any, batches: int | None) -> float:
    """Return the epochs done, with their fraction; after so many `batches`, or as the steps tell it."""
    whole = trainer.num_training_batches
    if not isinstance(whole, int | float) or not math.isfinite(whole) or whole < 1:
        return float(trainer.current_epoch)
    if batches is None:
        batches = trainer.fit_loop.epoch_loop.batch_progress.current.ready
    return float(trainer.current_epoch + min(1.0, batches / whole))
