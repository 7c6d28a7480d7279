"""The causes in words: the verdict in one sentence, names of rows, what a remedy costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from valtui import texts
from valtui.causes.arm_texts import ARM_NAMES, OF_IT, arm_left_words
from valtui_trainer.measure.arms import ArmLeft
from valtui_trainer.measure.left import Left
from valtui_trainer.measure.verdict import (
    CAUSE_OF_ARM,
    CAUSE_OF_CHECK,
    CAUSE_OF_LENS,
    ENOUGH_DEGREES,
    Evidence,
    Verdict,
    explaining_arms,
)
from valtui_trainer.session.records import Check

ENOUGH_EVALUATIONS = 18
FEWEST_EVALUATIONS = 8

CAUSE_NAMES = {
    "finite-set": "the finite validation set",
    "batchnorm-statistics": "BatchNorm's running statistics",
    "overconfidence": "overconfident outputs",
    "random-validation": "validation is random",
    "order": "the training order",
    "overlap": "validation samples in the training set",
    "learning-rate": "learning rate",
    "batch-size": "batch size",
    "dropout": "dropout",
    "augmentation": "augmentation",
    "batchnorm-momentum": "BatchNorm's momentum",
    "weight-decay": "weight decay",
    "adam-epsilon": "Adam's epsilon",
}

LENS_NAMES = {
    "larger-validation": "with a far larger validation set",
    "exact-batchnorm": "with exact BatchNorm statistics",
    "calibrated-outputs": "with calibrated outputs",
    "averaged-weights": "with averaged weights",
    "hardest-samples": "without the hardest 1 % of samples",
}

REMEDIES = {
    "larger-validation": "Validate on more images; an evaluation takes longer in proportion. What is "
    "left of the jumps then is the training's own.",
    "exact-batchnorm": "Re-estimate BatchNorm's statistics on some hundred training images before "
    "each validation (and before you keep a model): one more pass over them. Or raise its momentum, "
    "or avoid tiny last batches (drop_last = true).",
    "calibrated-outputs": "Judge by the accuracy or the calibrated loss; scale the outputs by the "
    "temperature afterwards, which costs nothing. Weight decay, label smoothing, or an earlier end "
    "keep them from growing overconfident.",
    "averaged-weights": "Keep an exponential average of the weights and validate that: one more copy "
    "of the weights in memory, and it lags behind by about half an epoch.",
    "hardest-samples": "Look at these samples: wrong labels and unreadable images belong mended or "
    "left out. It makes the validation set easier, not the model better.",
}


def left(found: Left) -> str:
    """Return a volatility left in percent with its interval."""
    value = "0 % (estimate below zero)" if found.ratio < 0 else f"{100 * found.value:.0f} %"
    return f"{value} {texts.percent_interval(found.interval)}".rstrip()


def briefly(found: Left) -> str:
    """Return a volatility left for the middle of a sentence."""
    return left(found).replace(" (estimate below zero)", "")


def verdict_sentence(
    verdict: Verdict,
    evidence: Evidence,
    checks: Sequence[Check],
    since: float | None,
    looked_at: int,
    unit: str = "epoch",
) -> str:
    """Return the verdict in one sentence with its numbers.

    Args:
        verdict, evidence, checks: what was judged, and how.
        since: the epoch at which overfitting began, or None.
        looked_at: evaluations of each seed, those without a finite loss too.
        unit: what `since` counts.
    """
    overfits = f" It overfits since {texts.at(unit, since)}." if since is not None else ""
    if verdict.kind == "unsound":
        return unsound(checks)
    if verdict.kind == "not-enough":
        return not_enough(evidence, looked_at)
    volatility = evidence.relative
    if verdict.kind == "calm":
        if volatility.constant:
            return "Calm: the loss does not fluctuate at all."
        return (
            f"Calm: the loss moves by {texts.percent(volatility)} of itself from one evaluation to "
            f"the next; there is nothing to explain.{overfits}"
        )
    spiky = spikes_words(len(volatility.spikes))
    if verdict.kind == "open":
        return f"{spiky}{open_words(evidence)}{overfits}"
    name = CAUSE_NAMES[verdict.causes[0]]
    others = [other for cause in verdict.causes[1:] for other in others_words(cause, evidence)]
    sentence = f"{spiky}{name[0].upper()}{name[1:]}: {first_words(verdict, evidence)}"
    return sentence + (f"; {', '.join(others)}." if others else ".") + overfits


def first_words(verdict: Verdict, evidence: Evidence) -> str:
    """Return what would be left without the first cause, by its lens or arm."""
    if verdict.arm is not None:
        found = evidence.arms[verdict.arm]
        assert isinstance(found, ArmLeft)
        source = (
            f"probe, {texts.counted(found.replicas, 'replica')}"
            if found.replicas
            else f"proof, {texts.counted(found.points, 'evaluation')}"
        )
        return f"{OF_IT[verdict.arm]} {arm_left_words(found)} of the volatility would be left ({source})"
    lens = verdict.lens or ""
    left_by_lens = evidence.left[lens]
    assert left_by_lens is not None
    return f"{LENS_NAMES[lens]} {briefly(left_by_lens)} of the volatility would be left"


def others_words(cause: str, evidence: Evidence) -> list[str]:
    """Return what would be left without a further cause, by its lens or arm."""
    for lens, name in CAUSE_OF_LENS.items():
        found = evidence.left.get(lens)
        if name == cause and found is not None:
            return [f"{LENS_NAMES[lens]} {briefly(found)}"]
    return [
        f"{ARM_NAMES[arm]} {arm_left_words(probed)}"
        for arm in explaining_arms(evidence.arms)
        if CAUSE_OF_ARM[arm] == cause and isinstance(probed := evidence.arms[arm], ArmLeft)
    ]


def unsound(checks: Sequence[Check]) -> str:
    """Return what the gravest failed check says."""
    by_name = {check.check: check for check in checks if check.outcome == "failed"}
    gravest = next(name for name in CAUSE_OF_CHECK if name in by_name)
    name = CAUSE_NAMES[CAUSE_OF_CHECK[gravest]]
    return f"The measurement is not sound ({name}): {by_name[gravest].message}"


def not_enough(evidence: Evidence, looked_at: int) -> str:
    """Return how much is there, of the evaluations `looked_at`, and how much a verdict needs."""
    volatility = evidence.relative
    if volatility.points < FEWEST_EVALUATIONS:
        lost = looked_at - volatility.points
        unusable = f" with a positive, finite loss (of {looked_at})" if lost > 0 else ""
        return (
            f"Not enough evidence yet: {texts.counted(volatility.points, 'evaluation')}{unusable}. "
            f"Intervals begin at {FEWEST_EVALUATIONS}, a verdict at {ENOUGH_EVALUATIONS} evaluations "
            "of one seed."
        )
    degrees = math.floor(10 * volatility.degrees) / 10  # rounded up, too few would look enough
    return (
        f"Not enough evidence yet: {volatility.points} evaluations give {degrees:.1f} of the "
        f"{ENOUGH_DEGREES:.0f} degrees of freedom that a verdict needs; the loss moves by "
        f"{texts.percent(volatility)} an evaluation so far."
    )


def spikes_words(count: int) -> str:
    """Return that spikes come first, or nothing where there are none."""
    if not count:
        return ""
    return f"{count} spike{'s' if count > 1 else ''} stand{'' if count > 1 else 's'} out (▲). "


def open_words(evidence: Evidence) -> str:
    """Return that no lens explains it, and where to look."""
    known = {
        name: found for name, found in evidence.left.items() if found and name in CAUSE_OF_LENS
    }
    if not known:
        return (
            f"The loss moves by {texts.percent(evidence.relative)} an evaluation, and no lens could "
            "answer; the rows say why."
        )
    strongest = min(known, key=lambda name: known[name].value)
    probed = [arm for arm in CAUSE_OF_ARM if evidence.arms.get(arm) is not None]
    neither = {0: "", 1: ", nor does the arm that was probed"}.get(
        len(probed), f", nor does any of the {len(probed)} arms probed"
    )
    return (
        f"No lens explains it{neither}: {LENS_NAMES[strongest]}, the strongest, "
        f"{briefly(known[strongest])} of the volatility would be left. It comes from training itself: "
        "learning rate, batch size, dropout, augmentation or weight decay, which only "
        f"{'a longer probe' if probed else 'a probe'} can tell."
    )


def group_words(share: float, size: int, samples: int) -> str:
    """Return how a group's share of the volatility compares to its share of the samples."""
    expected = size / samples if samples else 0.0
    if expected <= 0:
        return ""
    factor = share / expected
    if factor < 0:
        return "it moves against the others"
    return f"{factor:.1f}× its share of the samples"
