"""A pyramid answers as a slow look at every point would."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valtui.widgets import pyramid as module
from valtui.widgets.pyramid import Envelope, Pyramid

VALUES = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, math.nan, math.inf, -math.inf]))


@st.composite
def points(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    y = draw(st.lists(VALUES, max_size=80))
    steps = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0]), min_size=len(y), max_size=len(y)))
    return [float(at) for at in np.cumsum(steps)], y


def slowly(x: list[float], y: list[float], lo: float, hi: float, columns: int) -> Envelope:
    """The definition, point by point."""
    nan = math.nan
    low, high, first, last = ([nan] * columns for _ in range(4))
    nonfinite, count, joined = [False] * columns, [0] * columns, [True] * columns
    gap = False
    for at, value in zip(x, y, strict=True):
        edges = [lo + (hi - lo) * k / columns for k in range(columns + 1)]
        inside = [
            k
            for k in range(columns)
            if edges[k] <= at < edges[k + 1] or (k == columns - 1 and at == hi)
        ]
        finite = math.isfinite(value)
        for k in inside:
            count[k] += 1
            if not finite:
                nonfinite[k] = True
                continue
            if math.isnan(first[k]):
                low[k] = high[k] = first[k] = value
                joined[k] = not gap
            low[k], high[k], last[k] = min(low[k], value), max(high[k], value), value
        gap = not finite
    return Envelope(
        *(np.array(part) for part in (low, high, first, last, nonfinite, count, joined))
    )


def assert_same(answer: Envelope, expected: Envelope) -> None:
    for name in ("low", "high", "first", "last", "nonfinite", "count"):
        np.testing.assert_array_equal(getattr(answer, name), getattr(expected, name), name)
    there = ~np.isnan(expected.first)
    np.testing.assert_array_equal(answer.joined[there], expected.joined[there], "joined")


@settings(max_examples=150, deadline=None)
@given(points(), st.integers(1, 40), st.floats(-5, 60), st.floats(0.5, 200))
def test_a_query_equals_a_slow_look_at_every_point(
    data: tuple[list[float], list[float]], columns: int, lo: float, span: float
) -> None:
    x, y = data
    pyramid = Pyramid()
    pyramid.append(x, y)

    answer = pyramid.query(lo, lo + span, columns)

    assert_same(answer, slowly(x, y, lo, lo + span, columns))


@settings(max_examples=100, deadline=None)
@given(points(), st.integers(1, 40), st.integers(1, 9))
def test_a_view_that_is_asked_again_and_again_never_goes_stale(
    data: tuple[list[float], list[float]], columns: int, chunk: int
) -> None:
    x, y = data
    pyramid = Pyramid()

    for begin in range(0, len(x), chunk):
        pyramid.append(x[begin : begin + chunk], y[begin : begin + chunk])
        answer = pyramid.query(0.0, 50.0, columns)

        end = begin + chunk
        assert_same(answer, slowly(x[:end], y[:end], 0.0, 50.0, columns))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.floats(0, 800), st.floats(1, 3000))
def test_going_up_the_levels_changes_no_answer(
    seed: int, columns: int, lo: float, span: float
) -> None:
    random = np.random.default_rng(seed)
    x = np.cumsum(random.choice([0.0, 0.1, 1.0, 5.0], 3000))
    y = np.where(random.random(3000) < 0.01, np.nan, random.normal(size=3000))
    pyramid = Pyramid()
    pyramid.append(x, y)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DIRECT", 0)
        answer = pyramid.query(lo, lo + span, columns)

    assert_same(answer, slowly(x.tolist(), y.tolist(), lo, lo + span, columns))


def test_many_points_at_once_are_not_put_into_a_kept_answer_one_by_one() -> None:
    pyramid = Pyramid()
    pyramid.append([0.0], [1.0])
    pyramid.query(0.0, 1000.0, 10)

    pyramid.append(np.arange(1.0, 1001.0), np.full(1000, 2.0))

    assert pyramid.query(0.0, 1000.0, 10).count.sum() == 1001


def test_bounds_ignore_what_is_not_finite() -> None:
    pyramid = Pyramid()
    pyramid.append([0, 1, 2, 3, 4], [5.0, math.nan, -1.0, math.inf, 9.0])

    assert pyramid.bounds(0, 3) == (-1.0, 5.0)
    assert pyramid.bounds(1, 1) is None
    assert pyramid.bounds(7, 9) is None


def test_the_nearest_point_is_a_finite_one() -> None:
    pyramid = Pyramid()
    pyramid.append([0, 1, 2, 10], [5.0, math.nan, 6.0, 7.0])

    indices = [pyramid.nearest(x) for x in (-3.0, 0.9, 1.2, 5.9, 6.1, 99.0)]

    assert indices == [0, 0, 1, 1, 2, 2]
    assert pyramid.point(1) == (2.0, 6.0)
    assert Pyramid().nearest(1.0) is None


def test_reading_at_a_nan_says_nan_and_not_a_neighbour() -> None:
    pyramid = Pyramid()
    pyramid.append([0, 1, 2], [5.0, math.nan, 6.0])

    assert math.isnan(pyramid.read(1.1))
    assert pyramid.read(1.9) == 6.0
    assert math.isnan(pyramid.read(2.5))


def test_on_a_log_axis_values_that_are_not_positive_are_gaps() -> None:
    pyramid = Pyramid()
    pyramid.append([0, 1], [2.0, 3.0])
    assert pyramid.positive is pyramid

    pyramid.append([2, 3, 4], [0.0, -1.0, 4.0])

    answer = pyramid.positive.query(0.0, 5.0, 5)
    assert answer.nonfinite.tolist() == [False, False, True, True, False]
    assert not answer.joined[4]
    assert len(pyramid.positive) == len(pyramid) == 5


@pytest.mark.parametrize(
    ("x", "y"), [([1, 0], [1, 1]), ([math.nan], [1]), ([1], [1, 2]), ([math.inf], [1])]
)
def test_points_that_are_out_of_order_or_shape_are_refused_whole(
    x: list[float], y: list[float]
) -> None:
    pyramid = Pyramid()
    pyramid.append([0.5], [1.0])

    with pytest.raises(ValueError, match="x"):
        pyramid.append(x, y)

    assert len(pyramid) == 1


def test_a_view_without_width_is_refused() -> None:
    with pytest.raises(ValueError, match="no buckets"):
        Pyramid().query(1.0, 1.0, 10)


def test_an_empty_pyramid_has_empty_buckets() -> None:
    answer = Pyramid().query(0.0, 1.0, 4)

    assert np.isnan(answer.low).all()
    assert answer.count.tolist() == [0, 0, 0, 0]
    assert len(Pyramid()) == 0
    assert Pyramid().last_x is None
    assert Pyramid().last_point is None
