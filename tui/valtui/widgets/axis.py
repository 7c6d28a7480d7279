"""Where a value stands on an axis, which bounds an axis gets, and what is written beside it.

Bounds are round and change rarely: a column that was drawn stays where it is while data grow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Formatter: TypeAlias = Callable[[float, float], str]
"""(value, distance of the ticks; 0 for a value that stands alone) to a short text."""

FILLED = 0.4
"""An axis shrinks only when the data fill less of it than this."""

HUGE, TINY = 1e300, 1e-290
"""Beyond these an axis would overflow; what lies there is drawn at its end."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A range of values, and how it maps to 0..1.

    Attributes:
        lo: Value at 0; positive on a log axis.
        hi: Value at 1, above lo.
        log: Whether the mapping is by log10.
    """

    lo: float
    hi: float
    log: bool = False

    def share(self, values: Floats) -> Floats:
        """Finite values or NaN to 0 (lo) .. 1 (hi), unclipped; NaN too where there is no logarithm."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            if not self.log:
                return (values - self.lo) / (self.hi - self.lo)
            shares = (np.log10(values) - math.log10(self.lo)) / self._decades
            return np.where(np.isfinite(shares), shares, np.nan)

    @property
    def _decades(self) -> float:
        return math.log10(self.hi) - math.log10(self.lo)

    def row(self, value: float, rows: int) -> int | None:
        """The cell row of a value, clipped to the plot; None for what has no place on the axis."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return None
        if self.log:
            share = (math.log10(value) - math.log10(self.lo)) / self._decades
        else:
            share = (value - self.lo) / (self.hi - self.lo)
        share = min(max(0.0, share), 1.0)  # the largest floats are too far away to be subtracted
        return min(max(int(((1.0 - share) * (4 * rows - 1) + 0.5) // 4), 0), rows - 1)


def step_for(span: float, steps: int) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that covers span in so many steps."""
    return ceil_125(span / max(1, steps)) if span > 0 and math.isfinite(span) else 1.0


