"""Overfitting: a clear turn is found at its place, and noise, falls, plateaus and divergence are not one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure.overfitting import overfitting

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
RUNS = 100


def noise(length: int, phi: float, runs: int = RUNS) -> np.ndarray:
    """AR(1) series of unit marginal variance, shape (runs, length)."""
    found = np.random.default_rng(9).normal(size=(runs, length))
    for t in range(1, length):
        found[:, t] = phi * found[:, t - 1] + np.sqrt(1 - phi**2) * found[:, t]
    return found


def descent(length: int) -> np.ndarray:
    """A fall of 30 deviations to a plateau."""
    return 30 * np.exp(-10 * np.arange(length) / length)


def rise(length: int, since: int, height: float) -> np.ndarray:
    return height * np.maximum(0, np.arange(length) - since) / (length - 1 - since)


def train(length: int, every: int = 4) -> np.ndarray:
    """A training loss that goes on falling, measured once in `every` evaluations."""
    found = 30 * np.exp(-3 * np.arange(length) / length)
    found[np.arange(length) % every != every - 1] = np.nan
    return found


def alarms(series: np.ndarray) -> float:
    falling = train(series.shape[1])
    return float(np.mean([overfitting(one, falling) is not None for one in series]))


# --- what is none ----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [20, 60, 150])
@pytest.mark.parametrize("phi", [0.0, 0.3])
def test_flat_runs_alarm_at_most_at_their_level(length: int, phi: float) -> None:
    assert alarms(noise(length, phi, 300)) <= 0.07


@pytest.mark.parametrize("length", [20, 60, 150])
@pytest.mark.parametrize("phi", [0.0, 0.3])
@pytest.mark.parametrize("steepness", [1, 30])
def test_neither_do_falls_to_a_plateau(length: int, phi: float, steepness: float) -> None:
    assert alarms(noise(length, phi) + steepness * descent(length)) <= 0.07


def test_neither_do_runs_that_are_still_falling() -> None:
    assert alarms(noise(60, 0.3) + np.linspace(10, 0, 60)) == 0


@pytest.mark.parametrize("phi", [-0.4, 0.6])
def test_other_correlations_of_the_noise_raise_few_alarms(phi: float) -> None:
    assert alarms(noise(60, phi, 200)) <= 0.15


def test_spikes_and_heavy_tails_raise_none() -> None:
    heavy = np.random.default_rng(1).standard_t(2, size=(RUNS, 60))

    assert alarms(heavy) <= 0.05


def test_a_hump_that_is_over_is_no_turn() -> None:
    hump = 10 * np.exp(-(((np.arange(80) - 40) / 10) ** 2))

    assert alarms(noise(80, 0.0) + hump) <= 0.05


def test_where_the_training_loss_rises_too_it_diverges() -> None:
    up = rise(60, 30, 20)
    series = noise(60, 0.0) + descent(60) + up

    found = [overfitting(one, train(60) + up) for one in series]

    assert found == [None] * RUNS


# --- what is one -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "within"), [(24, 3), (60, 6), (150, 12)])
@pytest.mark.parametrize("phi", [0.0, 0.3])
@pytest.mark.parametrize("fall", [0, 1, 3])
def test_a_clear_turn_is_found_at_its_place(
    length: int, within: int, phi: float, fall: float
) -> None:
    since = int(0.55 * length)
    course = fall * descent(length) + rise(length, since, 10)
    since = max(since, int(course.argmin()))

    found = [overfitting(one, train(length)) for one in noise(length, phi) + course]

    turns = [one for one in found if one is not None]
    assert len(turns) >= 0.9 * RUNS
    assert np.median([one.since for one in turns]) == pytest.approx(since, abs=within / 2 + 0.5)
    assert np.mean([abs(one.since - since) <= within for one in turns]) >= 0.75
    assert np.median([one.rise for one in turns]) == pytest.approx(10, rel=0.2)
    assert all(0 < one.p <= 0.05 and one.train_change < 0 for one in turns)


def test_a_training_loss_with_nothing_left_to_fall_is_no_excuse() -> None:
    floor = np.full(60, 1e-4) + 1e-5 * noise(60, 0.0, 1)[0]
    series = noise(60, 0.0, 50) + rise(60, 30, 10)

    assert np.mean([overfitting(one, floor) is not None for one in series]) >= 0.9


def test_seeds_together_show_what_one_does_not() -> None:
    course = descent(40) + rise(40, 22, 3)
    series = noise(40, 0.0, 400) + course
    falling = train(40)

    alone = alarms(series[:100])
    found = [overfitting(four, np.tile(falling, (4, 1))) for four in series.reshape(100, 4, 40)]

    assert np.mean([one is not None for one in found]) > alone + 0.2


def test_it_scales_with_the_loss_and_with_the_places() -> None:
    val = noise(60, 0.0, 1)[0] + descent(60) + rise(60, 30, 10)

    plain = overfitting(val, train(60))
    scaled = overfitting(1e-3 * val, 1e-3 * train(60), 100 + 50.0 * np.arange(60))

    assert plain is not None
    assert scaled is not None
    assert (scaled.since, scaled.p) == (plain.since, plain.p)
    assert scaled.rise == pytest.approx(1e-3 * plain.rise)
    assert scaled.train_change == pytest.approx(1e-3 * plain.train_change)


def test_a_gap_moves_nothing() -> None:
    val = noise(60, 0.0, 1)[0] + descent(60) + rise(60, 30, 10)
    whole = overfitting(val, train(60))
    val[[10, 44]] = np.nan, np.inf

    found = overfitting(val, train(60))

    assert whole is not None
    assert found is not None
    assert abs(found.since - whole.since) <= 3


def test_the_same_run_gives_the_same_answer() -> None:
    val = noise(60, 0.0, 1)[0] + rise(60, 30, 10)

    assert overfitting(val, train(60)) == overfitting(val, train(60))


# --- what cannot be told ---------------------------------------------------------------------------


@pytest.mark.parametrize("val", [[], [1.0], [1.0] * 40, [np.nan] * 40, list(range(11)), [[], []]])
def test_too_few_or_constant_evaluations_tell_nothing(val: list[float]) -> None:
    assert overfitting(val, np.full(np.shape(val), 1.0)) is None


def test_without_two_training_losses_after_the_turn_nothing_is_said() -> None:
    val = noise(60, 0.0, 1)[0] + rise(60, 30, 10)
    sparse = np.full(60, np.nan)
    sparse[[0, 59]] = 2.0, 1.0

    assert overfitting(val, np.full(60, np.nan)) is None
    assert overfitting(val, sparse) is None


def test_a_line_without_any_noise_is_a_clear_rise() -> None:
    found = overfitting(np.abs(np.arange(40.0) - 15), np.arange(40.0)[::-1])

    assert found is not None
    assert found.since == 15
    assert found.rise == pytest.approx(24)


@given(
    arrays.arrays(np.float64, st.tuples(st.just(2), st.integers(10, 30)), elements=ANY_FLOAT),
)
@settings(max_examples=40, deadline=None)
@pytest.mark.filterwarnings("error")
def test_no_content_raises_or_warns(both: np.ndarray) -> None:
    found = overfitting(both[0], both[1])

    assert found is None or (0 <= found.since < both.shape[1] and found.rise > 0)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="train_eval_loss"):
        overfitting([1.0, 2.0], [1.0])
