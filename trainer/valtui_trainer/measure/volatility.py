"""Volatility of a whole series: one number with its interval, and whether to trust the interval.

The evaluation-to-evaluation noise that is left when the smooth trend is removed. `residuals` has
the estimator, `rolling` the same over a moving window; both are named here too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.quantiles import deviation_limits
from valtui_trainer.measure.residuals import (
    degrees,
    freedom,
    prepare,
    pseudo_residuals,
    q,
    q_form,
    residuals,
    weights,
)
from valtui_trainer.measure.rolling import FEWEST_FOR_INTERVAL, Rolling, rolling
from valtui_trainer.measure.spikes import HEAVY, ROBUST, kurtosis, spikes, spikes_of

__all__ = [
    "LEVEL",
    "Interval",
    "Rolling",
    "Volatility",
    "degrees",
    "pseudo_residuals",
    "q",
    "q_form",
    "rolling",
    "spikes",
    "volatility",
]

LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class Volatility:
    """The volatility of a series, or of several seeds pooled.

    Attributes:
        value: root of the mean squared residual, in the units of the series; relative: a fraction.
            NaN where no three points stand together.
        degrees: effective degrees of freedom, summed over seeds.
        interval: chi-squared interval; None below 8 evaluations, or if constant.
        points: finite evaluations of the seed that has most.
        spikes: positions of points beyond 4 robust deviations, each peak once.
        too_narrow: there are spikes, or the residuals are heavy-tailed: the interval is too narrow.
        robust: volatility from the median of the residuals, which spikes do not move.
        constant: the series does not fluctuate at all.
    """

    value: float
    degrees: float
    interval: Interval | None
    points: int
    spikes: tuple[int, ...]
    too_narrow: bool
    robust: float
    constant: bool


def volatility(
    y: npt.ArrayLike,
    x: npt.ArrayLike | None = None,
    level: float = LEVEL,
    relative: bool = False,
) -> Volatility:
    """Return the volatility of y (T,) or, pooled, of several seeds (seeds, T).

    Seeds are averaged by their degrees of freedom, so that these add up however unequal the seeds
    are; where all have the same points it is the plain average.

    Args:
        y: the series; what is not finite is a gap that nothing bridges.
        x: its places (T,), rising; None: equally spaced.
        level: of the interval.
        relative: measure log y, so that the value is a fraction; what is not positive is a gap.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    values, places = prepare(y, x, relative)
    found = residuals(places, values)
    known = np.isfinite(found)
    points = int(np.isfinite(values).sum(axis=1).max()) if values.size else 0
    if not known.any():
        return Volatility(np.nan, 0.0, None, points, (), False, np.nan, False)
    nu = freedom(weights(places), known)
    total = float(nu.sum())
    largest = float(np.abs(found[known]).max())
    if largest == 0.0:
        return Volatility(0.0, total, None, points, (), False, 0.0, True)
    scaled = found / largest
    squares = np.where(known, scaled, 0.0) ** 2
    each = squares.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    value = largest * float(np.sqrt((nu * each).sum() / total))
    peaks = spikes_of(found)
    return Volatility(
        value=value,
        degrees=total,
        interval=interval_of(value, total, level) if points >= FEWEST_FOR_INTERVAL else None,
        points=points,
        spikes=peaks,
        too_narrow=bool(peaks) or kurtosis(scaled[known]) > HEAVY,
        robust=largest * float(np.median(np.abs(scaled[known]))) / ROBUST,
        constant=False,
    )


def interval_of(value: float, nu: float, level: float) -> Interval:
    """Return σ̂·√(ν/χ²_ν) at both tails of `level`."""
    low, high = deviation_limits(round(nu, 6), level)
    return Interval(value * low, value * high)
