"""The loss that the same outputs would have at the best temperature (Guo et al. 2017, arXiv 1706.04599).

The temperature is found on one half of the set and scored on the other, crossed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

LOWEST, HIGHEST = 0.5, 20.0
AT_ONCE = {15: 6, 3: 12, 1: 24}
"""Temperatures tried at once, and rounds: (tried + 1)^rounds is 2^24, so that log T is found to 2e-7, and
the crossed loss about as far."""
MOST_TRIED = 1 << 23
"""Figures (samples, classes and temperatures) on the GPU at once."""
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

    The loss is convex in 1/T, so the root of its slope E[score] − own score is closed in on. A GPU tries
    several at once: on small sets each launch costs it far more than the figures.

    Args:
        scores: logits, float64 (n, c), each row shifted at will.
        own: those of the labels (n,).
        half: which half a sample is in, int64 (n,).
    """
    members = torch.stack([1 - half, half]).double()
    tried = tried_at_once(scores)
    places = torch.arange(1, tried + 1, device=scores.device, dtype=scores.dtype)
    low = scores.new_full((2, 1), -math.log(HIGHEST))
    part = (math.log(HIGHEST) - math.log(LOWEST)) / (tried + 1)
    for _ in range(AT_ONCE[tried]):
        inverses = (low + part * places).exp()
        chances = torch.softmax(inverses[half][:, :, None] * scores[:, None, :], 2)
        falling = members @ ((chances * scores[:, None, :]).sum(2) - own[:, None]) <= 0
        low = low + part * falling.sum(1, keepdim=True)
        part /= tried + 1
    return (low + part * (tried + 1) / 2).squeeze(1).exp()


def tried_at_once(scores: torch.Tensor) -> int:
    """Return how many temperatures to try at once on `scores` (n, c)."""
    if scores.device.type == "cpu":
        return 1
    return next((k for k in AT_ONCE if k * scores.numel() <= MOST_TRIED), 1)
