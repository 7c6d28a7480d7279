"""What an arm leaves of the volatility: replicas of two trainings from one start, side by side.

A lens asks what the same run would have shown; an arm is another training, so nothing pairs the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.comparison import ratio_interval
from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.residuals import Floats, prepare, residuals
from valtui_trainer.measure.volatility import volatility

FEWEST_DEGREES = 2.0
"""Degrees of freedom of each side below which there is no interval."""


@dataclass(frozen=True, slots=True)
class ArmLeft:
    """An arm's volatility over the base's, each relative to its own loss.

    Attributes:
        value: the fraction of the volatility that the arm leaves.
        interval: of `value`; None below 2 degrees of freedom of either, or where the arm does not
            fluctuate at all (training that has died is no calm).
        degrees_arm, degrees_base: effective degrees of freedom, summed over replicas.
        replicas: of the arm, that it rests on.
        points: finite evaluations of the arm's replica that has most.
        mean_change: mean loss of the arm over that of the base, minus 1: a calmer loss may be a
            higher one; None where they have no evaluation in common.
        lost: replicas of the arm left out, which have no three finite evaluations together.
        too_narrow: either has spikes or heavy tails: the interval is too narrow.
    """

    value: float
    interval: Interval | None
    degrees_arm: float
    degrees_base: float
    replicas: int
    points: int
    mean_change: float | None
    lost: int
    too_narrow: bool


def arm_left(
    arm: npt.ArrayLike,
    base: npt.ArrayLike,
    level: float = 0.95,
    x_arm: npt.ArrayLike | None = None,
    x_base: npt.ArrayLike | None = None,
) -> ArmLeft | None:
    """Return what an arm leaves of the base's volatility.

    Both are measured on log L, replicas pooled as by `volatility`; the interval is that of F with
    their pooled degrees of freedom. No replica needs 8 evaluations for it: many short series pool.
    Coverage of nominal 95 % in simulation, white noise on an exponential fall: 0.96 for K = 4
    replicas of J = 4 evaluations, 0.95 for 8 of 8 and 16 of 8; t₅ noise: 0.92, 0.88, 0.86.

    Args:
        arm, base: validation losses (K, J) and (K', J'), a replica a row; what is not finite or not
            positive is a gap.
        level: of the interval.
        x_arm, x_base: places (J,) and (J',), rising; None: equally spaced.

    Returns:
        None where no three evaluations of the arm or of the base stand together, or the base does
        not fluctuate.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    theirs, own = volatility(arm, x_arm, level, True), volatility(base, x_base, level, True)
    if not (own.value > 0 and np.isfinite(theirs.value)):
        return None
    value = theirs.value / own.value
    certain = min(theirs.degrees, own.degrees) >= FEWEST_DEGREES and not theirs.constant
    of_arm, of_base = measured(arm, x_arm), measured(base, x_base)
    return ArmLeft(
        value=value,
        interval=ratio_interval(value, theirs.degrees, own.degrees, level) if certain else None,
        degrees_arm=theirs.degrees,
        degrees_base=own.degrees,
        replicas=len(of_arm),
        points=theirs.points,
        mean_change=mean_change(of_arm, of_base),
        lost=len(np.atleast_2d(arm)) - len(of_arm),
        too_narrow=theirs.too_narrow or own.too_narrow,
    )


def measured(losses: npt.ArrayLike, x: npt.ArrayLike | None) -> Floats:
    """Return the logs of those replicas of losses (K, J) that have a residual; gaps are NaN."""
    logs, places = prepare(losses, x, relative=True)
    return np.asarray(logs[np.isfinite(residuals(places, logs)).any(axis=1)])


def mean_change(arm: Floats, base: Floats) -> float | None:
    """Return the mean loss of arm (K, J) over that of base (K', J'), minus 1, from their logs.

    Over the evaluations that both have: on a falling curve, the later ones of a longer series would
    make it the lower. None where one has no loss there, or beyond what floats hold.
    """
    length = min(arm.shape[1], base.shape[1])
    above, below = (logs[:, :length][np.isfinite(logs[:, :length])] for logs in (arm, base))
    if not (len(above) and len(below)):
        return None
    largest = max(float(above.max()), float(below.max()))
    with np.errstate(over="ignore", divide="ignore"):
        found = np.exp(above - largest).mean() / np.exp(below - largest).mean() - 1.0
    return float(found) if np.isfinite(found) else None
