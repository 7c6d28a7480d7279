"""What an arm leaves of the volatility: two trainings from one start, replicas of each."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure.arms import ArmLeft, arm_left
from valtui_trainer.measure.comparison import ratio_interval
from valtui_trainer.measure.volatility import degrees, q, volatility

RUNS = 4_000
LOSSES = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(1, 7)),
    elements=st.floats(-1, 1e308) | st.just(np.nan) | st.just(np.inf),
)


def losses(replicas: int, evaluations: int, volatility: float, seed: int = 0) -> np.ndarray:
    """Return falling losses (K, J) that fluctuate by a fraction of themselves."""
    noise = np.random.default_rng(seed).normal(size=(replicas, evaluations))
    return np.exp(volatility * noise - np.arange(evaluations) / 20)


def known(found: ArmLeft | None) -> ArmLeft:
    """Return an answer that must be there."""
    assert found is not None
    return found


# --- the figure ------------------------------------------------------------------------------------


def test_the_value_is_the_ratio_of_relative_volatilities_whatever_the_level_of_the_loss() -> None:
    arm, base = losses(8, 6, 0.05), losses(8, 6, 0.1, seed=1)

    found, scaled = known(arm_left(arm, base)), known(arm_left(30 * arm, base))

    assert found.value == pytest.approx((q(np.log(arm)).mean() / q(np.log(base)).mean()) ** 0.5)
    assert scaled.value == pytest.approx(found.value)


def test_short_replicas_pool_into_an_f_interval_none_of_them_would_have_alone() -> None:
    found = known(arm_left(losses(8, 6, 0.05), losses(4, 8, 0.1, seed=1)))

    assert found.degrees_arm == pytest.approx(8 * degrees(6))
    assert found.degrees_base == pytest.approx(4 * degrees(8))
    assert found.interval == ratio_interval(
        found.value, found.degrees_arm, found.degrees_base, 0.95
    )
    assert (found.replicas, found.points, found.lost) == (8, 6, 0)


@pytest.mark.parametrize(("replicas", "evaluations"), [(4, 4), (8, 6), (16, 8)])
def test_the_interval_covers_the_truth(replicas: int, evaluations: int) -> None:
    rng = np.random.default_rng(2)
    fall = np.arange(evaluations) / 20
    noise = rng.normal(size=(2, RUNS * replicas, evaluations))
    arm, base = (q(cv * one - fall) for cv, one in zip((0.071, 0.1), noise, strict=True))
    ratio = np.sqrt(arm.reshape(RUNS, -1).mean(axis=1) / base.reshape(RUNS, -1).mean(axis=1))
    nu = replicas * degrees(evaluations)

    limits = ratio_interval(1.0, nu, nu, 0.95)

    covered = np.mean((ratio * limits.low <= 0.71) & (ratio * limits.high >= 0.71))
    assert 0.935 <= covered <= 0.975


@pytest.mark.parametrize(("replicas", "there"), [(1, False), (2, True)])
def test_below_two_degrees_of_freedom_there_is_no_interval(replicas: int, there: bool) -> None:
    found = known(arm_left(losses(replicas, 4, 0.05), losses(8, 8, 0.1, seed=1)))

    assert found.value > 0
    assert (found.interval is not None) is there


def test_the_places_of_unequally_spaced_evaluations_count() -> None:
    x = np.array([0.0, 1, 2, 3, 10, 11, 12, 13])
    line = np.exp(-x / 5 + 0.01 * np.resize([1, -1], 8))
    base = losses(4, 8, 0.1)

    assert known(arm_left(line, base, x_arm=x)).value < known(arm_left(line, base)).value / 5


# --- what is left out ------------------------------------------------------------------------------


def test_a_replica_without_three_losses_together_is_left_out_and_counted() -> None:
    arm, base = losses(6, 6, 0.05), losses(8, 6, 0.1, seed=1)
    broken = np.vstack([arm, np.full((1, 6), np.nan), [[9.0, 9, np.inf, 9, 9, 0]]])

    found = known(arm_left(broken, base))

    assert (found.replicas, found.lost) == (6, 2)
    whole = known(arm_left(arm, base))
    assert (found.value, found.degrees_arm) == pytest.approx((whole.value, whole.degrees_arm))
    assert found.mean_change == pytest.approx(whole.mean_change)


def test_a_lost_replica_of_the_base_changes_nothing() -> None:
    arm, base = losses(6, 6, 0.05), losses(8, 6, 0.1, seed=1)
    broken = np.vstack([base, np.full((1, 6), np.nan)])

    found, whole = known(arm_left(arm, broken)), known(arm_left(arm, base))
    assert (found.value, found.degrees_base) == pytest.approx((whole.value, whole.degrees_base))
    assert found.mean_change == pytest.approx(whole.mean_change)


def test_the_mean_change_compares_the_evaluations_that_both_have() -> None:
    base = losses(8, 6, 0.1)

    assert known(arm_left(1.25 * base, base)).mean_change == pytest.approx(0.25)
    assert known(arm_left(1.25 * base[:, :4], base)).mean_change == pytest.approx(
        1.25 * base[:, :4].mean() / base[:, :4].mean() - 1
    )


def test_the_mean_change_is_none_where_they_have_no_evaluation_in_common() -> None:
    late = losses(2, 8, 0.05)
    late[:, :5] = np.nan

    assert known(arm_left(late, losses(4, 4, 0.1))).mean_change is None


def test_training_that_has_died_is_no_calm() -> None:
    found = known(arm_left(np.full((8, 6), 2.3), losses(8, 6, 0.1)))

    assert (found.value, found.interval) == (0.0, None)


@pytest.mark.parametrize(
    ("arm", "base"),
    [
        (losses(8, 6, 0.1), np.full((8, 6), 0.5)),
        (losses(8, 6, 0.1), np.full((8, 6), np.nan)),
        (np.full((8, 6), np.nan), losses(8, 6, 0.1)),
        (losses(8, 2, 0.1), losses(8, 6, 0.1)),
        (np.empty((0, 6)), losses(8, 6, 0.1)),
    ],
)
def test_without_fluctuation_of_the_base_or_three_losses_of_both_there_is_no_answer(
    arm: np.ndarray, base: np.ndarray
) -> None:
    assert arm_left(arm, base) is None


def test_a_spike_of_either_marks_the_interval_as_too_narrow() -> None:
    calm, spiky = losses(8, 8, 0.1), losses(8, 8, 0.1, seed=1)
    spiky[3, 4] *= 5

    assert not known(arm_left(calm, calm)).too_narrow
    assert known(arm_left(spiky, calm)).too_narrow
    assert known(arm_left(calm, spiky)).too_narrow


@given(arm=LOSSES, base=LOSSES)
def test_any_losses_give_a_finite_figure_inside_its_interval_or_none(
    arm: np.ndarray, base: np.ndarray
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = arm_left(arm, base)

    if found is not None:
        assert np.isfinite(found.value)
        assert found.replicas + found.lost == len(arm)
        assert found.mean_change is None or found.mean_change >= -1
        if found.interval is not None:
            assert found.interval.low <= found.value <= found.interval.high


def test_the_volatilities_are_those_of_the_whole_series_relative() -> None:
    arm, base = losses(3, 10, 0.05), losses(3, 10, 0.1, seed=1)

    found = known(arm_left(arm, base))

    above, below = volatility(arm, relative=True), volatility(base, relative=True)
    assert found.value == above.value / below.value
    assert (found.degrees_arm, found.degrees_base) == (above.degrees, below.degrees)
