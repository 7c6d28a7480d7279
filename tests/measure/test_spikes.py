"""Spikes: each is reported once, at its place; noise rarely looks like one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from valtui_trainer.measure.volatility import spikes, volatility


def noise(*size: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size)


@given(st.integers(1, 58), st.sampled_from([-12.0, 12.0]), st.floats(0.01, 100))
def test_a_spike_is_reported_once_at_its_place(place: int, size: float, scale: float) -> None:
    y = 0.3 * noise(60)
    y[place] += size

    assert spikes(scale * y) == (place,)


def test_two_spikes_apart_are_two() -> None:
    y = noise(60)
    y[[20, 40]] += 15

    assert spikes(y) == (20, 40)


def test_a_spike_beside_a_gap_or_at_the_end_is_seen_at_its_neighbour() -> None:
    beside, last = noise(60), noise(60)
    beside[25] += 15
    beside[26] = np.nan
    last[59] += 15

    assert spikes(beside) == (24,)
    assert spikes(last) == (58,)


def test_the_spikes_of_all_seeds_are_listed() -> None:
    y = noise(2, 60)
    y[0, 20] += 15
    y[1, 40] += 15

    assert spikes(y) == (20, 40)


def test_a_spike_does_not_move_the_robust_value() -> None:
    y = noise(60)
    calm = volatility(y)
    y[25] += 12

    found = volatility(y)

    assert found.spikes == spikes(y) == (25,)
    assert found.too_narrow
    assert found.value > 1.5 * calm.value
    assert found.robust == pytest.approx(calm.robust, rel=0.15)


def test_white_noise_has_a_spike_in_one_series_of_fifty() -> None:
    found = [bool(spikes(row)) for row in noise(1_500, 40)]

    assert np.mean(found) == pytest.approx(0.02, abs=0.012)


def test_one_jump_of_a_flat_series_is_a_spike() -> None:
    y = np.full(40, 0.3)
    y[17] = 0.5

    found = volatility(y)

    assert found.spikes == (17,)
    assert found.robust == 0.0
    assert found.too_narrow


def test_the_small_steps_of_a_coarse_series_are_no_spikes() -> None:
    y = np.repeat([0.90, 0.92, 0.90, 0.92, 0.90, 0.92, 0.90, 0.92], 5)

    assert spikes(y) == ()


def test_the_bend_at_the_end_of_the_first_fall_is_no_spike() -> None:
    chance = np.random.default_rng(3)
    fall = 0.3 + 2.0 * np.exp(-np.arange(40) / 1.5)

    for _ in range(50):
        assert not spikes(fall * np.exp(0.002 * chance.standard_normal(40)), relative=True)


@pytest.mark.parametrize("place", [4, 12, 30, 39])
def test_a_spike_on_a_falling_curve_is_found_where_it_is(place: int) -> None:
    loss = 0.3 + 2.0 * np.exp(-np.arange(40) / 6.0)
    loss *= np.exp(0.01 * np.random.default_rng(3).standard_normal(40))
    loss[place] *= 1.5

    assert spikes(loss, relative=True) == (min(place, 38),)
