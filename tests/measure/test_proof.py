"""The rules of a proof: looks after 10, 20 and 40 evaluations, the first that decides counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from valtui_trainer.measure.comparison import ratio_interval
from valtui_trainer.measure.proof import LOOK_LEVEL, LOOKS, ProofState, prove
from valtui_trainer.measure.volatility import degrees, q

RUNS = 4_000


def losses(seeds: int, evaluations: int, volatility: float, seed: int = 0) -> np.ndarray:
    """Return losses (seeds, T) whose volatility is `volatility` by construction, at any length."""
    pattern = np.resize([1.0, 1.0, -1.0, -1.0, 1.0, -1.0], evaluations + seed)[seed:]
    return np.exp(volatility * np.vstack([np.roll(pattern, row) for row in range(seeds)]))


def shape(found: ProofState) -> tuple[str, int | None, list[int]]:
    """Return the outcome, where it was decided, and the looks reached."""
    return found.outcome, found.decided_at, [one.evaluations for one in found.looks]


# --- the rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evaluations", "looks"), [(0, []), (9, []), (10, [10]), (39, [10, 20]), (60, [10, 20, 40])]
)
def test_a_look_is_reached_when_both_have_its_evaluations(
    evaluations: int, looks: list[int]
) -> None:
    arm, control = losses(3, evaluations, 0.1), losses(2, 60, 0.1, seed=1)

    assert [one.evaluations for one in prove(arm, control).looks] == looks
    assert [one.evaluations for one in prove(control, arm).looks] == looks


def test_it_holds_where_the_interval_lies_wholly_below_one() -> None:
    found = prove(losses(3, 12, 0.02), losses(3, 12, 0.1))

    assert shape(found) == ("holds", 10, [10])
    assert found.looks[0].left is not None
    assert found.looks[0].left.value == pytest.approx(0.2)
    assert not found.less_than_predicted


def test_it_does_not_hold_where_the_interval_lies_wholly_above_one() -> None:
    assert shape(prove(losses(3, 12, 0.3), losses(3, 12, 0.1)))[:2] == ("does-not-hold", 10)


def test_it_does_not_hold_where_the_interval_lies_wholly_above_what_was_predicted() -> None:
    arm, control = losses(3, 40, 0.1), losses(3, 40, 0.1)

    assert prove(arm, control).outcome == "undecided"
    assert shape(prove(arm, control, predicted_high=0.3))[:2] == ("does-not-hold", 10)
    assert shape(prove(arm, control, predicted_high=0.6))[:2] == ("does-not-hold", 20)
    assert prove(arm, control, predicted_high=1.2).outcome == "undecided"


def test_an_arm_that_calms_less_than_was_predicted_holds_and_says_so() -> None:
    found = prove(losses(8, 40, 0.05), losses(8, 40, 0.1), predicted_high=0.2)

    assert found.outcome == "holds"
    assert found.less_than_predicted
    assert not prove(losses(8, 40, 0.05), losses(8, 40, 0.1), 0.55).less_than_predicted


@pytest.mark.parametrize(("evaluations", "outcome"), [(39, "open"), (40, "undecided")])
def test_it_is_undecided_only_after_the_last_look(evaluations: int, outcome: str) -> None:
    found = prove(losses(3, evaluations, 0.1), losses(3, evaluations, 0.1))

    assert (found.outcome, found.decided_at) == (outcome, None)


def test_the_first_look_that_decides_counts_and_later_ones_change_nothing() -> None:
    control = losses(3, 40, 0.1)
    arm = np.hstack([losses(3, 10, 0.02), losses(3, 30, 0.5)])

    early, late = prove(arm[:, :10], control), prove(arm, control)

    assert shape(early) == ("holds", 10, [10])
    assert shape(late) == ("holds", 10, [10, 20, 40])
    assert late.looks[0] == early.looks[0]
    assert late.latest is not None
    assert late.latest.left is not None
    assert late.latest.left.value > 1


def test_the_latest_figure_takes_all_that_both_have_and_decides_nothing() -> None:
    found = prove(losses(3, 19, 0.1), losses(3, 60, 0.1))

    assert found.latest is not None
    assert found.latest.evaluations == 19
    assert found.outcome == "open"
    calm = prove(losses(3, 9, 0.01), losses(3, 9, 0.1))
    assert (calm.outcome, calm.looks) == ("open", ())


def test_an_arm_that_has_died_proves_nothing() -> None:
    assert prove(np.full((3, 40), 2.3), losses(3, 40, 0.1)).outcome == "undecided"
    assert prove(np.full((3, 40), np.nan), losses(3, 40, 0.1)).outcome == "undecided"


def test_before_the_first_evaluation_all_is_open() -> None:
    found = prove(np.empty((3, 0)), losses(3, 5, 0.1))

    assert found == ProofState("open", (), None, False, None)


@given(
    length=st.integers(0, 45),
    more=st.integers(0, 45),
    calm=st.floats(0.1, 3),
    predicted=st.none() | st.floats(0, 2),
)
def test_more_evaluations_never_change_what_was_decided(
    length: int, more: int, calm: float, predicted: float | None
) -> None:
    arm, control = np.exp(np.random.default_rng(length).normal(size=(2, 2, 90)) * 0.1)
    arm = arm**calm

    early = prove(arm[:, :length], control, predicted)
    late = prove(arm[:, : length + more], control, predicted)

    assert late.looks[: len(early.looks)] == early.looks
    if early.outcome != "open":
        assert (late.outcome, late.decided_at) == (early.outcome, early.decided_at)


# --- simulated truth -------------------------------------------------------------------------------


def outcomes(arm: np.ndarray, control: np.ndarray, seeds: int) -> np.ndarray:
    """Return of RUNS proofs on logs (RUNS·seeds, 40): 1 holds, -1 does not hold, 0 undecided."""
    found = np.zeros(RUNS, int)
    for count in LOOKS:
        above, below = (q(one[:, :count]).reshape(RUNS, seeds) for one in (arm, control))
        value = np.sqrt(above.mean(axis=1) / below.mean(axis=1))
        nu = seeds * degrees(count)
        limits = ratio_interval(1.0, nu, nu, LOOK_LEVEL)
        said = (value * limits.high < 1).astype(int) - (value * limits.low > 1)
        found = np.where(found == 0, said, found)
    return found


def simulated(left: float, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return logs of an arm and its control, (RUNS·seeds, 40) each."""
    arm, control = np.random.default_rng(6).normal(size=(2, RUNS * seeds, 40)) * 0.1
    return left * arm, control


