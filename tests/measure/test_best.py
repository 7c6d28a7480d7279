"""The best evaluation, those that cannot be told from it, and jumps in their own standard errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure import best as room
from valtui_trainer.measure.best import best_evaluation, jump_z, level_uncertainty, look_alikes

ANY_LOSS = st.floats(width=32, allow_nan=True, allow_infinity=True)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


# --- the best evaluation ---------------------------------------------------------------------------


def test_the_best_evaluation_has_the_lowest_mean_over_seeds() -> None:
    assert best_evaluation([[3.0, 1.0, 2.0], [3.0, 5.0, 2.0]]) == 2


@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_is_never_the_best() -> None:
    assert best_evaluation([np.nan, 2.0, np.inf, -np.inf]) == 1
    assert best_evaluation([[np.inf, 2.0], [-np.inf, 3.0]]) == 1
    assert best_evaluation([[0.0, 2.0], [np.nan, 3.0]]) == 1
    assert best_evaluation([np.nan]) is None
    assert best_evaluation([]) is None
    assert best_evaluation([[], []]) is None


# --- look-alikes -----------------------------------------------------------------------------------


def test_evaluations_that_differ_by_noise_are_alike_and_worse_ones_are_not(
    rng: np.random.Generator,
) -> None:
    base = rng.exponential(size=500)
    near = base + 0.01 * rng.normal(size=500)
    losses = np.array([base + 0.5, near, base]).astype(np.float32)

    assert look_alikes(losses, best=2).tolist() == [1, 2]


@pytest.mark.parametrize("evaluations", [2, 10, 40])
def test_the_truly_best_is_among_them_nine_times_in_ten(
    evaluations: int, rng: np.random.Generator
) -> None:
    kept = []
    for _ in range(300):
        losses = rng.exponential(size=200) + rng.normal(size=(evaluations, 200))
        lucky = int(losses.mean(axis=1).argmin())
        kept.append(0 in look_alikes(losses, lucky))

    assert np.mean(kept) >= 0.88


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(0, 8)), elements=ANY_LOSS),
    st.booleans(),
    st.data(),
)
@pytest.mark.filterwarnings("error")
def test_the_best_is_always_among_its_look_alikes(
    losses: np.ndarray, stratified: bool, data: st.DataObject
) -> None:
    best = data.draw(st.integers(0, len(losses) - 1))
    labels = np.arange(losses.shape[1]) % 3 if stratified else None

    found = look_alikes(losses, best, labels=labels)

    assert best in found
    assert (np.diff(found) > 0).all()


def test_one_sample_tells_nothing_apart() -> None:
    assert look_alikes(np.array([[1.0], [2.0], [np.nan]]), 0).tolist() == [0, 1]


def test_they_are_the_same_however_the_work_is_cut(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = rng.exponential(size=100) + 0.3 * rng.normal(size=(30, 100))
    whole = look_alikes(losses, 4)

    monkeypatch.setattr(room, "CHUNK", 250)

    assert np.array_equal(look_alikes(losses, 4), whole)


def test_a_set_drawn_by_class_tells_more_apart(rng: np.random.Generator) -> None:
    labels = np.repeat([0, 1], 200)
    base = rng.exponential(size=400)
    worse = base + 0.05 + np.where(labels == 0, 1.0, -1.0) + 0.1 * rng.normal(size=400)
    losses = np.array([base, worse])

    assert look_alikes(losses, 0).tolist() == [0, 1]
    assert look_alikes(losses, 0, labels=labels).tolist() == [0]


@pytest.mark.parametrize("best", [-1, 3])
def test_a_best_that_is_no_row_is_refused(best: int) -> None:
    with pytest.raises(ValueError, match="best"):
        look_alikes(np.zeros((3, 4)), best)


# --- jumps and levels ------------------------------------------------------------------------------


def test_a_jump_is_counted_in_its_own_standard_errors(rng: np.random.Generator) -> None:
    before = 10 * rng.exponential(size=10_000)

    z = jump_z(before, before + 0.05 + rng.normal(size=10_000))

    assert z == pytest.approx(5, abs=2.5)


def test_the_z_of_no_jump_is_standard_normal(rng: np.random.Generator) -> None:
    labels = np.arange(200) % 4
    before = rng.exponential(size=200)

    found = [jump_z(before, before + rng.normal(size=200), labels) for _ in range(1_000)]

    assert np.mean(found) == pytest.approx(0, abs=0.12)
    assert np.std(found) == pytest.approx(1, abs=0.1)


@pytest.mark.filterwarnings("error")
def test_a_jump_that_cannot_be_told_is_not_a_number() -> None:
    same = np.ones(5)

    assert np.isnan(jump_z(same, same))
    assert np.isnan(jump_z(np.array([np.inf, 1.0]), np.array([np.inf, 2.0])))
    assert np.isnan(jump_z(np.array([1.0]), np.array([2.0])))
    assert np.isnan(jump_z(np.empty(0), np.empty(0)))
    assert np.isnan(level_uncertainty(np.empty(0)))


def test_the_level_is_uncertain_by_the_spread_over_samples(rng: np.random.Generator) -> None:
    losses = 2 * rng.normal(size=400)

    assert level_uncertainty(losses) == pytest.approx(0.1, rel=0.1)


def test_stratifying_removes_what_differs_only_between_classes(rng: np.random.Generator) -> None:
    labels = np.repeat([0, 1], 500)
    losses = labels * 10.0 + rng.normal(size=1_000)

    assert level_uncertainty(losses) > 4 * level_uncertainty(losses, labels)


def test_classes_of_one_sample_do_not_hide_the_uncertainty(rng: np.random.Generator) -> None:
    losses = rng.normal(size=50)

    assert level_uncertainty(losses, np.arange(50)) == pytest.approx(level_uncertainty(losses))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="losses"):
        jump_z(np.ones(3), np.ones(1))
    with pytest.raises(ValueError, match="labels"):
        level_uncertainty(np.ones(3), np.arange(2))
