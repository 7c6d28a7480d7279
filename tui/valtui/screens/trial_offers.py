"""What is said of a probe or a proof before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valtui import texts
from valtui.causes.arm_texts import left_words, name_of
from valtui.causes.trials import interval_of
from valtui.screens.plan_dialog import Offer
from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui_trainer.supervise.probe import ProbePlan
    from valtui_trainer.supervise.prove import Prediction, ProofPlan


def time_words(seconds: float | None) -> str:
    """Return an expected time, or that it is not known."""
    return "a time that is not known yet" if seconds is None else f"about {texts.duration(seconds)}"


def probe_offer(plan: ProbePlan) -> Offer:
    """Return what a probe would train, what it costs, and what it can show."""
    detects = (
        f"an arm that leaves {texts.share(plan.detectable)} of the volatility or less, 4 times in 5 "
        "(95 % intervals, looked at halfway and at the end)"
        if plan.detectable > 0
        else "nothing: too few replicas and evaluations for an interval"
    )
    arms = ", ".join(name_of(arm) for arm in plan.arms)
    trains = (
        f"{plan.replicas} replicas of each from one checkpoint, {plan.evaluations} evaluations each; "
        "the run itself is not touched"
    )
    cost = f"{plan.steps:,} steps, {time_words(plan.seconds)}, {plan.minutes:g} min at the most"
    return Offer(
        title=f"Probe {safe(plan.run)}?",
        facts=(
            ("arms", f"the run as it is, and {arms}"),
            ("trains", trains),
            ("cost", cost),
            ("detects", detects),
        ),
        notes=tuple(map(safe, plan.notes)),
    )


def proof_offer(plan: ProofPlan, predicted: Prediction | None) -> Offer:
    """Return what a proof would train, what it costs, and what was predicted."""
    from valtui_trainer.measure.proof import LOOKS

    control = (
        f"{safe(plan.control_run)}, which changes nothing"
        if plan.needs_control
        else f"{safe(plan.run)}'s own later evaluations"
    )
    *first, last = LOOKS
    trains = (
        f"{safe(plan.arm_run)} beside {control}, from one checkpoint, "
        f"{texts.counted(len(plan.seeds), 'seed')} each"
    )
    cost = f"up to {plan.evaluations} evaluations of each seed, {time_words(plan.seconds)}"
    decides = (
        f"looks after {', '.join(map(str, first))} and {last} evaluations (96.7 % intervals): holds, "
        "does not hold, or undecided"
    )
    return Offer(
        title=f"Prove {name_of(plan.arm)} on {safe(plan.run)}?",
        facts=(
            ("trains", trains),
            ("cost", cost),
            ("predicted", prediction_words(predicted)),
            ("decides", decides),
        ),
        notes=tuple(map(safe, plan.notes)),
    )


def prediction_words(predicted: Prediction | None) -> str:
    """Return what probe or lens promised."""
    if predicted is None:
        return "nothing: no probe or lens has measured it; a probe is quicker (p)"
    left = left_words(predicted.left, interval_of(predicted.low, predicted.high))
    return f"{left} of the volatility left, by the {safe(predicted.by).split(' ')[0]}"
