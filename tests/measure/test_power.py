"""What a probe can tell before it starts, held against SCIENCE's figures and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from valtui_trainer.measure.comparison import ratio_interval
from valtui_trainer.measure.power import degrees_of, detectable, power_at, replicas_for
from valtui_trainer.measure.volatility import degrees, q

RUNS = 4_000


def test_degrees_of_freedom_add_over_replicas() -> None:
    assert degrees_of(8, 6) == pytest.approx(8 * degrees(6))
    assert degrees_of(8, 2) == 0


@pytest.mark.parametrize(
    ("replicas", "evaluations", "power"), [(8, 6, 0.30), (8, 8, 0.41), (16, 8, 0.71)]
)
def test_the_power_for_71_percent_left_is_the_one_known(
    replicas: int, evaluations: int, power: float
) -> None:
    assert power_at(0.71, replicas, evaluations) == pytest.approx(power, abs=0.01)


@pytest.mark.parametrize(
    ("replicas", "evaluations", "left"), [(8, 6, 0.71), (8, 8, 0.5), (16, 8, 0.71), (4, 8, 1.0)]
)
def test_the_power_is_how_often_simulated_intervals_lie_below_one(
    replicas: int, evaluations: int, left: float
) -> None:
    rng = np.random.default_rng(4)
    both = q(rng.normal(size=(2 * RUNS * replicas, evaluations))).reshape(2, RUNS, replicas)
    arm, base = both.mean(axis=2)
    nu = degrees_of(replicas, evaluations)

    high = left * np.sqrt(arm / base) * ratio_interval(1.0, nu, nu, 0.95).high

    assert power_at(left, replicas, evaluations) == pytest.approx(np.mean(high < 1), abs=0.02)


@pytest.mark.parametrize(("level", "power"), [(0.95, 0.8), (0.9, 0.5), (0.967, 0.9)])
@pytest.mark.parametrize(("replicas", "evaluations"), [(2, 4), (8, 8), (40, 12)])
def test_what_is_detectable_is_told_with_exactly_that_power(
    replicas: int, evaluations: int, level: float, power: float
) -> None:
    left = detectable(replicas, evaluations, level, power)

    assert 0 < left < 1
    assert power_at(left, replicas, evaluations, level) == pytest.approx(power)


@pytest.mark.parametrize(("replicas", "evaluations"), [(8, 2), (1, 3), (0, 8)])
def test_without_an_interval_nothing_is_told(replicas: int, evaluations: int) -> None:
    assert detectable(replicas, evaluations) == 0
    assert power_at(0.1, replicas, evaluations) == 0


@given(left=st.floats(0.05, 0.95), evaluations=st.integers(3, 20))
def test_the_replicas_for_an_effect_are_the_fewest_that_tell_it(
    left: float, evaluations: int
) -> None:
    count = replicas_for(left, evaluations)

    assert count is not None
    assert detectable(count, evaluations) >= left
    assert count == 1 or detectable(count - 1, evaluations) < left


def test_no_number_of_replicas_tells_what_cannot_be_measured_or_is_no_effect() -> None:
    assert replicas_for(0.5, 2) is None
    assert replicas_for(0.99999, 8) is None


@pytest.mark.parametrize("left", [0.0, 1.0, -0.1, float("nan")])
def test_an_effect_lies_between_nothing_and_all(left: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        replicas_for(left, 8)


def test_nothing_left_has_no_power() -> None:
    with pytest.raises(ValueError, match="above 0"):
        power_at(0.0, 8, 8)
