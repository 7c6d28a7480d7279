"""The gradient noise scale against gradients whose noise is known."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure.noise_scale import GradientNoise, noise_scale

SMALL, LARGE = 32, 256
RUNS = 600
NORMS = arrays.arrays(
    np.float64,
    (2, 6),
    elements=st.floats(0, 1e300) | st.just(0.0) | st.just(np.nan) | st.just(np.inf),
)


def known(found: GradientNoise | None) -> GradientNoise:
    """Return an answer that must be there."""
    assert found is not None
    return found


def holds(found: GradientNoise, truth: float) -> bool:
    """Tell whether the interval holds the truth."""
    return found.low <= truth and (found.high is None or truth <= found.high)


def draws(truth: float, count: int, steep: float, shared: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return squared norms (RUNS, count) of G + N(0, Σ/B), tr(Σ)/|G|² = truth, Σ's spectrum i^-steep.

    Shared: the large batch consists of the small ones, whose norms are averaged.
    """
    rng = np.random.default_rng(8)
    variance = np.arange(1.0, 61.0) ** -steep
    gradient = np.sqrt(variance / variance.sum())
    deviation = np.sqrt(truth * variance / variance.sum())
    if shared:
        parts = rng.normal(size=(RUNS, count, LARGE // SMALL, 60)) * deviation / SMALL**0.5
        small = ((parts + gradient) ** 2).sum(axis=3).mean(axis=2)
        return small, ((parts.mean(axis=2) + gradient) ** 2).sum(axis=2)
    noise = rng.normal(size=(2, RUNS, count, 60)) * deviation
    small, large = noise[0] / SMALL**0.5, noise[1] / LARGE**0.5
    return ((small + gradient) ** 2).sum(axis=2), ((large + gradient) ** 2).sum(axis=2)


def test_norms_as_they_are_on_average_give_the_noise_scale_itself() -> None:
    spread = np.array([0.9, 1.0, 1.1])

    found = known(noise_scale((1 + 500 / 32) * spread, (1 + 500 / 256) * spread, 32, 256))

    assert found.value == pytest.approx(500)
    assert (found.low, found.high) == pytest.approx((500, 500))
    assert found.draws == 3


def test_the_two_are_averaged_before_they_are_divided() -> None:
    small, large = np.array([2.0, 4.0, 3.0]), np.array([1.0, 1.5, 2.0])
    signal = (256 * large - 32 * small) / (256 - 32)
    noise = (small - large) / (1 / 32 - 1 / 256)

    assert known(noise_scale(small, large, 32, 256)).value == pytest.approx(
        noise.mean() / signal.mean()
    )


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("steep", [0.0, 1.0])
@pytest.mark.parametrize("truth", [100.0, 1_000.0, 10_000.0])
def test_the_interval_covers_the_truth(truth: float, steep: float, shared: bool) -> None:
    small, large = draws(truth, 16, steep, shared)

    found = [known(noise_scale(*one, SMALL, LARGE)) for one in zip(small, large, strict=True)]

    assert 0.85 <= np.mean([holds(one, truth) for one in found]) <= 0.95


def test_noise_that_hides_the_gradient_gives_a_lower_end_alone() -> None:
    small, large = draws(100_000.0, 16, 0.0, False)

    found = [known(noise_scale(*one, SMALL, LARGE)) for one in zip(small, large, strict=True)]

    unbounded = [one for one in found if one.high is None]
    assert len(unbounded) > 0.9 * RUNS
    assert all(one.value is None for one in unbounded)
    assert np.median([one.low for one in unbounded]) > 1_000


def test_plain_gradients_have_both_ends_around_the_value() -> None:
    small, large = draws(100.0, 16, 0.0, False)

    for one in zip(small, large, strict=True):
        found = known(noise_scale(*one, SMALL, LARGE))
        assert found.value is not None
        assert found.high is not None
        assert 0 < found.low < found.value < found.high


def test_gradients_without_noise_have_a_noise_scale_of_zero() -> None:
    assert noise_scale([2.0, 2.0], [2.0, 2.0], 32, 256) == GradientNoise(0.0, 0.0, 0.0, 2)


def test_noise_estimated_below_zero_counts_as_none() -> None:
    found = known(noise_scale([1.0, 1.1, 0.9], [2.0, 2.2, 1.9], 32, 256))

    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_a_draw_that_is_not_finite_is_left_out() -> None:
    small, large = [3.0, 4.0, np.nan, 3.5], [1.0, 1.5, 1.0, 1.2]

    found = known(noise_scale([*small, 9.0], [*large, np.inf], 32, 256))

    assert found == noise_scale([3.0, 4.0, 3.5], [1.0, 1.5, 1.2], 32, 256)
    assert found.draws == 3


@pytest.mark.parametrize(
    ("small", "large"), [([], []), ([1.0], [0.5]), ([1.0, np.nan], [0.5, 0.5]), ([0, 0], [0, 0])]
)
def test_below_two_draws_or_without_any_gradient_there_is_no_answer(
    small: list[float], large: list[float]
) -> None:
    assert noise_scale(small, large, 32, 256) is None


@given(norms=NORMS, scale=st.sampled_from([1.0, 1e-290]))
def test_any_norms_give_an_interval_around_a_value_or_none(norms: np.ndarray, scale: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = noise_scale(norms[0] * scale, norms[1] * scale, 32, 256)

    if found is not None:
        assert found.low >= 0
        assert (found.value is None) is (found.high is None)
        if found.value is not None and found.high is not None:
            assert found.low <= found.value <= found.high


@pytest.mark.parametrize(
    ("small", "large", "sizes", "message"),
    [
        ([1, 2], [1], (32, 256), "shape"),
        ([[1, 2]], [[1, 2]], (32, 256), "shape"),
        ([1, 2], [1, 2], (256, 32), "rise"),
        ([1, 2], [1, 2], (32, 32), "rise"),
        ([1, 2], [1, 2], (0, 32), "rise"),
    ],
)
def test_what_does_not_fit_is_refused(
    small: list[float], large: list[float], sizes: tuple[int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        noise_scale(small, large, *sizes)
