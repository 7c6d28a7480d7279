"""Evaluates seeds as their preset says: the weights as they are, or under one of the remedies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from valtui_trainer.presets.types import Preset
from valtui_trainer.training.evaluate import Evaluation, evaluate
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.lenses.averaging import Average
from valtui_trainer.training.lenses.passes import Passes, all_of

State = dict[str, Any]


class Evaluator:
    """One pass over a set for each seed, which leaves the seed as it was."""

    def __init__(
        self,
        preset: Preset,
        train_set: Batches,
        val_set: Batches,
        models: Sequence[nn.Module],
        steps_per_epoch: int,
    ) -> None:
        """Set up what the preset's `evaluation` asks for; averages have a half-life of half an epoch."""
        self._exact = preset.evaluation.exact_batchnorm
        self._autocast = preset.precision == "bfloat16"
        self._passes = Passes(preset, train_set, val_set)
        wanted = models if preset.evaluation.averaged_weights else ()
        self._averages = [Average(model, steps_per_epoch / 2) for model in wanted]

    def stepped(self) -> None:
        """Take note that every seed has taken a step; never waits for the device."""
        for average in self._averages:
            average.update()

    def evaluate(
        self, number: int, model: nn.Module, keep_logits: bool = False, on: Batches | None = None
    ) -> Evaluation:
        """Return the figures of seed `number` on the whole validation set, or on another set."""
        data = on if on is not None else self._passes.val_set
        if self._averages:
            with self._averages[number].in_place():
                return self._passes.exactly(model, data, keep_logits)
        if self._exact:
            return self._passes.exactly(model, data, keep_logits)
        return evaluate(model, data, all_of(data), self._autocast, keep_logits)

    def state(self) -> State:
        """Return what a later attempt needs, in types that load safely."""
        return {"averages": [average.state() for average in self._averages]}

    def load_state(self, state: State | None) -> None:
        """Continue the averages of a checkpoint; None: it has none, and they begin here."""
        theirs = state["averages"] if state else []
        for average, one in zip(self._averages, theirs, strict=False):
            average.load_state(one)
