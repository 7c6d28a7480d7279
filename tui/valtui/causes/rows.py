"""The rows of the causes: volatility left under each counterfactual, or why a lens cannot answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from valtui.causes.samples import FEW_SAMPLES, Samples
from valtui.causes.texts import REMEDIES
from valtui.causes.types import Causes, Row
from valtui.feed import RunFeed
from valtui.series import Array, ValMatrix
from valtui_trainer.measure.contributions import HardestShare
from valtui_trainer.measure.finite import finite_left
from valtui_trainer.measure.left import paired_left
from valtui_trainer.measure.verdict import CAUSE_OF_ARM, CAUSE_OF_LENS, Verdict
from valtui_trainer.measure.volatility import q
from valtui_trainer.session.records import LensPlan

FEW = "there are too few evaluations"
FLAT = "the loss does not fluctuate"
FEWEST = 3


def rows_of(
    run: RunFeed, matrix: ValMatrix, samples: Samples, hard: HardestShare | None
) -> tuple[Row, ...]:
    """Return all rows, not yet in order."""
    plans = {plan.name: plan for plan in run.start.lenses} if run.start is not None else {}
    scale = measured_over_planned(run, plans)
    return (
        larger_validation(matrix, samples),
        logged("exact-batchnorm", "cause", matrix, matrix.precise, plans, scale),
        logged("calibrated-outputs", "cause", matrix, matrix.calibrated, plans, scale),
        logged("averaged-weights", "remedy", matrix, matrix.averaged, plans, scale),
        without_hardest(samples, hard),
    )


def in_order(rows: Sequence[Row], verdict: Verdict) -> tuple[Row, ...]:
    """Return `rows` with the causes as the verdict ranks them, then by volatility left; others after."""
    ranked = [
        lens for cause in verdict.causes for lens, one in CAUSE_OF_LENS.items() if one == cause
    ]

    def place(row: Row) -> tuple[int, float]:
        if row.kind != "cause":
            return len(ranked) + 1, 0.0
        left = row.left.value if row.left is not None else np.inf
        return (ranked.index(row.id), 0.0) if row.id in ranked else (len(ranked), left)

    return tuple(sorted(rows, key=place))


def ranks(causes: Causes) -> dict[str, int]:
    """Return the rank of each lens and arm that has an answer, by id, as the verdict ranks causes."""
    lefts = {
        row.id: row.left.value
        for row in causes.rows
        if row.kind == "cause" and row.left is not None
    }
    for arm in causes.trials.arms:
        if arm.evidence is not None:
            lefts[arm.id] = arm.evidence.value
    order = list(dict.fromkeys(causes.verdict.causes))
    cause_of = CAUSE_OF_LENS | CAUSE_OF_ARM

    def place(identity: str) -> tuple[int, float]:
        cause = cause_of.get(identity, "")
        return (order.index(cause) if cause in order else len(order)), lefts[identity]

    return {name: rank for rank, name in enumerate(sorted(lefts, key=place), start=1)}


def larger_validation(matrix: ValMatrix, samples: Samples) -> Row:
    """Return the row of the finite validation set; it needs no extra pass."""
    found, why = None, samples.why
    if samples.losses:
        found = finite_left(matrix.loss, samples.losses, samples.strata, matrix.step)
        why = "" if found is not None else unanswered(matrix)
    return Row("larger-validation", "cause", found, why, None, 0.0, REMEDIES["larger-validation"])


def logged(
    name: str,
    kind: Literal["cause", "remedy"],
    matrix: ValMatrix,
    series: Array,
    plans: dict[str, LensPlan],
    scale: float,
) -> Row:
    """Return the row of a lens whose losses stand in the log beside the validation loss."""
    plan = plans.get(name)
    found, why = None, ""
    if plan is not None and not plan.on:
        why = plan.reason
    elif not np.isfinite(series).any():
        why = (
            "there is nothing of it in the log"
            if plan is None
            else "there is no evaluation to look at"
            if not series.size
            else "the lens gave no finite loss"
        )
    else:
        found = paired_left(series, matrix.loss, matrix.step)
        why = "" if found is not None else unanswered(matrix)
    return Row(
        name,
        kind,
        found,
        why,
        mean_change(series, matrix.loss) if found is not None else None,
        plan.cost * scale if plan is not None and plan.on and plan.cost is not None else None,
        REMEDIES[name],
    )


def without_hardest(samples: Samples, hard: HardestShare | None) -> Row:
    """Return the row without the hardest samples, cross-fitted, of the first seed."""
    found = hard.left if hard is not None else None
    why = "" if found is not None else samples.why or FEW_SAMPLES
    return Row("hardest-samples", "description", found, why, None, 0.0, REMEDIES["hardest-samples"])


def measured_over_planned(run: RunFeed, plans: dict[str, LensPlan]) -> float:
    """Return what the lenses' extra passes really took over what was expected; 1 before it is known."""
    planned = sum(plan.cost for plan in plans.values() if plan.on and plan.cost)
    passes = training = 0.0
    for series in run.seeds.values():
        if len(series.val):
            passes += float(np.nansum(series.val["lens_seconds"]))
            training -= float(np.nansum(series.val["seconds"]))
            training -= float(np.nansum(series.val["lens_seconds"]))
    training += max((float(s.val["time"][-1]) for s in run.seeds.values() if len(s.val)), default=0)
    return passes / training / planned if planned and passes > 0 and training > 0 else 1.0


def unanswered(matrix: ValMatrix) -> str:
    """Return why a volatility left cannot be told though its series is there."""
    finite = np.isfinite(matrix.loss).all(axis=0)
    if finite.sum() < FEWEST:
        return FEW if finite.all() else f"only {finite.sum()} evaluations have a finite loss"
    return FLAT if np.isfinite(q(matrix.loss, matrix.step)).any() else FEW


def mean_change(series: Array, loss: Array) -> float | None:
    """Return the change of the mean loss as a fraction of it, over evaluations that have both."""
    both = np.isfinite(series) & np.isfinite(loss)
    if not both.any():
        return None
    before = float(loss[both].mean())
    change = float(series[both].mean()) / before - 1.0 if before else float("nan")
    return change if np.isfinite(change) else None
