"""The loss at the best temperature: against scipy, against known truth, and where there is no answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch.nn import functional

from valtui_trainer.training.lenses import calibration
from valtui_trainer.training.lenses.calibration import HIGHEST, LOWEST, calibrate, halves


def simulated(
    seed: int, n: int, classes: int, spread: float = 1.5
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits that are calibrated, with labels drawn from their chances."""
    generator = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(n, classes, generator=generator)
    labels = torch.multinomial(torch.softmax(logits, 1), 1, generator=generator).squeeze(1)
    return logits, labels


def loss_at(inverse: float, logits: torch.Tensor, labels: torch.Tensor) -> float:
    return float(functional.cross_entropy(logits.double() * inverse, labels))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_the_cross_fitted_loss_is_what_scipy_finds(seed: int, scale: float) -> None:
    logits, labels = simulated(seed, 301, 3 + seed)
    logits = logits * scale
    half = halves(labels)
    parts = [(logits[half == part], labels[half == part]) for part in (0, 1)]
    best = [
        minimize_scalar(
            lambda log_t, part=part: loss_at(math.exp(-log_t), *part),
            bounds=(math.log(LOWEST), math.log(HIGHEST)),
            method="bounded",
            options={"xatol": 1e-10},
        ).x
        for part in parts
    ]
    crossed = sum(
        len(part[1]) * loss_at(math.exp(-other), *part)
        for part, other in zip(parts, reversed(best), strict=True)
    )

    found = calibrate(logits, labels)

    assert found is not None
    assert found.temperature == pytest.approx(math.exp(sum(best) / 2), rel=1e-5)
    assert found.loss == pytest.approx(crossed / len(labels), rel=1e-6)


@pytest.mark.parametrize("tried", [3, 15])
def test_several_temperatures_tried_at_once_find_what_one_after_the_other_finds(
    tried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits, labels = simulated(3, 301, 6)
    one_by_one = calibrate(2.0 * logits, labels)

    monkeypatch.setattr(calibration, "tried_at_once", lambda _: tried)
    found = calibrate(2.0 * logits, labels)

    assert found is not None
    assert one_by_one is not None
    assert found.loss == pytest.approx(one_by_one.loss, rel=1e-7)
    assert found.temperature == pytest.approx(one_by_one.temperature, rel=1e-6)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("n", [301, 70_000, 400_000])
def test_on_cuda_the_answer_is_that_of_the_cpu(n: int) -> None:
    logits, labels = simulated(3, n, 30)

    here, there = calibrate(logits, labels), calibrate(logits.cuda(), labels.cuda())

    assert here is not None
    assert there is not None
    assert there.loss == pytest.approx(here.loss, rel=1e-6)


def test_logits_scaled_by_three_have_a_temperature_of_three() -> None:
    logits, labels = simulated(0, 20_000, 10)

    found = calibrate(3.0 * logits, labels)

    assert found is not None
    assert found.temperature == pytest.approx(3.0, rel=0.03)
    assert found.loss == pytest.approx(loss_at(1.0, logits, labels), rel=1e-3)


def test_a_calibrated_model_gains_nothing_on_average() -> None:
    gains = []
    for seed in range(40):
        logits, labels = simulated(seed, 200, 5)
        found = calibrate(logits, labels)
        assert found is not None
        gains.append(loss_at(1.0, logits, labels) - found.loss)

    assert np.mean(gains) < 0


def test_halves_alternate_within_each_class() -> None:
    labels = torch.tensor([2, 0, 2, 2, 0, 1, 2, 1, 0, 0])

    half = halves(labels)

    for label in range(3):
        of_class = half[labels == label]
        assert (of_class[1:] != of_class[:-1]).all()
    assert int(half.sum()) == 5


def test_a_constant_shift_of_a_samples_logits_changes_nothing() -> None:
    logits, labels = simulated(1, 100, 4)

    shifted = calibrate(logits.double() + torch.arange(100.0, dtype=torch.float64)[:, None], labels)

    assert shifted == calibrate(logits.double(), labels)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_have_no_answer(value: float) -> None:
    logits, labels = simulated(0, 20, 3)
    logits[4, 1] = value

    assert calibrate(logits, labels) is None


def test_too_little_to_calibrate_has_no_answer() -> None:
    logits, labels = simulated(0, 20, 3)

    assert calibrate(logits[:0], labels[:0]) is None
    assert calibrate(logits[:2], torch.tensor([0, 1])) is None
    assert calibrate(logits, torch.zeros(20, dtype=torch.int64)) is None
    assert calibrate(logits[:, :1], torch.zeros(20, dtype=torch.int64)) is None


def test_outputs_that_are_all_right_stay_within_the_bounds() -> None:
    labels = torch.arange(40) % 4
    found = calibrate(5.0 * functional.one_hot(labels, 4).float(), labels)

    assert found is not None
    assert found.temperature == pytest.approx(LOWEST, rel=1e-4)
    assert found.loss == pytest.approx(math.log1p(3 * math.exp(-5.0 / LOWEST)), rel=1e-4)


def test_one_error_in_a_half_beside_one_without_errors_does_not_cost_everything() -> None:
    labels = torch.arange(40) % 4
    logits = 5.0 * functional.one_hot(labels, 4).float()
    logits[0] = torch.tensor([0.0, 5.0, 0.0, 0.0])

    plain = float(functional.cross_entropy(logits, labels))
    found = calibrate(logits, labels)

    assert found is not None
    assert found.loss < 2.0 * plain


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 30), classes=st.integers(1, 6), scale=st.sampled_from([0.0, 1e-30, 1.0, 1e30]),
    seed=st.integers(0, 1000),
)  # fmt: skip
def test_anything_gives_an_answer_or_none(n: int, classes: int, scale: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(n, classes, generator=generator)
    labels = torch.randint(0, classes, (n,), generator=generator)

    found = calibrate(logits, labels)

    if found is not None:
        assert math.isfinite(found.loss)
        assert LOWEST * 0.999 <= found.temperature <= HIGHEST * 1.001
