"""What the callbacks for Lightning and the Hugging Face Trainer share: a Recorder, and evaluating if it can be."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from valtui_trainer.recorder.guard import in_words, say
from valtui_trainer.recorder.recorder import Recorder

Hook = TypeVar("Hook", bound=Callable[..., None])


class Recording:
    """A Recorder that begins with the training, evaluates where the model is a classifier, and ends with it."""

    def __init__(self, run: str, evaluate: bool, options: Mapping[str, Any]) -> None:
        """Take what `Recorder` takes; nothing is begun yet."""
        self._run = run
        self._options = dict(options)
        self._evaluates = evaluate
        self._said: set[str] = set()
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
        if self.recorder.has_evaluated(step):
            self._say_once(
                "of several evaluations at one step, as on several sets, the first is recorded."
            )
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
            self.recorder.log_val(step, loss, epoch=epoch, accuracy=accuracy)

    def end(self, error: BaseException | None = None) -> None:
        """End the recording; `error` is what ended the training, if anything did."""
        if self.recorder is not None:
            self.recorder.__exit__(type(error) if error else None, error, None)
            self.recorder = None

    def trouble(self, what: str, error: BaseException) -> None:
        """Say once what went wrong between a framework and the Recorder."""
        self._say_once(f"{what}() recorded nothing: {in_words(error)}. The training goes on.")

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            say(sentence)


def harmless(hook: Hook) -> Hook:
    """Return a hook of a framework so that it never raises an exception into the training."""

    @functools.wraps(hook)
    def never_raises(self: Any, *arguments: Any, **named: Any) -> None:
        try:
            hook(self, *arguments, **named)
        except Exception as error:
            self._recording.trouble(hook.__name__, error)

    return cast(Hook, never_raises)


def first(metrics: Mapping[str, Any], *names: str) -> Any:
    """Return the first of the named metrics that there is, or None."""
    return next((metrics[name] for name in names if name in metrics), None)
