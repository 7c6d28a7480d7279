"""Paired rows: what a counterfactual series beside the loss would leave of its volatility."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure.left import Left, left_of, paired_left
from valtui_trainer.measure.pooled import Pooled
from valtui_trainer.measure.volatility import degrees, q, q_form

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
RUNS = 3_000


def noise(*size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size)


def pairs(length: int, correlation: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Losses of unit noise and counterfactuals of `scale`, shape (RUNS, length) each."""
    loss, other = noise(2, RUNS, length)
    return loss, scale * (correlation * loss + np.sqrt(1 - correlation**2) * other)


def coverage(loss: np.ndarray, other: np.ndarray, truth: float) -> float:
    """How often the nominal 90 % interval of a row holds the truth."""
    qy, qz, qyz = q(loss), q(other), q_form(loss, other)
    nu, points = degrees(loss.shape[1]), loss.shape[1]
    found = [
        left_of(Pooled(z / y, c / np.sqrt(y * z), nu, points), 0.9).interval
        for y, z, c in zip(qy.tolist(), qz.tolist(), qyz.tolist(), strict=True)
    ]
    return float(np.mean([one is not None and one.low <= truth <= one.high for one in found]))


# --- the value -------------------------------------------------------------------------------------


def test_the_value_is_the_root_of_the_ratio_of_squared_volatilities() -> None:
    loss, other = noise(2, 30)

    found = paired_left(other, loss)

    assert found is not None
    assert found.ratio == pytest.approx(q(other) / q(loss))
    assert found.value == pytest.approx(found.ratio**0.5)
    assert found.degrees == pytest.approx(degrees(30))


def test_the_coverage_below_is_that_of_the_function_itself() -> None:
    loss, other = noise(2, 12)
    y, z, c = float(q(loss)), float(q(other)), float(q_form(loss, other))

    found = paired_left(other, loss)

    alone = left_of(Pooled(z / y, c / np.sqrt(y * z), degrees(12), 12), 0.9)
    assert found is not None
    assert found.interval is not None
    assert alone.interval is not None
    assert found.interval.low == pytest.approx(alone.interval.low)
    assert found.interval.high == pytest.approx(alone.interval.high)


def test_a_multiple_of_the_loss_leaves_exactly_that_much() -> None:
    loss = noise(20)

    found = paired_left(0.3 * loss + 5, loss)

    assert found is not None
    assert found.interval is not None
    assert (found.interval.low, found.value, found.interval.high) == pytest.approx((0.3, 0.3, 0.3))


def test_a_counterfactual_that_stands_still_leaves_nothing() -> None:
    found = paired_left(np.ones(20), noise(20))

    assert found is not None
    assert found.interval is not None
    assert (found.ratio, found.value, found.interval.high) == (0.0, 0.0, 0.0)


def test_a_trend_in_either_changes_nothing() -> None:
    loss, other = noise(2, 30)
    line = np.arange(30.0)

    plain, moved = paired_left(other, loss), paired_left(other - 2 * line, loss + 3 * line)

    assert plain is not None
    assert moved is not None
    assert moved.ratio == pytest.approx(plain.ratio)
    assert moved.interval is not None
    assert plain.interval is not None
    assert moved.interval.high == pytest.approx(plain.interval.high)


def test_a_gap_in_either_is_a_gap_of_both() -> None:
    loss, other = noise(2, 30)
    gaps = [4, 20]
    one, two, both = loss.copy(), other.copy(), loss.copy()
    one[4], two[20] = np.nan, np.inf
    both[gaps] = np.nan

    found, alike = paired_left(two, one), paired_left(other, both)

    assert found == alike


def test_seeds_are_averaged_and_their_degrees_of_freedom_added() -> None:
    loss, other = noise(2, 3, 20)

    found = paired_left(other, loss)

    assert found is not None
    assert found.ratio == pytest.approx(q(other).mean() / q(loss).mean())
    assert found.degrees == pytest.approx(3 * degrees(20))


def test_places_count() -> None:
    x = np.cumsum(1 + np.arange(20) % 3)
    loss, other = noise(2, 20)

    found = paired_left(other, loss, x)

    assert found is not None
    assert found.ratio == pytest.approx(q(other, x) / q(loss, x))


