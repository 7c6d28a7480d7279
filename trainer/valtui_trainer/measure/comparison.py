"""Comparing presets: means over seeds, ratios of volatilities, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.quantiles import f, student
from valtui_trainer.measure.volatility import Volatility

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over n seeds with its Student-t interval; none at n = 1."""

    mean: float
    interval: Interval | None
    n: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two volatilities with its F interval."""

    value: float
    interval: Interval | None


def student_mean(values: npt.ArrayLike, level: float = 0.95) -> Mean:
    """Return the mean of `values` (n,), what is not finite left out."""
    known = np.asarray(values, dtype=np.float64).ravel()
    known = known[np.isfinite(known)]
    n = len(known)
    if n == 0:
        return Mean(float("nan"), None, 0)
    mean = float(known.mean())
    if n == 1:
        return Mean(mean, None, 1)
    half = student(0.5 + level / 2, n - 1) * float(known.std(ddof=1)) / n**0.5
    return Mean(mean, Interval(mean - half, mean + half), n)


def volatility_ratio(a: Volatility, b: Volatility, level: float = 0.9) -> Ratio:
    """Return a's volatility over b's; the interval is that of F with their degrees of freedom.

    No interval where either has none of its own; NaN where b does not fluctuate or cannot be measured.
    """
    if not (b.value > 0 and np.isfinite(a.value)):
        return Ratio(float("nan"), None)
    value = a.value / b.value
    if a.interval is None or b.interval is None:
        return Ratio(value, None)
    return Ratio(value, ratio_interval(value, a.degrees, b.degrees, level))


def ratio_interval(value: float, above: float, below: float, level: float) -> Interval:
    """Return the F interval of a ratio of two volatilities with so many degrees of freedom."""
    tail = (1 - level) / 2
    nu_above, nu_below = round(above, 6), round(below, 6)
    low = value / f(1 - tail, nu_above, nu_below) ** 0.5
    high = value / f(tail, nu_above, nu_below) ** 0.5
    return Interval(low, high)


def comparable_spacing(
    images_per_evaluation_a: float, images_per_evaluation_b: float, tolerance: float = 0.05
) -> bool:
    """Tell whether two spacings are the same within `tolerance` of the larger."""
    a, b = images_per_evaluation_a, images_per_evaluation_b
    return abs(a - b) <= tolerance * max(a, b)


def last_window_mean(y: npt.ArrayLike, window: int = 10) -> Floats:
    """Return the mean of the last `window` values of y (T,) or (seeds, T), shape (seeds,).

    What is not finite is left out; NaN where nothing is left.
    """
    values = np.atleast_2d(np.asarray(y, dtype=np.float64))[:, -window:]
    known = np.isfinite(values)
    counts = known.sum(axis=1)
    sums = np.where(known, values, 0.0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