def test_the_simulation_below_is_that_of_the_function_itself() -> None:
    arm, control = simulated(0.71, 3)
    words = {"holds": 1, "does-not-hold": -1, "undecided": 0}

    found = [
        words[prove(np.exp(arm[3 * i : 3 * i + 3]), np.exp(control[3 * i : 3 * i + 3])).outcome]
        for i in range(60)
    ]

    assert found == outcomes(arm, control, 3)[:60].tolist()
    assert {1, 0} <= set(found)


@pytest.mark.parametrize("seeds", [1, 3])
def test_where_an_arm_changes_nothing_eight_percent_are_decided_half_of_them_each_way(
    seeds: int,
) -> None:
    found = outcomes(*simulated(1.0, seeds), seeds)

    assert 0.02 <= np.mean(found == 1) <= 0.055
    assert 0.02 <= np.mean(found == -1) <= 0.055


@pytest.mark.parametrize(
    ("left", "seeds", "holds"), [(0.71, 1, 0.29), (0.71, 3, 0.71), (0.5, 1, 0.83), (0.5, 3, 1.0)]
)
def test_the_more_it_calms_and_the_more_seeds_the_more_often_it_holds(
    left: float, seeds: int, holds: float
) -> None:
    found = outcomes(*simulated(left, seeds), seeds)

    assert np.mean(found == 1) == pytest.approx(holds, abs=0.03)
    assert np.mean(found == -1) <= 0.01