# --- what cannot be told ---------------------------------------------------------------------------


def test_below_eight_evaluations_there_is_a_value_but_no_interval() -> None:
    seven, eight = (paired_left(*noise(2, length)) for length in (7, 8))

    assert seven is not None
    assert eight is not None
    assert seven.value > 0
    assert seven.interval is None
    assert eight.interval is not None


@pytest.mark.parametrize(
    ("other", "loss"),
    [
        ([], []),
        ([1.0, 2.0], [1.0, 3.0]),
        ([1.0, 5.0, 2.0, 4.0], [1.0, 1.0, 1.0, 1.0]),
        ([1.0, np.nan, 2.0, 4.0], [1.0, 2.0, 1.0, 3.0]),
        ([[], []], [[], []]),
    ],
)
def test_without_three_together_or_any_fluctuation_nothing_is_said(
    other: list[float], loss: list[float]
) -> None:
    assert paired_left(other, loss) is None


@given(arrays.arrays(np.float64, st.tuples(st.just(2), st.integers(0, 20)), elements=ANY_FLOAT))
@pytest.mark.filterwarnings("error")
def test_no_content_raises_warns_or_is_invented(both: np.ndarray) -> None:
    found = paired_left(both[0], both[1])

    assert found is None or np.isfinite([found.ratio, found.value, found.degrees]).all()
    if found is not None and found.interval is not None:
        assert found.interval.low <= found.value * (1 + 1e-12)
        assert found.value <= found.interval.high * (1 + 1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_no_scale_is_too_small_or_large(scale: float) -> None:
    loss, other = noise(2, 20)

    plain, scaled = paired_left(other, loss), paired_left(scale * other, scale * loss)

    assert isinstance(plain, Left)
    assert isinstance(scaled, Left)
    assert scaled.value == pytest.approx(plain.value)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="counterfactual"):
        paired_left([1.0, 2.0], [1.0, 2.0, 3.0])


# --- the interval ----------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [8, 20, 40])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_the_90_percent_interval_covers(points: int, correlation: float, scale: float) -> None:
    assert 0.86 <= coverage(*pairs(points, correlation, scale), scale) <= 0.94


def test_it_covers_on_a_falling_curve() -> None:
    loss, other = pairs(30, 0.7, 0.5)
    fall = 20 * np.exp(-np.arange(30) / 10)

    assert 0.86 <= coverage(loss + fall, other + fall, 0.5) <= 0.94


@pytest.mark.parametrize("phi", [-0.3, 0.3])
def test_it_covers_where_noise_is_correlated_alike_in_both(phi: float) -> None:
    loss, other = pairs(31, 0.7, 0.5)
    later = [one[:, 1:] + phi * one[:, :-1] for one in (loss, other)]

    assert 0.84 <= coverage(*later, 0.5) <= 0.94


def test_heavy_tails_and_spikes_in_both_alike_leave_it_true_where_the_loss_is_scaled() -> None:
    loss = np.random.default_rng(3).standard_t(3, size=(RUNS, 40))
    other = 0.5 * loss + 0.001 * noise(RUNS, 40)

    assert 0.84 <= coverage(loss, other, 0.5) <= 0.94


@pytest.mark.parametrize("kind", ["t3", "spikes"])
def test_heavy_tails_of_its_own_break_it(kind: str) -> None:
    """As they break that of the volatility, which says "too narrow" (`test_volatility`)."""
    generator = np.random.default_rng(4)
    loss, other = pairs(40, 0.0, 1.0)
    if kind == "t3":
        loss, other = generator.standard_t(3, size=(2, RUNS, 40))
    else:
        loss, other = (one + 10 * (generator.random(one.shape) < 0.01) for one in (loss, other))

    assert coverage(loss, other, 1.0) < 0.8


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_it_covers_pooled_over_seeds(correlation: float) -> None:
    loss, other = (one.reshape(-1, 3, 12) for one in pairs(12, correlation, 0.5))

    found = [paired_left(z, y) for y, z in zip(loss[:800], other[:800], strict=True)]

    held = [
        one is not None
        and one.interval is not None
        and one.interval.low <= 0.5 <= one.interval.high
        for one in found
    ]
    assert 0.86 <= np.mean(held) <= 0.94
