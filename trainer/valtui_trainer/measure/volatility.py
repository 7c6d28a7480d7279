"""Volatility: the evaluation-to-evaluation noise of a series after its smooth trend is removed.

The estimator is of Gasser, Sroka and Jennen-Steinmetz (1986), Biometrika 73(3): each point against
the line through its two neighbours, scaled to the variance of a single value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.quantiles import chi2

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEVEL = 0.9
FEWEST_FOR_INTERVAL = 8
SPIKE = 4.0
HEAVY = 4.0
ROBUST = 0.6745
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Volatility:
    """The volatility of a series, or of several seeds pooled.

    Attributes:
        value: root of the mean squared residual, in the units of the series; relative: a fraction.
            NaN where fewer than three points stand together.
        degrees: effective degrees of freedom, summed over seeds.
        interval: chi-squared interval; None below 8 evaluations.
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


@dataclass(frozen=True, slots=True)
class Rolling:
    """Volatility over a window that ends at each evaluation, shape (T,) each.

    Attributes:
        value, low, high: NaN where not measurable.
        descending: the curve still falls so steeply that part of the value is the fall.
    """

    value: Floats
    low: Floats
    high: Floats
    descending: Bools


def weights(x: Floats) -> Floats:
    """Return the weights of each residual on its three points, shape (T-2, 3).

    With a = (x₃−x₂)/(x₃−x₁) and b = 1−a the residual is (a·y₁ − y₂ + b·y₃)/√(a²+b²+1).
    """
    span = x[2:] - x[:-2]
    a = (x[2:] - x[1:-1]) / span
    b = (x[1:-1] - x[:-2]) / span
    scale = 1.0 / np.sqrt(a * a + b * b + 1.0)
    return np.stack([a * scale, -scale, b * scale], axis=-1)


def prepare(y: npt.ArrayLike, x: npt.ArrayLike | None) -> tuple[Floats, Floats]:
    """Return y as (seeds, T) with gaps for what is not finite, and x as (T,).

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    values = np.atleast_2d(np.asarray(y, dtype=np.float64))
    if values.ndim != 2:
        raise ValueError(f"y must have shape (T,) or (seeds, T), not {np.shape(y)}.")
    values = np.where(np.isfinite(values), values, np.nan)
    length = values.shape[1]
    places = np.arange(length, dtype=np.float64) if x is None else np.asarray(x, dtype=np.float64)
    if places.shape != (length,):
        raise ValueError(f"x has shape {places.shape}, y has {length} points.")
    if length > 1 and not (np.diff(places) > 0).all():
        raise ValueError("x must rise from point to point.")
    return values, places


def pseudo_residuals(x: npt.ArrayLike | None, y: npt.ArrayLike) -> Floats:
    """Return the residuals of y (T,) or (seeds, T): one for each inner point, NaN beside a gap.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    values, places = prepare(y, x)
    found = residuals(places, values)
    return found[0] if np.ndim(y) == 1 else found


def residuals(x: Floats, y: Floats) -> Floats:
    """Return the residuals of y (seeds, T), shape (seeds, T-2); rounding errors count as zero."""
    if y.shape[1] < 3:
        return np.empty((y.shape[0], 0))
    w = weights(x)
    found = w[:, 0] * y[:, :-2] + w[:, 1] * y[:, 1:-1] + w[:, 2] * y[:, 2:]
    size = np.maximum(np.abs(y[:, :-2]), np.maximum(np.abs(y[:, 1:-1]), np.abs(y[:, 2:])))
    return np.where(np.abs(found) <= ROUNDING * size, 0.0, found)


def traces(w: Floats, known: Bools) -> tuple[Floats, Floats]:
    """Return tr(M)·m and tr(M²)·m² of the form q = yᵀMy = Σε²/m, for each row of `known` (…, m).

    The residuals are ε = Wy, so tr(M²)·m² = Σ (wᵢ·wⱼ)²: a band of five diagonals.
    """
    one = (w[:-1, 1] * w[1:, 0] + w[:-1, 2] * w[1:, 1]) ** 2
    two = (w[:-2, 2] * w[2:, 0]) ** 2
    first = known.sum(axis=-1).astype(np.float64)
    pairs = (known[..., :-1] & known[..., 1:]) @ one if w.shape[0] > 1 else 0.0
    apart = (known[..., :-2] & known[..., 2:]) @ two if w.shape[0] > 2 else 0.0
    return first, first + 2.0 * pairs + 2.0 * apart


