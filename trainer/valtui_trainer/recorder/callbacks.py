"""What the callbacks for Lightning and the Hugging Face Trainer share: a Recorder, and evaluating if it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from valtui_trainer.recorder.guard import say
from valtui_trainer.recorder.recorder import Recorder


class Recording:
    """A Recorder that begins with the training, evaluates where the model is a classifier, and ends with it."""

    def __init__(self, run: str, evaluate: bool, options: Mapping[str, Any]) -> None:
        """Take what `Recorder` takes; nothing is begun yet."""
        self._run = run
        self._options = dict(options)
        self._evaluates = evaluate
        self.recorder: Recorder | None = None

    def begin(
        self,
        settings: Mapping[str, Any],
        total_steps: int | None,
        steps_per_epoch: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Begin to record, unless that was done; the user's own settings stand above the framework's."""
        if self.recorder is None:
            options = dict(self._options)
            options["settings"] = {**settings, **(options.get("settings") or {})}
            options.setdefault("total_steps", total_steps)
            if options.get("build") is not None:  # checkpoints are placed by epochs
                options.setdefault("steps_per_epoch", steps_per_epoch())
            self.recorder = Recorder(self._run, **options)

    def validated(
        self,
        model: Any,
        val_loader: Any,
        train_loader: Any,
        step: int,
        epoch: float | None,
        loss: Any,
        accuracy: Any = None,
        optimizer: Any = None,
    ) -> None:
        """Log an evaluation: by the Recorder's own, or, where the model is no classifier, the logged `loss`."""
        if self.recorder is None:
            return
        if self._evaluates and val_loader is not None:
            before = self.recorder.evaluations
            self.recorder.evaluate(
                model, val_loader, step=step, epoch=epoch, train_loader=train_loader,
                optimizer=optimizer,
            )  # fmt: skip
            if self.recorder.evaluations > before:
                return
            self._evaluates = False
            say("from now on the validation loss that the training itself logs is recorded.")
        if loss is not None:
            figure = float(accuracy) if accuracy is not None else None
            self.recorder.log_val(step, loss, epoch=epoch, accuracy=figure)

    def end(self, failure: str = "") -> None:
        """End the recording."""
        if self.recorder is not None:
            self.recorder.close(failure)
            self.recorder = None


def first(metrics: Mapping[str, Any], *names: str) -> Any:
    """Return the first of the named metrics that there is, or None."""
    return next((metrics[name] for name in names if name in metrics), None)
