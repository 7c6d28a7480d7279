"""The lenses of one attempt: asked once an evaluation and seed, told of every step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from torch import nn

from valtui_trainer.presets.types import Preset
from valtui_trainer.session.records import LensPlan
from valtui_trainer.training.evaluate import Evaluation
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.lenses.averaging import Average
from valtui_trainer.training.lenses.calibration import calibrate
from valtui_trainer.training.lenses.passes import Passes
from valtui_trainer.training.lenses.plan import AVERAGED, CALIBRATED, EXACT, too_old

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sight:
    """What the lenses saw of one seed at one evaluation; None where a lens is off or has no answer.

    Attributes:
        exact: the loss with exact BatchNorm statistics.
        calibrated: the loss at `temperature`.
        averaged: the loss of the averaged weights.
        seconds: what all of it took.
    """

    exact: float | None = None
    calibrated: float | None = None
    temperature: float | None = None
    averaged: float | None = None
    seconds: float | None = None


class Panel:
    """Owns the chosen lenses of all seeds.

    Attributes:
        plans: which are on, and why the others are not.
        needs_logits: whether evaluations must keep their logits.
    """

    def __init__(
        self,
        plans: Sequence[LensPlan] = (),
        passes: Passes | None = None,
        models: Sequence[nn.Module] = (),
        half_life: float = 1.0,
    ) -> None:
        """Set up the lenses that `plans` name as on; none: nothing is ever done.

        Args:
            plans: what was decided for the run.
            passes: what extra passes run on.
            models: one for each seed.
            half_life: of the averaged weights, in steps.
        """
        self.plans = list(plans)
        self._passes = passes
        on = {plan.name for plan in plans if plan.on}
        self._exact, self.needs_logits = EXACT in on, CALIBRATED in on
        self._averages = [Average(model, half_life) for model in models if AVERAGED in on]
        self._any = bool(on)

    @classmethod
    def of(
        cls,
        plans: Sequence[LensPlan],
        preset: Preset,
        train_set: Batches,
        val_set: Batches,
        models: Sequence[nn.Module],
        steps_per_epoch: int,
    ) -> Panel:
        """Return the panel of a run; averages have a half-life of half an epoch."""
        return cls(plans, Passes(preset, train_set, val_set), models, steps_per_epoch / 2)

    def stepped(self) -> None:
        """Take note that every seed has taken a step; never waits for the device."""
        for average in self._averages:
            average.update()

    def look(self, number: int, model: nn.Module, found: Evaluation) -> Sight:
        """Return what the lenses see of seed `number`, whose evaluation was `found`."""
        if not self._any or self._passes is None:
            return Sight()
        began = time.monotonic()
        calibrated = calibrate(*found.outputs()) if self.needs_logits else None
        exact = self._passes.exact(model) if self._exact else None
        averaged = None
        if self._averages:
            averaged = self._passes.averaged(model, self._averages[number])
        return Sight(
            exact=exact,
            calibrated=calibrated.loss if calibrated else None,
            temperature=calibrated.temperature if calibrated else None,
            averaged=averaged,
            seconds=time.monotonic() - began,
        )

    def state(self) -> State:
        """Return what a later attempt needs: the decision and the averages, in types that load safely."""
        return {
            "plans": msgspec.to_builtins(self.plans),
            "averages": [average.state() for average in self._averages],
        }

    def load_state(self, state: State | None) -> None:
        """Continue the averages of a checkpoint; None: it is older than lenses."""
        theirs = state["averages"] if state else []
        for average, one in zip(self._averages, theirs, strict=True):
            average.load_state(one)


def plans_of(state: State | None) -> list[LensPlan]:
    """Return what was decided in the run that a checkpoint's `lenses` are of; None: it has none."""
    if state is None:
        return too_old()
    return msgspec.convert(state["plans"], list[LensPlan])
