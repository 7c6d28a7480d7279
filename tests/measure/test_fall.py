"""The first fall: left out where there is one, and nothing left out where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from valtui_trainer.measure.fall import first_fall


def falling(length: int = 40, pace: float = 4.0, noise: float = 0.01, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return 0.3 + 2.0 * np.exp(-np.arange(length) / pace) + noise * chance.standard_normal(length)


@pytest.mark.parametrize("pace", [1.0, 4.0, 8.0])
def test_it_ends_when_nine_tenths_are_covered(pace: float) -> None:
    assert abs(first_fall(falling(pace=pace)) - pace * np.log(10)) <= 1.5


def test_it_ends_in_the_middle_of_a_run_that_goes_on_falling() -> None:
    assert first_fall(np.linspace(2.0, 0.1, 40)) == 20


@pytest.mark.parametrize("seed", range(20))
def test_noise_about_a_level_is_no_fall(seed: int) -> None:
    assert first_fall(np.random.default_rng(seed).normal(1.0, 0.1, 40)) == 0


def test_a_rise_is_no_fall() -> None:
    assert first_fall(np.linspace(0.1, 2.0, 40)) == 0


def test_seeds_are_averaged_and_what_is_not_finite_is_passed_over() -> None:
    one, other = falling(seed=1), falling(seed=2)
    one[2], other[20] = np.nan, np.inf

    assert abs(first_fall(np.stack([one, other])) - 4.0 * np.log(10)) <= 1.5


@pytest.mark.parametrize("loss", [[], [1.0], [np.nan] * 9, [0.5] * 9, [2.0, np.nan, 1.0]])
def test_where_there_is_too_little_nothing_is_left_out(loss: list[float]) -> None:
    assert first_fall(loss) == 0
