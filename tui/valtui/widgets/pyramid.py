"""A growing series and its min-max pyramid: what a chart of any width needs of any number of points.

It keeps every point and answers for ranges of x. It scales nothing and draws nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

FAN = 16
"""Points, or blocks, that one block of the next level stands for."""

DIRECT = 16_384
"""Up to so many points are reduced directly: faster than going up a level."""

REMEMBERED = 4
"""Views whose last answer is kept, so that only new points cost anything."""

FEW = 64
"""Up to so many new points are put into a kept answer; more, and it is computed afresh."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A series over equal ranges of x ("buckets"); every array has one element a bucket.

    Attributes:
        low: Smallest finite y, NaN where the bucket has no finite point.
        high: Largest finite y, NaN likewise.
        first: y of the first finite point, NaN likewise.
        last: y of the last finite point, NaN likewise.
        nonfinite: Whether the bucket has a point that is not finite.
        count: Points, finite or not.
        joined: Whether nothing non-finite lies between the bucket's first finite point and the
            finite point before it. False: a gap, which no line may bridge.
    """

    low: Floats
    high: Floats
    first: Floats
    last: Floats
    nonfinite: Bools
    count: Ints
    joined: Bools


class _Column:
    """A float array that grows in place; one spare element always follows its data."""

    __slots__ = ("buffer", "size")

    def __init__(self) -> None:
        self.buffer: Floats = np.zeros(64)
        self.size = 0

    def extend(self, values: Floats) -> None:
        size = self.size + len(values)
        if size >= len(self.buffer):
            buffer = np.zeros(2 * size)
            buffer[: self.size] = self.data
            self.buffer = buffer
        self.buffer[self.size : size] = values
        self.size = size

    @property
    def data(self) -> Floats:
        return self.buffer[: self.size]

    @property
    def spare(self) -> Floats:
        """The data and one element more, which `reduceat` needs as an end."""
        return self.buffer[: self.size + 1]

    def copy(self) -> _Column:
        twin = _Column()
        twin.extend(self.data)
        return twin


@dataclass(slots=True)
class _Answer:
    """An envelope, and how many points of either kind are in it."""

    envelope: Envelope
    finite: int
    gaps: int

    @property
    def size(self) -> int:
        return self.finite + self.gaps


class Pyramid:
    """A series with x non-decreasing, and its minima and maxima at ever coarser steps.

    Appending costs what is appended; a query costs the buckets asked for, not the points. Infinite
    y counts as NaN: present, but without a place on an axis.
    """

    def __init__(self) -> None:
        self._x = _Column()  # finite points only, so that minima need no care
        self._y = _Column()
        self._lows: list[_Column] = []  # level k: one value for FAN ** (k + 1) finite points
        self._highs: list[_Column] = []
        self._gap_x = _Column()  # points that are not finite, and the finite ones before each
        self._gap_rank = _Column()
        self._last_x = -np.inf
        self._positive: Pyramid | None = None
        self._answers: OrderedDict[tuple[float, float, int], _Answer] = OrderedDict()

    def __len__(self) -> int:
        return self._x.size + self._gap_x.size

    @property
    def first_x(self) -> float | None:
        """x of the first point, finite or not; None while there is none."""
        firsts = [column.buffer[0] for column in (self._x, self._gap_x) if column.size]
        return float(min(firsts)) if firsts else None

    @property
    def last_x(self) -> float | None:
        """x of the last point, finite or not; None while there is none."""
        return float(self._last_x) if len(self) else None

    @property
    def last_point(self) -> tuple[float, float] | None:
        """(x, y) of the last finite point; None while there is none."""
        if not self._x.size:
            return None
        return float(self._x.buffer[self._x.size - 1]), float(self._y.buffer[self._y.size - 1])

    @property
    def positive(self) -> Pyramid:
        """This series for a log axis: points that are not positive count as not finite.

        The pyramid itself as long as all its finite points are positive.
        """
        return self if self._positive is None else self._positive

    def append(self, x: npt.ArrayLike, y: npt.ArrayLike) -> None:
        """Add points at the end.

        Args:
            x: Shape (n,), finite, non-decreasing, none before the last x already held.
            y: Shape (n,); may hold NaN and infinities.

        Raises:
            ValueError: The shapes differ, or x is not finite or decreases. Nothing is added then.
        """
        xs = np.atleast_1d(np.asarray(x, dtype=np.float64))
        ys = np.atleast_1d(np.asarray(y, dtype=np.float64))
        if xs.shape != ys.shape or xs.ndim != 1:
            raise ValueError(f"x and y must be alike and flat, not {xs.shape} and {ys.shape}")
        if not len(xs):
            return
        if not np.isfinite(xs).all() or xs[0] < self._last_x or (np.diff(xs) < 0).any():
            raise ValueError("x must be finite and must not decrease")
        finite = np.isfinite(ys)
        if self._positive is None and (ys[finite] <= 0).any():
            self._positive = self._twin()
        if self._positive is not None:
            self._positive.append(xs, np.where(ys > 0, ys, np.nan))
        if finite.all():
            self._x.extend(xs)
            self._y.extend(ys)
        else:
            self._gap_x.extend(xs[~finite])
            self._gap_rank.extend(self._x.size + np.cumsum(finite)[~finite].astype(np.float64))
            self._x.extend(xs[finite])
            self._y.extend(ys[finite])
        self._last_x = float(xs[-1])
        self._raise_levels()

    def query(self, lo: float, hi: float, columns: int) -> Envelope:
        """Summarise the points from lo to hi in equal buckets.

        Bucket k holds edge[k] <= x < edge[k + 1], the last one x == hi too. An answer is the
        caller's to read, not to change, and may change with the next query of the same view.

        Args:
            lo: Left end, in units of x.
            hi: Right end, greater than lo.
            columns: Buckets, at least 1.

        Raises:
            ValueError: hi is not above lo, or columns is below 1.
        """
        if not hi > lo or columns < 1:
            raise ValueError(f"no buckets from {lo} to {hi} in {columns} columns")
        key = (lo, hi, columns)
        answer = self._answers.get(key)
        if answer is not None and len(self) - answer.size <= FEW:
            self._catch_up(answer, lo, hi, columns)
            return answer.envelope
        envelope = self._buckets(lo, hi, columns)
        self._answers[key] = _Answer(envelope, self._x.size, self._gap_x.size)
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        return envelope

    def bounds(self, lo: float, hi: float) -> tuple[float, float] | None:
        """Smallest and largest finite y with lo <= x <= hi; None where there is none."""
        x = self._x.data
        ends = np.array([x.searchsorted(lo, "left"), x.searchsorted(hi, "right")])
        if ends[0] >= ends[1]:
            return None
        low, high = self._extremes(-1, ends[:1], ends[1:])
        return float(low[0]), float(high[0])

    def nearest(self, x: float) -> int | None:
        """Index (for `point`) of the finite point nearest to x; None where there is none."""
        size = self._x.size
        if not size:
            return None
        data = self._x.data
        right = int(data.searchsorted(x, "left"))
        if right == 0:
            return 0
        if right == size:
            return size - 1
        return right - 1 if x - data[right - 1] <= data[right] - x else right

    def point(self, index: int) -> tuple[float, float]:
        """(x, y) of a finite point.

        Raises:
            IndexError: There is no such point.
        """
        if not 0 <= index < self._x.size:
            raise IndexError(index)
        return float(self._x.buffer[index]), float(self._y.buffer[index])

    def read(self, x: float) -> float:
        """y at the point nearest to x; NaN where that point is not finite, or x is past the ends."""
        index = self.nearest(x)
        first, last = self.first_x, self.last_x
        if index is None or first is None or last is None or not first <= x <= last:
            return float("nan")
        at, value = self.point(index)
        gaps = self._gap_x.data
        if len(gaps):
            right = int(gaps.searchsorted(x, "left"))
            near = gaps[max(0, right - 1) : right + 1]
            if float(np.abs(near - x).min()) < abs(at - x):
                return float("nan")
        return value

    def _twin(self) -> Pyramid:
        twin = Pyramid()
        twin._x, twin._y = self._x.copy(), self._y.copy()
        twin._gap_x, twin._gap_rank = self._gap_x.copy(), self._gap_rank.copy()
        twin._last_x = self._last_x
        twin._raise_levels()
        return twin

    def _raise_levels(self) -> None:
        """Add the blocks that have become full, level by level."""
        below_low, below_high = self._y, self._y
        level = 0
        while below_low.size >= FAN:
            if level == len(self._lows):
                self._lows.append(_Column())
                self._highs.append(_Column())
            low, high = self._lows[level], self._highs[level]
            begin, end = low.size * FAN, below_low.size // FAN * FAN
            if begin == end:
                return
            low.extend(below_low.buffer[begin:end].reshape(-1, FAN).min(axis=1))
            high.extend(below_high.buffer[begin:end].reshape(-1, FAN).max(axis=1))
            below_low, below_high, level = low, high, level + 1

    def _catch_up(self, answer: _Answer, lo: float, hi: float, columns: int) -> None:
        """Put the few points that came since into an answer: no array operation, so the fastest."""
        envelope, x, y = answer.envelope, self._x.buffer, self._y.buffer
        for index in range(answer.finite, self._x.size):
            if lo <= (at := float(x[index])) <= hi:
                bucket, value = _bucket(at, lo, hi, columns), float(y[index])
                envelope.last[bucket] = value
                envelope.count[bucket] += 1
                if not envelope.low[bucket] <= value:
                    envelope.low[bucket] = value
                if not envelope.high[bucket] >= value:
                    envelope.high[bucket] = value
                if envelope.first[bucket] != envelope.first[bucket]:  # it was empty: NaN
                    envelope.first[bucket] = value
                    envelope.joined[bucket] = index not in self._gap_rank.data
        for index in range(answer.gaps, self._gap_x.size):
            if lo <= (at := float(self._gap_x.buffer[index])) <= hi:
                bucket = _bucket(at, lo, hi, columns)
                envelope.nonfinite[bucket] = True
                envelope.count[bucket] += 1
        answer.finite, answer.gaps = self._x.size, self._gap_x.size

    def _buckets(self, lo: float, hi: float, columns: int) -> Envelope:
        edges = lo + (hi - lo) * np.arange(columns + 1) / columns
        at = self._x.data.searchsorted(edges)
        at[-1] = self._x.data.searchsorted(hi, "right")
        starts, ends = at[:-1], at[1:]
        low, high = self._extremes(-1, starts, ends)
        empty = starts == ends
        low[empty] = high[empty] = np.nan
        y = self._y.buffer  # longer than its data by one at least: every index is good
        first, last = y[starts], y[ends - 1]
        first[empty] = last[empty] = np.nan
        count = ends - starts
        if not self._gap_x.size:
            none = np.zeros(columns, dtype=np.bool_)
            return Envelope(low, high, first, last, none, count, ~none)
        gap_at = self._gap_x.data.searchsorted(edges)
        gap_at[-1] = self._gap_x.data.searchsorted(hi, "right")
        gaps = np.diff(gap_at)
        rank = self._gap_rank.data
        joined = rank.searchsorted(starts, "left") == rank.searchsorted(starts, "right")
        return Envelope(low, high, first, last, gaps > 0, count + gaps, joined)

    def _extremes(self, level: int, starts: Ints, ends: Ints) -> tuple[Floats, Floats]:
        """Minima and maxima over ascending, disjoint ranges of a level (-1: the points).

        Where a range is empty the result is undefined.
        """
        lows = self._y if level < 0 else self._lows[level]
        highs = self._y if level < 0 else self._highs[level]
        top = level + 1 == len(self._lows)
        if top or int(ends[-1]) - int(starts[0]) <= DIRECT:
            return (
                _reduce(np.minimum, lows.spare, starts, ends),
                _reduce(np.maximum, highs.spare, starts, ends),
            )
        inner_starts, inner_ends = -(-starts // FAN), ends // FAN
        blockless = inner_starts >= inner_ends
        left = np.minimum(inner_starts * FAN, ends)
        right = np.maximum(inner_ends * FAN, starts)
        low, high = self._extremes(level + 1, np.minimum(inner_starts, inner_ends), inner_ends)
        low[blockless], high[blockless] = np.inf, -np.inf
        cuts, stops = np.concatenate((starts, right)), np.concatenate((left, ends))
        at = np.minimum(cuts + _STEPS, stops - 1)  # fewer than FAN each; the last one repeats
        edge_low, edge_high = lows.buffer[at].min(axis=0), highs.buffer[at].max(axis=0)
        bare = cuts >= stops
        edge_low[bare], edge_high[bare] = np.inf, -np.inf
        half = len(starts)
        return (
            np.minimum(np.minimum(low, edge_low[:half]), edge_low[half:]),
            np.maximum(np.maximum(high, edge_high[:half]), edge_high[half:]),
        )


_STEPS = np.arange(FAN)[:, None]


def _reduce(ufunc: np.ufunc, values: Floats, starts: Ints, ends: Ints) -> Floats:
    """Reduce ascending, disjoint, near ranges; the result of an empty one is undefined."""
    indices = np.empty(2 * len(starts), dtype=np.int64)
    indices[::2], indices[1::2] = starts, ends
    reduced: Floats = ufunc.reduceat(values[: int(ends[-1]) + 1], indices)[::2]
    return reduced


def _bucket(x: float, lo: float, hi: float, columns: int) -> int:
    """The bucket of x, by the very edges that `Pyramid._buckets` searches."""
    bucket = min(int((x - lo) / (hi - lo) * columns), columns - 1)
    while bucket and x < lo + (hi - lo) * bucket / columns:
        bucket -= 1
    while bucket + 1 < columns and x >= lo + (hi - lo) * (bucket + 1) / columns:
        bucket += 1
    return bucket
