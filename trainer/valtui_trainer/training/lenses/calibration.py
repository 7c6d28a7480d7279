"""The loss that the same outputs would have at the best temperature (Guo et al. 2017, arXiv 1706.04599).

The temperature is found on one half of the set and scored on the other, crossed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

LOWEST, HIGHEST = 0.5, 20.0
ROUNDS = 24  # log T to 6 / 2^25 = 2e-7, and the crossed loss about as far
LEAST_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class Calibration:
    """What calibration would give.

    Attributes:
        loss: mean cross-entropy, each sample at the temperature of the half it is not in.
        temperature: geometric mean of the two; above 1 the outputs are overconfident.
    """

    loss: float
    temperature: float


@torch.inference_mode()
def calibrate(logits: torch.Tensor, labels: torch.Tensor) -> Calibration | None:
    """Return the cross-fitted calibration of `logits` (n, c) with `labels` int64 (n,).

    Temperatures lie between ½ and 20: a half without an error would be sharpened without bound, and one
    error in the other then cost everything. None where there is no answer: logits that are not finite,
    labels of a single class, fewer than four samples. Waits for the device once, at its end.
    """
    if logits.shape[0] < LEAST_SAMPLES or logits.shape[1] < 2:
        return None
    scores = logits.double()
    scores = scores - scores.amax(1, keepdim=True)
    own = scores.gather(1, labels[:, None]).squeeze(1)
    half = halves(labels)
    inverse = best_inverses(scores, own, half)
    crossed = inverse[1 - half]
    losses = torch.logsumexp(crossed[:, None] * scores, 1) - crossed * own
    answerable = logits.isfinite().all() & (labels.amin() < labels.amax())
    figures = torch.stack([losses.mean(), inverse.log().mean().neg().exp(), answerable.double()])
    loss, temperature, sound = figures.tolist()
    return Calibration(loss, temperature) if sound and math.isfinite(loss) else None


def halves(labels: torch.Tensor) -> torch.Tensor:
    """Return which half, 0 or 1, each of `labels` (n,) is in, int64 (n,): alternating within a class."""
    order = torch.argsort(labels, stable=True)
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    return place % 2


def best_inverses(scores: torch.Tensor, own: torch.Tensor, half: torch.Tensor) -> torch.Tensor:
    """Return for both halves the 1/T (2,) that gives the least mean loss within the bounds.

    The loss is convex in 1/T, so its slope E[score] − own score is bisected.

    Args:
        scores: logits, float64 (n, c), each row shifted at will.
        own: those of the labels (n,).
        half: which half a sample is in, int64 (n,).
    """
    members = torch.stack([1 - half, half]).double()
    low = scores.new_full((2,), -math.log(HIGHEST))
    high = scores.new_full((2,), -math.log(LOWEST))
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        chances = torch.softmax(middle.exp()[half][:, None] * scores, 1)
        rising = members @ ((chances * scores).sum(1) - own) > 0
        low, high = torch.where(rising, low, middle), torch.where(rising, middle, high)
    return ((low + high) / 2).exp()