def degrees(points: int) -> float:
    """Return the effective degrees of freedom ν = tr(M)²/tr(M²) of `points` equally spaced points."""
    if points < 3:
        return 0.0
    first, second = traces(weights(np.arange(points, dtype=np.float64)), np.ones(points - 2, bool))
    return float(first**2 / second)


def volatility(
    y: npt.ArrayLike,
    x: npt.ArrayLike | None = None,
    level: float = LEVEL,
    relative: bool = False,
) -> Volatility:
    """Return the volatility of y (T,) or, pooled, of several seeds (seeds, T).

    Args:
        y: the series; what is not finite is a gap that nothing bridges.
        x: its places (T,), rising; None: equally spaced.
        level: of the interval.
        relative: measure log y, so that the value is a fraction; what is not positive is a gap.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    values, places = prepare(y, x)
    if relative:
        values = np.log(np.where(values > 0, values, np.nan))
    found = residuals(places, values)
    known = np.isfinite(found)
    points = int(np.isfinite(values).sum(axis=1).max()) if values.size else 0
    counts = known.sum(axis=1)
    used = counts > 0
    if not used.any():
        return Volatility(np.nan, 0.0, None, points, (), False, np.nan, False)
    squares = np.where(known, found, 0.0) ** 2
    q = float((squares.sum(axis=1)[used] / counts[used]).mean())
    first, second = traces(weights(places), known[used])
    nu = float((first**2 / second).sum())
    value = float(np.sqrt(q))
    flat = found[known]
    robust = float(np.median(np.abs(flat)) / ROBUST)
    peaks = spikes_of(found) if value > 0 else ()
    largest = float(np.abs(flat).max())
    kurtosis = kurtosis_of(flat / largest) if value > 0 else 0.0
    interval = (
        chi2_interval(value, nu, level) if points >= FEWEST_FOR_INTERVAL and value > 0 else None
    )
    return Volatility(
        value=value,
        degrees=nu,
        interval=interval,
        points=points,
        spikes=peaks,
        too_narrow=bool(peaks) or kurtosis > HEAVY,
        robust=robust,
        constant=value == 0.0,
    )


def kurtosis_of(residual: Floats) -> float:
    """Return the fourth moment over the squared second, of residuals with a known mean of zero."""
    squares = residual**2
    return float((squares**2).mean() / squares.mean() ** 2)


def chi2_interval(value: float, nu: float, level: float) -> Interval:
    """Return σ̂·√(ν/χ²_ν) at both tails of `level`."""
    tail = (1.0 - level) / 2.0
    nu = round(nu, 6)
    low, high = np.sqrt(nu / chi2(1.0 - tail, nu)), np.sqrt(nu / chi2(tail, nu))
    return Interval(float(value * low), float(value * high))


def spikes(
    y: npt.ArrayLike, x: npt.ArrayLike | None = None, relative: bool = False
) -> tuple[int, ...]:
    """Return the positions of the spikes of y (T,) or (seeds, T); see `Volatility.spikes`.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    values, places = prepare(y, x)
    if relative:
        values = np.log(np.where(values > 0, values, np.nan))
    return spikes_of(residuals(places, values))


def spikes_of(found: Floats) -> tuple[int, ...]:
    """Return the positions in the series whose residual (seeds, T-2) peaks beyond 4 robust deviations."""
    peaks: set[int] = set()
    for row in np.abs(found):
        finite = row[np.isfinite(row)]
        scale = float(np.median(finite)) / ROBUST if len(finite) else 0.0
        if scale == 0.0:
            continue
        filled = np.where(np.isfinite(row), row, -np.inf)
        before = np.concatenate([[-np.inf], filled[:-1]])
        after = np.concatenate([filled[1:], [-np.inf]])
        high = (filled > SPIKE * scale) & (filled >= before) & (filled > after)
        peaks.update((np.flatnonzero(high) + 1).tolist())
    return tuple(sorted(peaks))


