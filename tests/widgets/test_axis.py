"""Axes have round bounds that rarely change, and short labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from valtui.widgets import axis
from valtui.widgets.axis import Scale

SIZES = st.floats(1e-9, 1e12)


@given(SIZES)
def test_a_step_is_one_two_or_five_times_a_power_of_ten(value: float) -> None:
    step = axis.ceil_125(value)

    leading = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert any(math.isclose(leading, factor) for factor in (1, 2, 5))
    assert value <= step * (1 + 1e-6)
    assert step < 2.6 * value


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_bounds_hold_all_data_and_have_a_width(one: float, other: float) -> None:
    lo, hi = sorted((one, other))

    scale = axis.y_scale(lo, hi, None)

    slack = 1e-6 * (scale.hi - scale.lo)
    assert scale.lo - slack <= lo
    assert hi <= scale.hi + slack
    assert scale.lo < scale.hi


@given(SIZES, SIZES)
def test_log_bounds_hold_all_data_and_are_positive(one: float, other: float) -> None:
    lo, hi = sorted((one, other))

    scale = axis.y_scale(lo, hi, None, log=True)

    assert 0 < scale.lo <= lo * (1 + 1e-6)
    assert hi * (1 - 1e-6) <= scale.hi
    assert scale.lo < scale.hi


def test_bounds_stay_while_the_data_fit_and_fill_enough() -> None:
    scale = axis.y_scale(0.1, 2.3, None)

    assert axis.y_scale(0.5, 2.0, scale) == scale
    assert axis.y_scale(0.1, 3.3, scale) != scale
    assert axis.y_scale(0.1, 0.2, scale).hi < scale.hi


def test_the_x_axis_grows_in_few_steps_and_never_back() -> None:
    current: tuple[float, float] | None = None
    ranges = []

    for last in range(1, 10_001):
        current = axis.x_range(0.0, float(last), current)
        ranges.append(current)

    assert len(set(ranges)) == 13
    assert ranges == sorted(ranges)
    assert ranges[-1] == (0.0, 10_000.0)


def test_a_range_of_x_far_from_zero_does_not_start_at_zero() -> None:
    lo, hi = axis.x_range(9_000.0, 9_500.0, None)

    assert lo == 9_000.0
    assert hi == 9_500.0


@pytest.mark.parametrize(("first", "last"), [(0.0, 0.0), (5.0, 5.0), (-3.0, -3.0), (1e9, 1e9)])
def test_one_point_has_a_range_around_it(first: float, last: float) -> None:
    lo, hi = axis.x_range(first, last, None)

    assert lo <= first <= hi
    assert lo < hi


def test_what_is_not_positive_has_no_place_on_a_log_axis() -> None:
    scale = Scale(0.1, 10.0, log=True)

    shares = scale.share(np.array([0.1, 1.0, 10.0, 0.0, -1.0, math.nan]))

    np.testing.assert_allclose(shares[:3], [0.0, 0.5, 1.0])
    assert np.isnan(shares[3:]).all()
    assert scale.row(0.0, 10) is None


@given(st.floats(1e-6, 1e6), st.floats(1.001, 1e6), st.integers(2, 12), st.booleans())
def test_ticks_are_few_and_inside(lo: float, factor: float, count: int, log: bool) -> None:
    scale = axis.y_scale(lo, lo * factor, None, log)

    values = axis.ticks(scale, count)

    assert len(values) <= count + 1
    assert values == sorted(values)
    slack = 1e-6 * (scale.hi - scale.lo)
    assert all(scale.lo - slack <= value <= scale.hi + slack for value in values)


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [
        (0.05, 0.05, "0.05"),
        (0.1, 0.05, "0.10"),
        (0.0, 0.5, "0.0"),
        (2.0, 1.0, "2"),
        (1200.0, 200.0, "1.2k"),
        (1000.0, 500.0, "1k"),
        (3e6, 1e6, "3M"),
        (2e-5, 0.0, "2e-5"),
        (0.12345, 0.0, "0.123"),
        (-4.0, 2.0, "-4"),
        (math.nan, 0.0, "NaN"),
        (math.inf, 0.0, "∞"),
    ],
)
def test_labels_are_short(value: float, step: float, text: str) -> None:
    assert axis.number(value, step) == text


def test_other_units_are_written_as_people_do() -> None:
    assert axis.percent(10.0, 5.0) == "10 %"
    assert axis.share_percent(0.125) == "12.5 %"
    assert [axis.duration(value) for value in (45, 180, 4800)] == ["45s", "3m", "1h20"]


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1e300))
def test_a_label_can_be_written_for_any_number(value: float, step: float) -> None:
    for write in (axis.number, axis.percent, axis.duration):
        assert write(value, step if math.isfinite(step) else 0.0)
