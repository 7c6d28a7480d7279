"""The gradient noise scale: from which batch size on a larger batch stops helping.

McCandlish, Kaplan, Amodei et al. (2018), arXiv 1812.06162, appendix A.1: with |G_B|² the squared norm
of a batch's gradient, E|G_B|² = |G|² + S/B, so two batch sizes tell |G|² and S apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.quantiles import student
from valtui_trainer.measure.residuals import Floats

FEWEST_DRAWS = 2


@dataclass(frozen=True, slots=True)
class GradientNoise:
    """The simple noise scale B = S/|G|², in images.

    Attributes:
        value: 0 where S is estimated below zero; None where |G|² is not told from zero.
        low: lower end of its interval.
        high: upper end; None: unbounded, for the same reason.
        draws: pairs of norms that it rests on.
    """

    value: float | None
    low: float
    high: float | None
    draws: int


def noise_scale(
    small: npt.ArrayLike,
    large: npt.ArrayLike,
    small_batch: float,
    large_batch: float,
    level: float = 0.9,
) -> GradientNoise | None:
    """Return the noise scale from M draws of gradients of a small and of a large batch.

    |G|² ≈ (B₂|G₂|² - B₁|G₁|²)/(B₂ - B₁) and S ≈ (|G₁|² - |G₂|²)/(1/B₁ - 1/B₂) of each draw; both
    are averaged before they are divided, for a mean of ratios is no estimate. The interval is
    Fieller's (1954): all B for which the mean of S - B·|G|² over the draws is within Student's t of
    zero. It has no upper end where |G|² itself is not told from zero.

    The two norms of a draw may share images (the small batches being parts of the large one).
    Coverage of nominal 90 % in simulation, gradients G + N(0, Σ/B) with flat to steep spectra of Σ,
    8 to 32 draws, B from half of the large batch to 40 times it: 0.89 to 0.92 for separate batches,
    0.84 to 0.91 for shared ones (lowest for 8 draws of a steep spectrum). A delete-one jackknife
    gives 0.9 where |G|² is plain, and 0.3 to 0.8 where it is not.

    Args:
        small, large: squared gradient norms (M,); a draw's may be the average over several batches
            of its size. A draw with one that is not finite is left out.
        small_batch, large_batch: B₁ < B₂, in images.
        level: of the interval.

    Returns:
        None below two draws, or where every norm is zero.

    Raises:
        ValueError: the shapes differ, or the batch sizes are not 0 < B₁ < B₂.
    """
    first, second = (np.asarray(one, dtype=np.float64) for one in (small, large))
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"small and large must have shape (M,), not {first.shape}, {second.shape}."
        )
    if not 0 < small_batch < large_batch < np.inf:
        raise ValueError(f"batch sizes must rise from above 0, not {small_batch}, {large_batch}.")
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    largest = float(np.maximum(np.abs(first), np.abs(second)).max(initial=0.0))
    if len(first) < FEWEST_DRAWS or largest == 0.0:
        return None
    first, second = first / largest, second / largest
    signal = (large_batch * second - small_batch * first) / (large_batch - small_batch)
    noise = (first - second) / (1.0 / small_batch - 1.0 / large_batch)
    return fieller(noise, signal, level)


def fieller(noise: Floats, signal: Floats, level: float) -> GradientNoise:
    """Return the ratio of the means of noise (M,) and signal (M,), both in truth not negative.

    The ends are the roots of a·B² - 2b·B + c = 0, which is (S - B·G)² = t²·Var(S - B·G); the lower
    one is written so that it stays exact where a passes through zero.
    """
    draws = len(noise)
    s, g = float(noise.mean()), float(signal.mean())
    spread = np.cov(noise, signal) * (student(0.5 + level / 2.0, draws - 1) ** 2 / draws)
    a, b, c = g * g - float(spread[1, 1]), s * g - float(spread[0, 1]), s * s - float(spread[0, 0])
    root = max(0.0, b * b - a * c) ** 0.5
    low = c / (b + root) if s > 0 and c > 0 and b + root > 0 else 0.0
    if not (g > 0 and a > 0):
        return GradientNoise(None, low, None, draws)
    value = max(0.0, s / g)  # inside the ends, but for rounding
    return GradientNoise(value, min(low, value), max(value, (b + root) / a), draws)
