"""Volatility over a moving window, at every evaluation at once, and where a curve still descends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.quantiles import deviation_limits_of
from valtui_trainer.measure.residuals import (
    Bools,
    Floats,
    prepare,
    residuals,
    squared_overlaps,
    weights,
)

FEWEST_FOR_INTERVAL = 8


@dataclass(frozen=True, slots=True)
class Rolling:
    """Volatility over the window that ends at each evaluation, shape (T,) each.

    Attributes:
        value: NaN where not measurable; 0 where the window is constant.
        low, high: its interval; NaN below 8 evaluations in the window.
        descending: the curve still falls so steeply that part of the value is the fall.
    """

    value: Floats
    low: Floats
    high: Floats
    descending: Bools


def rolling(
    y: npt.ArrayLike,
    x: npt.ArrayLike | None = None,
    window: int = 10,
    least: int = 5,
    relative: bool = False,
    level: float = 0.9,
) -> Rolling:
    """Return the volatility of the last `window` evaluations at each of T, from `least` on.

    Each window is summed by itself, so a value depends on its own window to the bit, whatever came
    before or comes after: a tail that begins `2·window` evaluations early gives the same values, low,
    high. Cost T·window.

    Still descending: from the start until, for the first time, the intervals of two successive
    windows (this one, and the one that ended before it began) overlap. It needs the whole series,
    and its answer for a point never changes when more points come.

    Args:
        y: shape (T,), or (seeds, T): pooled, as by `volatility`.
        x: places (T,), rising; None: equally spaced.
        window: evaluations in a window.
        least: fewest finite evaluations (of the seed that has most) for a value.
        relative: measure log y; what is not positive is a gap.
        level: of the intervals.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    values, places = prepare(y, x, relative)
    length = values.shape[1]
    value, low, high = (np.full(length, np.nan) for _ in range(3))
    if not values.size:
        return Rolling(value, low, high, np.ones(length, bool))
    mean_square, nu = windows_of(residuals(places, values), weights(places), length, window)
    points = trailing(np.isfinite(values), length, window, 0).max(axis=0)
    total = nu.sum(axis=0)
    measured = (total > 0) & (points >= least)
    value[measured] = np.sqrt((nu * mean_square).sum(axis=0)[measured] / total[measured])
    certain = measured & (points >= FEWEST_FOR_INTERVAL)
    below, above = deviation_limits_of(total[certain], level)
    low[certain], high[certain] = value[certain] * below, value[certain] * above
    return Rolling(value, low, high, still_descending(low, high, window))


def windows_of(found: Floats, w: Floats, length: int, window: int) -> tuple[Floats, Floats]:
    """Return the mean squared residual and ν of each window, (seeds, length) each; 0 where empty.

    Args:
        found: residuals, (seeds, length-2).
        w: their weights, (length-2, 3).
        length: T.
        window: evaluations in a window, so window-2 residuals.
    """
    known = np.isfinite(found)
    one, two = squared_overlaps(w)
    with np.errstate(over="ignore"):
        squares = trailing(np.where(known, found, 0.0) ** 2, length, window - 2, 2)
    count = trailing(known, length, window - 2, 2)
    pairs = trailing((known[:, :-1] & known[:, 1:]) * one, length, window - 3, 3)
    apart = trailing((known[:, :-2] & known[:, 2:]) * two, length, window - 4, 4)
    nu = count**2 / np.maximum(count + 2.0 * pairs + 2.0 * apart, 1.0)
    return squares / np.maximum(count, 1.0), nu


def trailing(values: npt.NDArray[np.generic], length: int, width: int, lag: int) -> Floats:
    """Return at each t of `length` the sum of values (seeds, m) from t-lag-width+1 to t-lag."""
    terms = values.astype(np.float64)
    sums = np.zeros((terms.shape[0], length))
    for shift in range(lag, min(lag + width, length)):
        sums[:, shift:] += terms[:, : length - shift]
    return sums


def still_descending(low: Floats, high: Floats, window: int) -> Bools:
    """Return True up to the first point whose interval overlaps that of the window before."""
    overlap = np.zeros(len(low), bool)
    overlap[window:] = (low[window:] <= high[:-window]) & (low[:-window] <= high[window:])
    return np.asarray(~np.maximum.accumulate(overlap), dtype=np.bool_)
