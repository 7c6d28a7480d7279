"""Volatility of a series: recovered from known truth, with an interval that covers, or says why not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure.volatility import q, rolling, volatility

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
SERIES = st.integers(0, 40).flatmap(
    lambda length: arrays.arrays(
        np.float64, st.sampled_from([(length,), (1, length), (3, length)]), elements=ANY_FLOAT
    )
)


def noise(*size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size)


def students_t(nu: int, *size: int) -> np.ndarray:
    """Noise with heavy tails, of unit variance."""
    return np.random.default_rng(1).standard_t(nu, size=size) / np.sqrt(nu / (nu - 2))


def spiky(*size: int) -> np.ndarray:
    """Unit noise with a spike of 10 deviations at position 20 of each row."""
    found = noise(*size)
    found[..., 20] += 10
    return found


def coverage(series: np.ndarray, truth: float = 1.0) -> float:
    """How often the nominal 90 % interval of a row of `series` holds the truth."""
    one = volatility(series[0])
    assert one.interval is not None
    low, high = one.interval.low / one.value, one.interval.high / one.value
    values = np.sqrt(q(series))
    return float(np.mean((values * low <= truth) & (truth <= values * high)))


# --- the value -------------------------------------------------------------------------------------


def test_white_noise_is_recovered_as_its_standard_deviation() -> None:
    assert volatility(3.0 * noise(20_000)).value == pytest.approx(3.0, rel=0.02)


def test_a_trend_does_not_change_what_is_recovered() -> None:
    y = noise(2_000)

    found = volatility(y + 5 * np.sin(np.arange(2_000) / 50))

    assert found.value == pytest.approx(volatility(y).value, rel=0.001)


def test_a_smooth_fall_leaks_little_and_a_steep_one_much() -> None:
    t = np.arange(40)

    assert volatility(np.exp(-t / 10)).value == pytest.approx(0.0014, abs=0.0001)
    assert volatility(np.exp(-t)).value == pytest.approx(0.0285, abs=0.0005)


@given(
    arrays.arrays(np.float64, 15, elements=st.floats(-5, 5)),
    st.floats(0.1, 100),
    st.floats(-50, 50),
)
def test_it_scales_with_the_series_and_does_not_move_with_it(
    y: np.ndarray, scale: float, shift: float
) -> None:
    plain, moved = volatility(y), volatility(scale * y + shift)

    assert moved.value == pytest.approx(scale * plain.value, abs=1e-9 * (scale * 10 + abs(shift)))


def test_relative_volatility_is_that_of_the_logarithm() -> None:
    y = np.exp(0.1 * noise(500))

    found = volatility(y, relative=True).value

    assert found == pytest.approx(volatility(np.log(y)).value)
    assert found == pytest.approx(volatility(7 * y, relative=True).value)


def test_what_is_not_positive_is_a_gap_of_the_relative_volatility() -> None:
    y = np.exp(noise(30))
    holed = y.copy()
    holed[[7, 15]] = 0.0, -1.0
    y[[7, 15]] = np.nan

    assert volatility(holed, relative=True) == volatility(y, relative=True)


# --- strange series --------------------------------------------------------------------------------


def test_a_constant_series_does_not_fluctuate() -> None:
    found = volatility([0.3] * 20)

    assert found.constant
    assert found.value == 0.0
    assert found.interval is None
    assert found.spikes == ()


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_no_scale_is_too_small_or_large(scale: float) -> None:
    y = noise(20)

    found = volatility(scale * y)

    assert found.value == pytest.approx(scale * volatility(y).value)
    assert not found.constant


@pytest.mark.parametrize(
    "y", [[], [1.0], [1.0, 2.0], [np.nan] * 9, [np.inf, 1.0, -np.inf, 2.0], [[], []]]
)
def test_too_few_points_are_not_measurable(y: list[float]) -> None:
    found = volatility(y)

    assert np.isnan(found.value)
    assert found.degrees == 0
    assert found.interval is None


@given(SERIES, st.booleans())
@pytest.mark.filterwarnings("error")
def test_no_content_raises_or_warns(y: np.ndarray, relative: bool) -> None:
    found, course = volatility(y, relative=relative), rolling(y, relative=relative)

    assert found.value >= 0 or np.isnan(found.value)
    assert course.value.shape == course.descending.shape == (y.shape[-1],)


# --- the interval ----------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [10, 20, 40])
@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_the_90_percent_interval_covers_white_noise(points: int, slope: float) -> None:
    series = noise(20_000, points) + slope * np.arange(points)

    assert 0.87 <= coverage(series) <= 0.93


def test_it_covers_at_unequal_spacing() -> None:
    x = np.cumsum(1.0 + np.arange(30) % 3)

    found = [volatility(row, x).interval for row in noise(1_500, 30)]

    assert 0.87 <= np.mean([i is not None and i.low <= 1 <= i.high for i in found]) <= 0.93


@pytest.mark.parametrize("phi", [-0.3, 0.3, 0.6])
def test_it_covers_what_correlated_noise_reads_as(phi: float) -> None:
    """Of AR(1) it is the volatility from evaluation to evaluation, not the marginal one."""
    series = noise(5_000, 60)
    for t in range(1, 60):
        series[:, t] += phi * series[:, t - 1]
    truth = np.sqrt((1 - 4 / 3 * phi + phi**2 / 3) / (1 - phi**2))

    assert 0.86 <= coverage(series[:, 20:], truth) <= 0.94


def test_a_series_with_a_spike_nearly_always_says_that_its_interval_is_too_narrow() -> None:
    hit = np.random.default_rng(2).random((500, 40)) < 0.01
    series = (noise(500, 40) + 10 * hit)[hit[:, 1:-1].any(axis=1)]

    assert np.mean([volatility(row).too_narrow for row in series]) > 0.95


@pytest.mark.parametrize(("nu", "share"), [(5, 0.81), (3, 0.64)])
def test_heavy_tails_break_the_interval(nu: int, share: float) -> None:
    assert coverage(students_t(nu, 20_000, 40)) == pytest.approx(share, abs=0.02)


def test_spikes_in_one_point_of_a_hundred_break_it_further() -> None:
    hit = np.random.default_rng(2).random((20_000, 40)) < 0.01

    found = coverage(noise(20_000, 40) + 10 * hit, truth=np.sqrt(1 + 100 * 0.01 * 0.99))

    assert found == pytest.approx(0.33, abs=0.03)


def test_a_spiky_series_says_that_its_interval_is_too_narrow() -> None:
    assert np.mean([volatility(row).too_narrow for row in spiky(300, 40)]) > 0.98


def test_white_noise_says_so_in_one_series_of_twenty() -> None:
    found = [volatility(row).too_narrow for row in noise(1_000, 40)]

    assert np.mean(found) == pytest.approx(0.05, abs=0.025)


def test_heavy_tails_alone_often_go_unsaid() -> None:
    found = [volatility(row).too_narrow for row in students_t(3, 1_000, 40)]

    assert np.mean(found) == pytest.approx(0.40, abs=0.05)


def test_below_eight_evaluations_there_is_a_value_but_no_interval() -> None:
    assert volatility(noise(7)).interval is None
    assert volatility(noise(7)).value > 0
    assert volatility(noise(8)).interval is not None


def test_a_higher_level_gives_a_wider_interval() -> None:
    narrow, wide = volatility(noise(20), level=0.8).interval, volatility(noise(20), level=0.95)

    assert narrow is not None
    assert wide.interval is not None
    assert wide.interval.low < narrow.low < wide.value < narrow.high < wide.interval.high


# --- seeds -----------------------------------------------------------------------------------------


def test_seeds_average_the_squares_and_add_the_degrees_of_freedom() -> None:
    y = noise(3, 20)
    alone = [volatility(row) for row in y]

    pooled = volatility(y)

    assert pooled.value**2 == pytest.approx(np.mean([one.value**2 for one in alone]))
    assert pooled.degrees == pytest.approx(sum(one.degrees for one in alone))


@pytest.mark.parametrize("points_of_the_second", [0, 3, 12])
def test_pooled_seeds_cover_however_unequal_they_are(points_of_the_second: int) -> None:
    y = noise(1_500, 2, 12)
    y[:, 1, points_of_the_second:] = np.nan

    found = [volatility(pair).interval for pair in y]

    assert 0.87 <= np.mean([i is not None and i.low <= 1 <= i.high for i in found]) <= 0.935
