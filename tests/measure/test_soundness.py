"""The arithmetic of the checks, against the figures it was derived for and against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from valtui_trainer.measure.soundness import (
    effective_samples,
    memory_steps,
    momentum_to_forget,
    repeat,
    rest_noise,
    runs,
    smallest_change,
)


def test_a_mean_of_batch_means_over_900_in_batches_of_128_is_worth_210() -> None:
    assert effective_samples(900, 128) == pytest.approx(210, abs=0.1)


@given(n=st.integers(1, 5000), size=st.integers(1, 600))
def test_a_mean_of_batch_means_is_never_worth_more_than_all_samples(n: int, size: int) -> None:
    worth = effective_samples(n, size)

    assert 0 < worth <= n * (1 + 1e-12)
    if n % size == 0 or n < size:
        assert worth == pytest.approx(n)


@pytest.mark.parametrize(("rest", "factor"), [(1, 13), (2, 6.9), (8, 2.3)])
def test_a_rest_just_before_validation_multiplies_the_noise(rest: int, factor: float) -> None:
    assert rest_noise(0.1, 64, rest, 0, steps_per_epoch=500) == pytest.approx(factor, rel=0.02)


@pytest.mark.parametrize(
    ("momentum", "size", "rest", "further", "steps"),
    [(0.1, 64, 1, 0, 10), (0.1, 64, 2, 2, 30), (0.3, 16, 1, 3, 5), (1.0, 16, 2, 0, 5)],
)
def test_the_noise_of_the_running_mean_is_that_of_a_simulation(
    momentum: float, size: int, rest: int, further: int, steps: int
) -> None:
    draw = np.random.default_rng(0).standard_normal
    mean = np.zeros(20_000)
    epochs = 60 // steps + 20
    batches = ([size] * (steps - 1) + [rest]) * epochs + [size] * further
    for batch in batches:
        mean = (1 - momentum) * mean + momentum * draw(len(mean)) / math.sqrt(batch)
    full = momentum / (2 - momentum) / size

    assert mean.var() / full == pytest.approx(
        rest_noise(momentum, size, rest, further, steps), rel=0.04
    )


def test_without_momentum_a_rest_weighs_as_every_other_batch() -> None:
    batches = np.array(([32.0] * 9 + [4.0]) * 50)

    expected = (1 / batches).mean() * 32
    assert rest_noise(None, 32, 4, 0, 10) == pytest.approx(expected)
    assert rest_noise(0.0, 32, 4, 7, 10) == pytest.approx(expected)
    assert rest_noise(1e-9, 32, 4, 0, 10) == pytest.approx(expected)


@given(
    momentum=st.floats(1e-4, 1), size=st.integers(1, 512), rest=st.integers(1, 512),
    further=st.integers(0, 100), steps=st.integers(1, 1000),
)  # fmt: skip
def test_a_rest_never_calms_and_full_batches_make_it_forgotten(
    momentum: float, size: int, rest: int, further: int, steps: int
) -> None:
    rest = min(rest, size)
    now = rest_noise(momentum, size, rest, further, steps)
    later = rest_noise(momentum, size, rest, further + 1, steps)

    assert 1 <= later <= now * (1 + 1e-12)


@pytest.mark.parametrize(("momentum", "steps"), [(0.1, 44), (0.01, 458), (1.0, 0)])
def test_batchnorm_forgets_in_as_many_steps(momentum: float, steps: int) -> None:
    assert round(memory_steps(momentum)) == steps


def test_no_momentum_never_forgets_and_the_inverse_fits() -> None:
    assert memory_steps(0.0) == math.inf
    assert memory_steps(momentum_to_forget(125)) == pytest.approx(125)


def test_the_runs_test_agrees_with_permutations() -> None:
    chance = np.random.default_rng(1)
    labels = np.repeat(np.arange(4), [5, 10, 20, 65])
    found = [runs(chance.permutation(labels)) for _ in range(4000)]

    assert np.mean([one.changes for one in found]) == pytest.approx(found[0].expected, rel=0.01)
    assert np.mean([one.z for one in found]) == pytest.approx(0, abs=0.06)
    assert np.std([one.z for one in found]) == pytest.approx(1, abs=0.05)
    assert runs(labels).z < -5


def test_two_classes_give_the_variance_of_wald_and_wolfowitz() -> None:
    a, b = 12, 20
    n = a + b
    labels = np.repeat([0, 1], [a, b])
    deviation = math.sqrt(2 * a * b * (2 * a * b - n) / (n**2 * (n - 1)))

    found = runs(labels)

    assert found.expected == pytest.approx(2 * a * b / n)
    assert found.z == pytest.approx((1 - found.expected) / deviation)


@pytest.mark.parametrize("labels", [[], [3], [1, 1, 1, 1]])
def test_one_class_or_fewer_than_two_samples_have_no_order(labels: list[int]) -> None:
    assert runs(labels).expected == 0
    assert runs(labels).z == 0


def test_the_same_losses_are_the_same_but_for_the_order_of_summation() -> None:
    losses = np.random.default_rng(0).exponential(size=500).astype(np.float32)

    assert not repeat(losses, losses).random
    assert not repeat(losses, losses * np.float32(1 + 2e-7)).random
    assert repeat(losses, losses * np.float32(1 + 3e-5)).random
    assert repeat(losses, losses[::-1]).random, "the mean agrees, the samples do not"


def test_other_samples_are_seen_though_untrained_weights_tell_them_hardly_apart() -> None:
    chance = np.random.default_rng(0)
    first, second = (2.3 + 1e-4 * chance.standard_normal(500) for _ in range(2))

    assert repeat(first, second).random


def test_where_all_losses_are_one_nothing_can_be_seen() -> None:
    constant = np.full(50, math.log(10), np.float32)

    assert repeat(constant, constant).blind
    assert not repeat(constant, constant).random
    assert not repeat(constant, constant + np.float32(0.1)).blind


def test_losses_that_are_not_finite_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="finite"):
        repeat([1.0, math.nan], [1.0, 2.0])
    with pytest.raises(ValueError, match="finite"):
        smallest_change([1.0, math.inf], [1.0, 2.0])


def test_the_smallest_change_is_two_paired_standard_errors_over_the_loss() -> None:
    before, after = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.5, 1.5, 3.5, 3.5])

    error = np.std([0.5, -0.5, 0.5, -0.5], ddof=1) / 2
    assert smallest_change(before, after) == pytest.approx(2 * error / 2.5)
    assert smallest_change(before, before) == 0
