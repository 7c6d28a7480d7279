"""A series as one line of block characters. Plain Python, so that the first paint can use it."""

from __future__ import annotations

import math
from collections.abc import Iterable

BLOCKS = "▁▂▃▄▅▆▇█"


def spark(
    values: Iterable[float], width: int, low: float | None = None, high: float | None = None
) -> str:
    """Draw values, one character each; more than width of them are averaged in equal groups.

    Args:
        values: Numbers in order; NaN is a gap and becomes a space, as does a group without a
            number. Infinity is drawn at the end of the scale it points to.
        width: Characters at most.
        low: Value of the lowest block; None: the smallest finite value.
        high: Value of the highest block; None: the largest finite value.

    Returns:
        At most width characters; a constant series lies at the bottom.
    """
    series = [float(value) for value in values]
    if width < 1 or not series:
        return ""
    if len(series) > width:
        series = [
            _mean(series[index * len(series) // width : (index + 1) * len(series) // width])
            for index in range(width)
        ]
    finite = [value for value in series if math.isfinite(value)]
    floor = min(finite, default=0.0) if low is None else low
    ceiling = max(finite, default=floor) if high is None else high
    return "".join(_block(value, floor, ceiling) for value in series)


def _mean(group: list[float]) -> float:
    finite = [value for value in group if math.isfinite(value)]
    if finite:
        return math.fsum(value / len(finite) for value in finite)
    return next((value for value in group if math.isinf(value)), math.nan)


def _block(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return " "
    if math.isinf(value):
        return BLOCKS[-1] if value > 0 else BLOCKS[0]
    half_span = high / 2 - low / 2  # halves, since the span of two huge numbers overflows
    if not half_span > 0:
        return BLOCKS[0]
    share = (value / 2 - low / 2) / half_span
    return BLOCKS[min(max(int(share * len(BLOCKS)), 0), len(BLOCKS) - 1)]
