"""Volatility: the noise from evaluation to evaluation, the trend removed; checked against known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure.volatility import (
    degrees,
    pseudo_residuals,
    rolling,
    spikes,
    volatility,
)

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True, width=32)
SERIES = arrays.arrays(np.float64, st.integers(0, 40), elements=ANY_FLOAT)


def noise(size: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size)


def ar1(phi: float, runs: int, length: int) -> np.ndarray:
    """AR(1) series of unit marginal variance, shape (runs, length)."""
    draws = noise((runs, length))
    found = np.empty_like(draws)
    found[:, 0] = draws[:, 0]
    for t in range(1, length):
        found[:, t] = phi * found[:, t - 1] + np.sqrt(1 - phi**2) * draws[:, t]
    return found


def coverage(series: np.ndarray, truth: float = 1.0) -> float:
    """How often the nominal 90 % interval holds the truth."""
    found = [volatility(row).interval for row in series]
    return float(np.mean([i is not None and i.low <= truth <= i.high for i in found]))


# --- the estimator ---------------------------------------------------------------------------------


def test_white_noise_is_recovered_as_its_standard_deviation() -> None:
    found = volatility(3.0 * noise((20_000,)))

    assert found.value == pytest.approx(3.0, rel=0.02)


def test_equal_spacing_is_the_published_formula() -> None:
    y = noise((30,))

    middle = 0.5 * y[:-2] - y[1:-1] + 0.5 * y[2:]
    published = 2 / (3 * (len(y) - 2)) * np.sum(middle**2)

    assert volatility(y).value ** 2 == pytest.approx(published)


def test_unequal_spacing_takes_the_line_through_the_neighbours() -> None:
    x = np.array([0.0, 1.0, 4.0])
    y = np.array([0.0, 5.0, 8.0])

    (found,) = pseudo_residuals(x, y)

    a, b = 3 / 4, 1 / 4
    assert found == pytest.approx((a * 0 + b * 8 - 5) / np.sqrt(a * a + b * b + 1))


@given(
    arrays.arrays(np.float64, 12, elements=st.floats(0.1, 5)),
    st.floats(-100, 100),
    st.floats(-9, 9),
)
def test_a_straight_line_at_any_spacing_has_no_volatility(
    gaps: np.ndarray, start: float, slope: float
) -> None:
    x = np.cumsum(gaps)

    found = volatility(start + slope * x, x)

    assert found.value <= 1e-9 * (1 + abs(start) + abs(slope) * x[-1])


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


def test_a_smooth_fall_leaks_little_and_a_steep_one_much() -> None:
    t = np.arange(40)

    assert volatility(np.exp(-t / 10)).value == pytest.approx(0.001, abs=0.0006)
    assert volatility(np.exp(-t)).value == pytest.approx(0.028, abs=0.001)


@pytest.mark.parametrize(("phi", "share"), [(0.6, 0.32), (-0.5, 1.75)])
def test_autocorrelation_reads_as_volatility_from_evaluation_to_evaluation(
    phi: float, share: float
) -> None:
    found = [volatility(row).value ** 2 for row in ar1(phi, 400, 200)]

    assert np.mean(found) == pytest.approx(share, rel=0.03)


def test_relative_volatility_is_that_of_the_logarithm() -> None:
    y = np.exp(0.1 * noise((500,)))

    assert volatility(y, relative=True).value == pytest.approx(volatility(np.log(y)).value)
    assert volatility(7 * y, relative=True).value == pytest.approx(
        volatility(y, relative=True).value
    )


# --- gaps and strange series -----------------------------------------------------------------------


def test_nothing_bridges_a_gap() -> None:
    y = np.array([0.0, 1.0, 0.0, np.nan, 100.0, 101.0, 100.0])

    found = pseudo_residuals(None, y)

    assert np.isnan(found).tolist() == [False, True, True, True, False]
    assert volatility(y).value == pytest.approx(volatility([0.0, 1.0, 0.0]).value)


def test_a_constant_series_does_not_fluctuate() -> None:
    found = volatility([0.3] * 20)

    assert found.constant
    assert found.value == 0.0
    assert found.interval is None
    assert found.spikes == ()


@pytest.mark.parametrize("y", [[], [1.0], [1.0, 2.0], [np.nan] * 9, [np.inf, 1.0, -np.inf, 2.0]])
def test_too_few_points_are_not_measurable(y: list[float]) -> None:
    assert np.isnan(volatility(y).value)


@given(SERIES, st.booleans())
@pytest.mark.filterwarnings("error")
def test_no_content_raises_or_warns(y: np.ndarray, relative: bool) -> None:
    y = np.where(np.abs(y) > 1e30, np.nan, y)

    found, course = volatility(y, relative=relative), rolling(y, relative=relative)

    assert found.value >= 0 or np.isnan(found.value)
    assert course.value.shape == y.shape


@pytest.mark.parametrize("x", [[0, 1], [0, 2, 1], [0, 0, 1]])
def test_places_that_do_not_fit_or_rise_are_refused(x: list[float]) -> None:
    with pytest.raises(ValueError, match="x "):
        volatility([1.0, 2.0, 3.0], x)


# --- the interval ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("points", "expected"), [(6, 2.4), (8, 3.4), (10, 4.4), (40, 19.8)])
def test_the_degrees_of_freedom_are_the_known_ones(points: int, expected: float) -> None:
    assert degrees(points) == pytest.approx(expected, abs=0.05)


def test_the_degrees_of_freedom_are_those_of_the_full_matrix() -> None:
    x = np.array([0.0, 1.0, 1.5, 4.0, 5.0, 7.0, 7.5, 9.0, 10.0])
    w = np.zeros((7, 9))
    for i in range(7):
        a = (x[i + 2] - x[i + 1]) / (x[i + 2] - x[i])
        w[i, i : i + 3] = np.array([a, -1, 1 - a]) / np.sqrt(a**2 + (1 - a) ** 2 + 1)
    m = w.T @ w / 7

    expected = np.trace(m) ** 2 / np.trace(m @ m)

    assert volatility(noise((9,)), x).degrees == pytest.approx(expected)


@pytest.mark.parametrize("points", [10, 20, 40])
@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_the_90_percent_interval_covers_white_noise(points: int, slope: float) -> None:
    series = noise((2_000, points)) + slope * np.arange(points)

    assert 0.87 <= coverage(series) <= 0.94


def test_heavy_tails_and_spikes_break_the_interval_and_are_said() -> None:
    rng = np.random.default_rng(1)
    heavy = rng.standard_t(3, size=(1_000, 40)) / np.sqrt(3)
    spiky = rng.normal(size=(500, 40))
    spiky[:, 20] += 10

    assert coverage(heavy) < 0.8
    assert coverage(spiky) < 0.5
    assert np.mean([volatility(row).too_narrow for row in spiky]) > 0.95
    assert np.mean([volatility(row).too_narrow for row in rng.normal(size=(500, 40))]) < 0.35


def test_below_eight_evaluations_there_is_a_value_but_no_interval() -> None:
    assert volatility(noise((7,))).interval is None
    assert volatility(noise((8,))).interval is not None


def test_seeds_average_the_squares_and_add_the_degrees_of_freedom() -> None:
    y = noise((3, 20))
    alone = [volatility(row) for row in y]

    pooled = volatility(y)

    assert pooled.value**2 == pytest.approx(np.mean([one.value**2 for one in alone]))
    assert pooled.degrees == pytest.approx(sum(one.degrees for one in alone))


def test_pooled_seeds_cover_too() -> None:
    found = [volatility(row).interval for row in noise((1_500, 3, 12))]

    assert 0.86 <= np.mean([i is not None and i.low <= 1 <= i.high for i in found]) <= 0.94


# --- spikes ----------------------------------------------------------------------------------------


def test_a_spike_is_reported_once_at_its_place_and_does_not_move_the_robust_value() -> None:
    y = noise((60,), seed=3)
    calm = volatility(y)
    y[25] += 12

    found = volatility(y)

    assert found.spikes == (25,)
    assert spikes(y) == (25,)
    assert found.too_narrow
    assert found.value > 1.5 * calm.value
    assert found.robust == pytest.approx(calm.robust, rel=0.15)


# --- rolling ---------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(
        np.float64, st.integers(3, 45), elements=st.one_of(st.just(np.nan), st.floats(0.1, 9))
    )
)
def test_rolling_is_the_volatility_of_each_window(y: np.ndarray) -> None:
    found = rolling(y, window=10, least=5)

    for end in range(len(y)):
        window = volatility(y[max(0, end - 9) : end + 1])
        if window.points < 5:
            assert np.isnan(found.value[end])
        else:
            assert found.value[end] == pytest.approx(window.value, abs=1e-6, nan_ok=True)
            if window.interval is not None:
                assert found.high[end] == pytest.approx(window.interval.high, rel=1e-3, abs=1e-6)


def test_a_new_point_never_changes_a_past_one() -> None:
    y = np.exp(-np.arange(60) / 5) + 0.02 * np.abs(noise((60,))) + 0.1

    whole, part = rolling(y), rolling(y[:40])

    assert np.allclose(whole.value[:40], part.value, equal_nan=True)
    assert (whole.descending[:40] == part.descending).all()


def test_a_steep_fall_counts_as_descending_until_two_windows_agree() -> None:
    t = np.arange(80)
    y = 0.2 + 5 * np.exp(-t / 2) + 0.01 * noise((80,))

    found = rolling(y).descending

    assert found[:20].all()
    assert not found[45:].any()
    assert (np.diff(found.astype(int)) <= 0).all(), "once settled it stays so"
