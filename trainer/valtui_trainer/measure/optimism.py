"""Optimism: how much lower the best evaluation looks than it is, for having been chosen as the lowest."""

from __future__ import annotations

import numpy as np

from valtui_trainer.measure.finite import finite_left
from valtui_trainer.measure.samples import CHUNK, Losses, complete, means

POISSON = np.searchsorted(
    np.cumsum([1.0, 1.0, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720]) / np.e,
    (np.arange(65_536) + 0.5) / 65_536,
).astype(np.float32)
"""How often a sample is drawn, for each of 65,536 equally likely numbers: Poisson with mean 1."""


def optimism(losses: Losses, seed: int = 0, resamples: int = 200) -> float:
    """Return the optimism of the lowest mean of losses (T, n) over evaluations, in loss units.

    In each resample of the samples the best evaluation is chosen again and scored on the samples
    left out. Their loss is higher by what the choice owed to the samples, twice over: what the
    resample gained, those left out lost. So half of the difference counts. And in a resample the set's
    noise is there twice, once for the samples and once for the resampling, so a choice follows it less
    than the first one did: the half is multiplied by √(1 + v), v the finite set's share of the squared
    volatility (`finite`). Then K exchangeable evaluations have m_K·σ_set²/√(σ_set² + σ_dist²).

    Resamples draw each sample a Poisson number of times, so that one pass over the samples is enough;
    products are in float32, of losses less their mean, and are summed in float64.

    Args:
        losses: per-sample losses (T, n); a row with one that is not finite cannot be chosen.
        seed: of the resamples.
        resamples: how many.

    Returns:
        At least 0, which it is where there is one evaluation only; NaN where there is none, or fewer
        than two samples.
    """
    rows = np.flatnonzero(complete(losses))
    n = losses.shape[1]
    if not len(rows) or n < 2:
        return float("nan")
    generator = np.random.default_rng(seed)
    drawn, left_out = np.zeros((2, resamples, len(rows)))
    sizes = np.zeros((2, resamples, 1))
    mean = means(losses)[rows]
    step = max(1, CHUNK // max(len(rows), resamples))
    with np.errstate(over="ignore", invalid="ignore"):
        for begin in range(0, n, step):
            block = (losses[rows, begin : begin + step] - mean[:, None]).astype(np.float32)
            times = POISSON[generator.integers(0, 65_536, (resamples, block.shape[1]), np.uint16)]
            out = (times == 0).astype(np.float32)
            drawn += times @ block.T
            left_out += out @ block.T
            sizes += np.stack([times.sum(axis=1, keepdims=True), out.sum(axis=1, keepdims=True)])
        usable = (sizes[0, :, 0] > 0) & (sizes[1, :, 0] > 0)
        if not usable.any() or not (np.isfinite(drawn).all() and np.isfinite(left_out).all()):
            return float("nan")
        chosen_by = drawn[usable] / sizes[0, usable]
        higher = left_out[usable] / sizes[1, usable] - chosen_by
        # What the two halves of a resample differ by at all evaluations is no matter of the choice.
        higher -= higher.mean(axis=1, keepdims=True)
        best = np.argmin(chosen_by + mean, axis=1)[:, None]
        gained = float(np.take_along_axis(higher, best, axis=1).mean())
    return max(0.0, 0.5 * gained * float(np.sqrt(1.0 + share_of_set(losses))))


def share_of_set(losses: Losses) -> float:
    """Return the part of the squared volatility that comes from the finite set, 0 to 1; 0 if unknown."""
    found = finite_left(means(losses), losses)
    return 0.0 if found is None else min(1.0, max(0.0, 1.0 - found.ratio))