def ceil_125(value: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is not below a positive value."""
    power: float = 10.0 ** math.floor(math.log10(value))
    for factor in (1.0, 2.0, 5.0):
        if value <= factor * power * (1 + 1e-9):
            return factor * power
    return 10.0 * power


def floor_125(value: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is not above a positive value."""
    power: float = 10.0 ** math.floor(math.log10(value))
    for factor in (5.0, 2.0):
        if value >= factor * power * (1 - 1e-9):
            return factor * power
    return power


def x_range(first: float, last: float, previous: tuple[float, float] | None) -> tuple[float, float]:
    """A range of x that holds all points and grows in 1-2-5 steps.

    Args:
        first: Smallest x.
        last: Largest x.
        previous: The range in use, kept while it holds all.
    """
    if previous is not None and previous[0] <= first and last <= previous[1]:
        return previous
    if last > 0 and 0 <= first <= 0.5 * last:
        return 0.0, ceil_125(last)
    span = max(last - first, 1e-9 * max(abs(first), abs(last)), 1e-12)
    step = step_for(span, 5)
    lo = math.floor(first / step) * step
    return lo, lo + ceil_125(max(last - lo, step))


def y_scale(lo: float, hi: float, previous: Scale | None, log: bool = False) -> Scale:
    """Round bounds around the data.

    Args:
        lo: Smallest value, finite; positive for a log axis.
        hi: Largest value, finite.
        previous: The scale in use, kept while the data fit in it and fill enough of it.
        log: Whether by log10.
    """
    bottom = TINY if log else -HUGE
    lo = min(max(lo, bottom), HUGE)
    hi = min(max(hi, lo), HUGE)
    if previous is not None and previous.log == log:
        grown = _grown(lo, hi, previous)
        low, high = grown.share(np.array([lo, hi])).tolist()
        if high - low >= FILLED or (high == low and grown == previous):
            return grown
    if log:
        low, high = floor_125(lo), ceil_125(hi)
        if high <= low * (1 + 1e-9):
            low, high = floor_125(lo * 0.6), ceil_125(hi * 1.6)
        return Scale(low, high, log=True)
    span = hi - lo
    if span <= max(1e-9 * max(abs(lo), abs(hi)), TINY):
        span = abs(hi) if abs(hi) > TINY else 1.0
        return _round_out(hi - span / 2, hi + span / 2, span / 4)
    if 0 <= lo < 0.35 * hi:  # a zero near by is worth showing
        lo = 0.0
    return _round_out(lo, hi, span / 8)


def _grown(lo: float, hi: float, previous: Scale) -> Scale:
    """The previous bounds, moved out generously on the side that data have crossed."""
    low, high = previous.lo, previous.hi
    if previous.log:
        return Scale(
            min(low, floor_125(lo / 2)) if lo < low else low,
            max(high, ceil_125(hi)) if hi > high else high,
            log=True,
        )
    step = step_for(max(hi, high) - min(lo, low), 4)
    if lo < low:
        low = 0.0 if 0 <= lo < 0.35 * max(hi, high) else math.floor(lo / step + 1e-9) * step
    if hi > high:
        high = math.ceil(hi / step - 1e-9) * step
    return Scale(low, high)


def _round_out(lo: float, hi: float, step: float) -> Scale:
    step = ceil_125(step)
    low, high = math.floor(lo / step + 1e-9) * step, math.ceil(hi / step - 1e-9) * step
    return Scale(low, high if high > low else low + step)


def ticks(scale: Scale, count: int) -> list[float]:
    """Round values inside a scale, ascending.

    Args:
        scale: The axis.
        count: About how many there is room for; never more but on a very small axis.
    """
    count = max(2, count)
    if not scale.log:
        found: list[float] = []
        for steps in (count - 1, count, 2 * count):  # a wide step may miss the axis
            step = step_for(scale.hi - scale.lo, steps)
            first = math.ceil(scale.lo / step - 1e-9)
            last = math.floor(scale.hi / step + 1e-9)
            found = [float(f"{index * step:.12g}") for index in range(first, last + 1)]
            if found:
                break
        return found
    low, high = math.floor(math.log10(scale.lo) + 1e-9), math.ceil(math.log10(scale.hi) - 1e-9)
    for factors in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        found = [
            value
            for power in range(low, high + 1)
            for factor in factors
            if scale.lo * (1 - 1e-9) <= (value := factor * 10.0**power) <= scale.hi * (1 + 1e-9)
        ]
        if len(found) <= count:
            break
    every = math.ceil(len(found) / count)
    return found[::every]


def tick_step(values: list[float], scale: Scale) -> float:
    """The distance a formatter is told: 0 on a log axis, where each tick stands alone."""
    return values[1] - values[0] if len(values) > 1 and not scale.log else 0.0


_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def number(value: float, step: float = 0.0) -> str:
    """A short number: `0.05`, `12`, `1.2k`, `3M`, `2e-5`; ticks of one axis get equal decimals."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    size = max(abs(value), step)
    if size == 0:
        return "0"
    if size < 1e-4:
        return f"{value:.2g}".replace("e-0", "e-") if value else "0"
    if abs(value) < 999.5 or (step and step < 1 and abs(value) < 1e4):
        if step:
            return f"{value:.{_decimals(step)}f}"
        return f"{value:.3g}"
    for limit, suffix in _SUFFIXES:
        if abs(value) >= limit * 0.9995:
            decimals = _decimals(step / limit) if step else None
            text = f"{value / limit:.{decimals}f}" if step else f"{value / limit:.3g}"
            return (text.rstrip("0").rstrip(".") if "." in text else text) + suffix
    return f"{value:.0f}"


def percent(value: float, step: float = 0.0) -> str:
    """A value given in percent: `10 %`, `0.5 %`."""
    return number(value, step) + " %" if math.isfinite(value) else number(value)


def share_percent(value: float, step: float = 0.0) -> str:
    """A share of 1 as percent: 0.1 is `10 %`."""
    return percent(value * 100, step * 100)


def duration(value: float, step: float = 0.0) -> str:
    """Seconds as `45s`, `3m`, `1h20`."""
    if not math.isfinite(value):
        return number(value)
    seconds = round(abs(value))
    sign = "-" if value < 0 else ""
    if seconds < 60:
        return sign + (f"{value:.1f}s".lstrip("-") if 0 < step < 1 else f"{seconds}s")
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{sign}{minutes}m" + (f"{rest:02d}" if rest else "")
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}h" + (f"{minutes:02d}" if minutes else "")


def _decimals(step: float) -> int:
    """Decimals that tell multiples of a step apart."""
    for decimals in range(12):
        if abs(step * 10**decimals - round(step * 10**decimals)) < 1e-6:
            return decimals
    return 12