def rolling(
    y: npt.ArrayLike,
    x: npt.ArrayLike | None = None,
    window: int = 10,
    least: int = 5,
    relative: bool = False,
    level: float = LEVEL,
) -> Rolling:
    """Return the volatility of the last `window` evaluations at each of T, from `least` on.

    Still descending: from the start until, for the first time, the intervals of two successive
    windows (this one, and the one that ended before it began) overlap. A point's answer never
    changes when more points come.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    values, places = prepare(y, x)
    if relative:
        values = np.log(np.where(values > 0, values, np.nan))
    length = values.shape[1]
    value, low, high = (np.full(length, np.nan) for _ in range(3))
    if length < 3:
        return Rolling(value, low, high, np.ones(length, bool))
    found = residuals(places, values)
    known = np.isfinite(found)
    w = weights(places)
    one = np.concatenate([(w[:-1, 1] * w[1:, 0] + w[:-1, 2] * w[1:, 1]) ** 2, [0.0]])
    two = np.concatenate([(w[:-2, 2] * w[2:, 0]) ** 2, [0.0] * min(2, len(w))])
    ends = np.arange(length)
    start = np.maximum(0, ends - window + 1)
    stop = np.maximum(start, ends - 1)
    count = windowed(known, start, stop)
    squares = windowed(np.where(known, found, 0.0) ** 2, start, stop)
    shifted_one = np.zeros_like(known)
    shifted_one[:, :-1] = known[:, :-1] & known[:, 1:]
    shifted_two = np.zeros_like(known)
    if known.shape[1] > 2:
        shifted_two[:, :-2] = known[:, :-2] & known[:, 2:]
    pairs = windowed(shifted_one * one, start, np.maximum(start, stop - 1))
    apart = windowed(shifted_two * two[: known.shape[1]], start, np.maximum(start, stop - 2))
    points = windowed(np.isfinite(values), start, ends + 1).max(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        used = count > 0
        q = np.where(used, squares / count, 0.0).sum(axis=0) / used.sum(axis=0)
        nu = np.where(used, count**2 / (count + 2 * pairs + 2 * apart), 0.0).sum(axis=0)
    measured = used.any(axis=0) & (points >= least)
    value[measured] = np.sqrt(np.maximum(q[measured], 0.0))
    certain = measured & (points >= FEWEST_FOR_INTERVAL)
    factors = [factors_of(round(float(one_nu), 4), level) for one_nu in nu[certain]]
    low[certain] = value[certain] * np.array([low_factor for low_factor, _ in factors])
    high[certain] = value[certain] * np.array([high_factor for _, high_factor in factors])
    return Rolling(value, low, high, still_descending(low, high, window))


def windowed(
    values: npt.NDArray[np.generic], start: npt.NDArray[np.int64], stop: npt.NDArray[np.int64]
) -> Floats:
    """Return the sums of `values` (seeds, n) over start:stop, shape (seeds, windows)."""
    sums = np.concatenate(
        [np.zeros((values.shape[0], 1)), np.cumsum(values, axis=1, dtype=np.float64)], axis=1
    )
    last = values.shape[1]
    return np.asarray(sums[:, np.minimum(stop, last)] - sums[:, np.minimum(start, last)])


@lru_cache(maxsize=4096)
def factors_of(nu: float, level: float) -> tuple[float, float]:
    """Return what a value is multiplied by for its interval."""
    found = chi2_interval(1.0, nu, level)
    return found.low, found.high


def still_descending(low: Floats, high: Floats, window: int) -> Bools:
    """Return True up to the first point whose interval overlaps that of the window before."""
    overlap = np.zeros(len(low), bool)
    if len(low) > window:
        now_low, now_high = low[window:], high[window:]
        then_low, then_high = low[:-window], high[:-window]
        overlap[window:] = (now_low <= then_high) & (then_low <= now_high)
    return np.asarray(~np.maximum.accumulate(overlap), dtype=np.bool_)
