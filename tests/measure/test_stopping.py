"""Early stopping on simulated runs whose truth is known: overfitting ends it, noise and slow falls do not."""

from __future__ import annotations

import numpy as np
import pytest

from valtui_trainer.measure.stopping import Patience

SAMPLES = 400


def losses(
    levels: np.ndarray, common: float, own: float, seed: int, samples: int = SAMPLES
) -> np.ndarray:
    """Return losses (T, n): a level an evaluation, noise common to all samples, and each sample's own."""
    chance = np.random.default_rng(seed)
    heights = chance.gamma(1.0, 1.0, samples)
    shared = common * chance.standard_normal((len(levels), 1))
    return (levels[:, None] + shared) * heights + own * chance.standard_normal(
        (len(levels), samples)
    )


def stopped_at(rows: np.ndarray, patience: Patience) -> int | None:
    """Return the evaluation at which training ends, or None."""
    return next((at for at, row in enumerate(rows) if patience.look(row, at)), None)


def plain(rows: np.ndarray, patience: int) -> int | None:
    """Return where the usual rule ends: so many evaluations in a row without a new lowest mean."""
    best, since = np.inf, 0
    for at, mean in enumerate(rows.mean(axis=1)):
        best, since = (mean, 0) if mean < best else (best, since + 1)
        if since >= patience:
            return at
    return None


def test_a_run_that_overfits_is_ended_soon_after_its_turn() -> None:
    turn = 20
    levels = np.concatenate([np.linspace(1.0, 0.3, turn), np.linspace(0.3, 1.0, 60)])

    ends = [stopped_at(losses(levels, 0.01, 0.3, seed), Patience(5)) for seed in range(30)]

    assert all(end is not None and turn < end < turn + 25 for end in ends)


def test_noise_around_a_level_ends_nothing() -> None:
    levels = np.full(60, 0.5)

    ends = [stopped_at(losses(levels, 0.0, 0.5, seed), Patience(6)) for seed in range(200)]

    assert sum(end is not None for end in ends) <= 10
    fooled = [plain(losses(levels, 0.0, 0.5, seed), 6) for seed in range(200)]
    assert sum(end is not None for end in fooled) > 150


def test_a_slow_fall_whose_steps_are_within_chance_goes_on_where_the_usual_rule_gives_up() -> None:
    levels = np.linspace(0.6, 0.4, 100)
    seeds = range(50)

    ends = [stopped_at(losses(levels, 0.0, 0.6, seed), Patience(4)) for seed in seeds]
    fooled = [plain(losses(levels, 0.0, 0.6, seed), 4) for seed in seeds]

    assert sum(end is not None for end in ends) <= 2
    assert sum(end is not None for end in fooled) > 40


def test_what_is_not_finite_tells_nothing_and_a_lower_z_is_less_patient() -> None:
    rows = losses(np.linspace(0.3, 0.6, 40), 0.0, 0.3, 1)
    rows[1::2] = np.nan

    calm, hasty = stopped_at(rows, Patience(5, z=4.0)), stopped_at(rows, Patience(5, z=1.0))

    assert calm is not None
    assert hasty is not None
    assert hasty <= calm
    assert calm % 2 == 0
    assert stopped_at(np.full((20, 5), np.nan), Patience(1)) is None
    assert stopped_at(np.ones((20, 1)), Patience(1)) is None


@pytest.mark.parametrize("at", [1, 4, 8])
def test_it_goes_on_from_what_it_knows(at: int) -> None:
    rows = losses(np.linspace(0.3, 0.5, 60), 0.02, 0.3, 5)
    whole = Patience(5)
    end = stopped_at(rows, whole)
    first = Patience(5)
    for step, row in enumerate(rows[:at]):
        first.look(row, step)
    second = Patience(5, best=first.best, best_step=first.best_step, worse=first.worse)

    then = next(step for step, row in enumerate(rows[at:], start=at) if second.look(row, step))

    assert end is not None
    assert at < end == then
    assert second.best_step == whole.best_step
