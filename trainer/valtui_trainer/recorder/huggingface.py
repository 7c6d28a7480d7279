"""Hugging Face: `Trainer(…, callbacks=[RecorderCallback("name")])`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from valtui_trainer.recorder.callbacks import Recording, first, harmless

if TYPE_CHECKING:
    TrainerCallback = Any
else:
    try:
        from transformers import TrainerCallback
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "RecorderCallback needs transformers: `pip install transformers`."
        ) from None

SETTINGS = (
    "learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs",
    "weight_decay", "warmup_steps", "lr_scheduler_type", "optim", "seed",
)  # fmt: skip


class RecorderCallback(TrainerCallback):  # type: ignore[misc]
    """Records a training with a `Recorder`.

    Training losses are those that the Trainer logs (`logging_steps`). At each evaluation a classifier of images
    is evaluated on the Trainer's own loader with `Recorder.evaluate`; of anything else the logged `eval_loss`
    is recorded, and that is said once.
    """

    def __init__(self, run: str, *, evaluate: bool = True, **options: Any) -> None:
        """Take the run's name and what `Recorder` takes beside it; `evaluate=False`: logged figures alone."""
        super().__init__()
        self._recording = Recording(run, evaluate, options)

    @harmless
    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin to record, on rank 0."""
        if state.is_world_process_zero:
            settings = {name: getattr(args, name, None) for name in SETTINGS}
            steps, epochs = state.max_steps or None, state.num_train_epochs
            an_epoch = math.ceil(steps / epochs) if steps and epochs else None
            self._recording.begin(settings, steps, lambda: an_epoch)

    @harmless
    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Take note of the training loss."""
        recorder = self._recording.recorder
        if recorder is not None and logs and "loss" in logs:
            recorder.log_train(
                state.global_step, logs["loss"], epoch=state.epoch,
                learning_rate=logs.get("learning_rate"), grad_norm=logs.get("grad_norm"),
            )  # fmt: skip

    @harmless
    def on_evaluate(
        self,
        args: Any,
        state: Any,
        control: Any,
        metrics: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take note of an evaluation."""
        figures = metrics or {}
        self._recording.validated(
            kwargs.get("model"), kwargs.get("eval_dataloader"), kwargs.get("train_dataloader"),
            state.global_step, state.epoch, first(figures, "eval_loss"), first(figures, "eval_accuracy"),
            kwargs.get("optimizer"),
        )  # fmt: skip

    @harmless
    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """End the recording."""
        self._recording.end()
