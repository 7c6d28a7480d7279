"""Optimism of the best evaluation: what the simulated truth and the formula say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure import optimism as room
from valtui_trainer.measure.optimism import optimism

ANY_LOSS = st.floats(width=32, allow_nan=True, allow_infinity=True)
EXPECTED_LARGEST = {5: 1.16, 10: 1.54, 20: 1.87, 50: 2.25}


def exchangeable(
    rng: np.random.Generator, evaluations: int, n: int, common: float
) -> tuple[np.ndarray, float]:
    """Losses whose set noise is 1/√n and whose own spread is `common`/√n, and the true optimism."""
    base = 2 * rng.exponential(size=n)
    own = common / np.sqrt(n) * rng.normal(size=(evaluations, 1))
    losses = base + own + rng.normal(size=(evaluations, n))
    mean = losses.mean(axis=1)
    best = int(mean.argmin())
    return losses, base.mean() + own[best, 0] - mean[best]


@pytest.mark.parametrize(
    ("evaluations", "n", "common"),
    [(5, 200, 0.0), (10, 200, 1.0), (20, 300, 3.0), (50, 200, 0.5)],
)
def test_it_is_that_of_the_formula_and_of_the_truth(
    evaluations: int, n: int, common: float
) -> None:
    rng = np.random.default_rng(6)
    found, true = [], []
    for _ in range(150):
        losses, truth = exchangeable(rng, evaluations, n, common)
        found.append(optimism(losses))
        true.append(truth)

    formula = EXPECTED_LARGEST[evaluations] / n / np.sqrt((1 + common**2) / n)
    assert np.mean(found) == pytest.approx(formula, rel=0.12)
    assert np.mean(found) == pytest.approx(np.mean(true), abs=4 * np.std(true) / 150**0.5)


def test_an_evaluation_that_is_best_beyond_doubt_is_not_flattered() -> None:
    losses = np.random.default_rng(0).normal(size=(20, 400))
    losses[7] -= 5

    assert optimism(losses) == pytest.approx(0, abs=0.01)


def test_what_samples_share_at_all_evaluations_does_not_flatter() -> None:
    """Hard samples raise or lower all evaluations alike."""
    losses = np.tile(10 * np.random.default_rng(0).exponential(size=400), (20, 1))

    assert optimism(losses) == pytest.approx(0, abs=1e-4)


def test_a_row_with_a_gap_cannot_be_chosen() -> None:
    losses = np.random.default_rng(0).normal(size=(20, 400))
    holed = np.insert(losses, 5, np.nan, axis=0)

    assert optimism(holed) == pytest.approx(optimism(losses), rel=0.1)


def test_the_same_losses_give_the_same_answer_and_another_seed_nearly() -> None:
    losses = np.random.default_rng(0).normal(size=(20, 400))

    assert optimism(losses) == optimism(losses)
    assert optimism(losses, seed=1) == pytest.approx(optimism(losses), rel=0.25)


def test_it_is_nearly_the_same_however_the_work_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = np.random.default_rng(0).normal(size=(20, 400))
    whole = optimism(losses, resamples=1_000)

    monkeypatch.setattr(room, "CHUNK", 20_000)

    assert optimism(losses, resamples=1_000) == pytest.approx(whole, rel=0.15)


def test_one_evaluation_is_not_chosen_so_it_is_not_flattered() -> None:
    assert optimism(np.random.default_rng(0).normal(size=(1, 50))) == 0.0


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (5, 1)])
def test_without_samples_or_evaluations_nothing_is_said(shape: tuple[int, int]) -> None:
    assert np.isnan(optimism(np.ones(shape)))


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(0, 8), st.integers(0, 4)), elements=ANY_LOSS)
)
@settings(max_examples=50, deadline=None)
@pytest.mark.filterwarnings("error")
def test_no_content_raises_or_warns(losses: np.ndarray) -> None:
    assert not optimism(losses, resamples=20) < 0
