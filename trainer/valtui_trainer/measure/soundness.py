"""The arithmetic of the checks: is the validation loss measured soundly? Formulas only; no words.

Thresholds and sentences are with `training.checks`, which asks here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SUMMATION = 1e-5
"""Relative difference of two means of the same losses that the order of summation may make."""

PART_OF_SPREAD = 0.05
"""Differences of single samples, as part of the losses' spread, that rounding does not make."""

MEMORY = 0.01
"""Weight at which BatchNorm's running statistics count as having forgotten a batch."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Two evaluations of the same weights.

    Attributes:
        change: difference of the mean losses over the first one.
        apart: root mean square of the samples' differences, over the first mean too.
        random: they differ beyond the order of summation.
        blind: all samples have the same loss, so that other samples could not be told from them.
    """

    change: float
    apart: float
    random: bool
    blind: bool


def repeat(first: npt.ArrayLike, second: npt.ArrayLike) -> Repeat:
    """Compare the losses (n,) of two evaluations of the same weights on the same samples.

    Random: |mean(b) − mean(a)| > 1e-5·mean(a), or, where untrained weights give all samples about the
    same loss and the means say little, √mean((bᵢ−aᵢ)²) > max(0.05·sd(a), 1e-5·mean(a)).

    Raises:
        ValueError: a loss is not finite, or the shapes differ.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("losses must be finite, and as many in both evaluations.")
    mean = abs(float(a.mean()))
    unit = mean or 1.0
    change = abs(float(b.mean() - a.mean())) / unit
    apart = float(np.sqrt(np.mean((b - a) ** 2))) / unit
    spread = float(a.std()) / unit
    random = change > SUMMATION or apart > max(PART_OF_SPREAD * spread, SUMMATION)
    return Repeat(change, apart, random, blind=spread <= SUMMATION and not random)


def effective_samples(n: int, batch_size: int) -> float:
    """Return how many samples a mean of batch means is worth: K²/Σ(1/b_k) over K batches of b_k.

    A sample in batch k weighs 1/(K·b_k); with independent losses of variance s² the mean has the
    variance s²·Σ_k 1/(K²·b_k). n = 900 in batches of 128: seven of 128 and one of 4, worth 210.
    """
    full, rest = divmod(n, batch_size)
    batches = full + (rest > 0)
    return batches**2 / (full / batch_size + (1 / rest if rest else 0.0))


def rest_noise(
    momentum: float | None, batch_size: int, rest: int, further: int, steps_per_epoch: int
) -> float:
    """Return by what a rest batch multiplies the noise variance of BatchNorm's running mean.

    The running mean is R ← (1−m)·R + m·x with batch means x of variance s²/b. With full batches of B
    alone its variance is V = (s²/B)·m/(2−m). A rest of r, followed by k full batches, makes it
        V·[1 + m(2−m)·(B/r − 1)·(1−m)^{2k}],
    and with a rest in every epoch of S steps the earlier ones add up to a factor 1/(1 − (1−m)^{2S}).
    At B = 64, m = 0.1, k = 0: 13 for r = 1, 6.9 for 2, 2.3 for 8.

    Without momentum (None) the running mean is that of all batches, each weighing the same; over whole
    epochs the factor is 1 + (B/r − 1)/S, to which the other tends for a small m.

    Args:
        momentum: weight m of the newest batch, or None.
        batch_size: B.
        rest: r, at most B.
        further: k, full batches between the rest and the evaluation.
        steps_per_epoch: S, the rest batch included.
    """
    excess = batch_size / rest - 1
    if not momentum:
        return 1 + excess / steps_per_epoch
    kept = (1 - momentum) ** 2
    return 1 + (1 - kept) * excess * kept**further / (1 - kept**steps_per_epoch)


def memory_steps(momentum: float) -> float:
    """Return after how many steps a batch weighs 1 % of what it did: ln 0.01/ln(1−m).

    44 at 0.1, 458 at 0.01; 0 at 1, where only the newest batch counts; infinite at 0.
    """
    if not 0 < momentum < 1:
        return 0.0 if momentum >= 1 else math.inf
    return math.log(MEMORY) / math.log1p(-momentum)


def momentum_to_forget(steps: int) -> float:
    """Return the momentum at which a batch weighs 1 % after so many steps: 1 − 0.01^(1/steps)."""
    return float(-math.expm1(math.log(MEMORY) / steps))


@dataclass(frozen=True, slots=True)
class Runs:
    """How often the label changes from one sample to the next.

    Attributes:
        changes: how often it does.
        expected: how often it would in random order.
        z: (changes − expected) over the standard deviation of random order; 0 where that is none.
    """

    changes: int
    expected: float
    z: float


def runs(labels: npt.ArrayLike) -> Runs:
    """Return the runs test for several classes on labels (n,) in their order.

    With n_c of n samples in class c and S_k = Σ n_c^k, random order changes the label on average
    n − S₂/n times, with the variance [S₂(S₂ + n(n+1)) − 2nS₃ − n³]/[n²(n−1)]
    (Mood 1940; Barton and David 1957, Biometrika 44; Wald and Wolfowitz 1940 for two classes).
    """
    values = np.asarray(labels)
    n = len(values)
    if n < 2:
        return Runs(0, 0.0, 0.0)
    counts = np.unique(values, return_counts=True)[1].astype(np.float64)
    second, third = float((counts**2).sum()), float((counts**3).sum())
    changes = int((values[1:] != values[:-1]).sum())
    expected = n - second / n
    above = second * (second + n * (n + 1.0)) - 2.0 * n * third - float(n) ** 3
    deviation = math.sqrt(max(above, 0.0) / (float(n) ** 2 * (n - 1)))
    return Runs(changes, expected, (changes - expected) / deviation if deviation > 0 else 0.0)


def smallest_change(before: npt.ArrayLike, after: npt.ArrayLike) -> float:
    """Return 2·sd(bᵢ − aᵢ)/√n over mean(b): the smallest relative change of the loss this set shows.

    Twice the standard error of the paired difference of two evaluations of the same n samples.

    Raises:
        ValueError: fewer than two samples, shapes that differ, or losses that are not finite.
    """
    a, b = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if a.shape != b.shape or len(a) < 2 or not np.isfinite(a).all() or not np.isfinite(b).all():
        raise ValueError("two evaluations of the same two or more samples, all finite, are needed.")
    error = float((b - a).std(ddof=1)) / math.sqrt(len(a))
    mean = float(b.mean())
    return 2 * error / mean if mean > 0 else (math.inf if error else 0.0)
