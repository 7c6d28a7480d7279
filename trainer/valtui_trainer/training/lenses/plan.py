"""Which lenses a run has: decided once, before its first step, and told in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from valtui_trainer.presets.types import Lenses
from valtui_trainer.session.records import LensPlan

EXACT, CALIBRATED, AVERAGED = "exact-batchnorm", "calibrated-outputs", "averaged-weights"
LENSES = (EXACT, CALIBRATED, AVERAGED)
LARGE_SET = 20_000
MOST_SMALL, MOST_LARGE = 0.50, 0.10
"""A quarter epoch of 1,000 images against 512 + 500 forward passes is 1/3, a step being three of them;
measured beside other work it read 0.29 to 0.46."""
NEGLIGIBLE_SECONDS = 30.0
"""Of a whole run: nobody waits for that. On a GPU a small net's steps, replayed, outrun any pass."""
TOO_OLD = "this run began before lenses existed"


@dataclass(frozen=True, slots=True)
class Trial:
    """What was found about a lens before the first step.

    Attributes:
        cost: seconds of the lens over seconds of training; None where not measured.
        problem: why it cannot be used, in words; empty where it can.
        seconds: that it takes in the whole run, all seeds together; None where not measured.
    """

    cost: float | None = None
    problem: str = ""
    seconds: float | None = None

    def beside_faster(self, gain: float) -> Trial:
        """Return what it is beside training that is `gain` times as fast as where it was measured."""
        return self if self.cost is None else replace(self, cost=self.cost * gain)


def setting(name: str) -> str:
    """Return the setting that switches the lens `name`."""
    return f"lenses.{name.replace('-', '_')}"


def wanted(settings: Lenses) -> tuple[str, ...]:
    """Return the names of the lenses that are switched on."""
    return tuple(name for name in LENSES if getattr(settings, name.replace("-", "_")))


def most(settings: Lenses, train_size: int) -> float:
    """Return the largest cost of one lens, as a fraction of the training time."""
    if settings.most != "auto":
        return settings.most
    return MOST_SMALL if train_size < LARGE_SET else MOST_LARGE


def negligible(settings: Lenses, trial: Trial) -> bool:
    """Tell whether a lens may cost what it does whatever its share, for the whole run has little of it."""
    return (
        settings.most == "auto"
        and trial.seconds is not None
        and trial.seconds <= NEGLIGIBLE_SECONDS
    )


def decide(settings: Lenses, train_size: int, trials: dict[str, Trial]) -> list[LensPlan]:
    """Return the plan of every lens, in the order of LENSES; calibrated outputs need no extra pass."""
    limit = most(settings, train_size)
    plans = []
    for name in LENSES:
        trial = trials.get(name, Trial())
        reason = trial.problem
        if name not in wanted(settings):
            reason = f"switched off by {setting(name)}"
        elif (
            not reason
            and name != CALIBRATED
            and trial.cost is not None
            and trial.cost > limit
            and not negligible(settings, trial)
        ):
            takes, allowed = apart(trial.cost, limit)
            reason = (
                f"{name} would take {takes} of the training time, more than {allowed}; "
                "set lenses.most to allow it"
            )
        plans.append(LensPlan(name=name, on=not reason, cost=trial.cost, reason=reason))
    return plans


def too_old() -> list[LensPlan]:
    """Return the plans of a run whose checkpoint knows of no lenses."""
    return [LensPlan(name=name, on=False, reason=TOO_OLD) for name in LENSES]


def in_words(plans: list[LensPlan]) -> str:
    """Return one sentence that says which lenses are on, at what cost, and why the others are off."""
    on = [f"{plan.name}{costing(plan.cost)}" for plan in plans if plan.on]
    off = [
        plan.reason if plan.reason.startswith(plan.name) else f"{plan.name} ({plan.reason})"
        for plan in plans
        if not plan.on
    ]
    parts = [f"on: {', '.join(on)}"] * bool(on) + [f"off: {', '.join(off)}"] * bool(off)
    return f"Lenses {'; '.join(parts)}."


def listed(plans: list[LensPlan]) -> dict[str, Any]:
    """Return the plans by name, as the data of an event."""
    return {plan.name: {"on": plan.on, "cost": plan.cost, "reason": plan.reason} for plan in plans}


def costing(cost: float | None) -> str:
    """Return what a cost adds to a lens's name in a list."""
    if cost is None:
        return ""
    return f" ({'under 1 %' if cost < 0.01 else percent(cost)} of the training time)"


def percent(fraction: float, digits: int = 0) -> str:
    """Return a fraction as a percentage for people."""
    return f"{100 * fraction:.{digits}f} %"


def apart(larger: float, smaller: float) -> tuple[str, str]:
    """Return both as percentages with as many digits as tell them apart, three at most."""
    for digits in range(3):
        texts = percent(larger, digits), percent(smaller, digits)
        if texts[0] != texts[1]:
            return texts
    return percent(larger, 3), percent(smaller, 3)
