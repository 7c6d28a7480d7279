"""The finite validation set: how much of the fluctuation comes from its having so few samples.

Each evaluation's mean is over the same samples, yet their losses move each for itself; a set of
another size would have averaged this more, or less. Formula for i.i.d. samples: Jordan (2023),
arXiv 2304.01910, theorem 2, there for runs; for sets drawn by class the variance within classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.left import Left
from valtui_trainer.measure.quantiles import deviation_limits
from valtui_trainer.measure.residuals import Floats, freedom, prepare, residuals, weights
from valtui_trainer.measure.rolling import FEWEST_FOR_INTERVAL
from valtui_trainer.measure.samples import Integers, Losses, complete, seeds_of, triples


@dataclass(frozen=True, slots=True)
class Parts:
    """The squared volatility of the loss and the part of it that comes from the finite set.

    Attributes:
        whole: q(L).
        of_set: the variance, over sets of this size, of the mean of the residuals.
        degrees: effective degrees of freedom, summed over seeds.
        points: evaluations without a gap of the seed that has most.
        n: samples.
    """

    whole: float
    of_set: float
    degrees: float
    points: int
    n: int


def finite_left(
    val_loss: npt.ArrayLike,
    losses: Losses | Sequence[Losses],
    labels: Integers | None = None,
    x: npt.ArrayLike | None = None,
    level: float = 0.9,
) -> Left | None:
    """Return the volatility that a far larger validation set, drawn the same way, would leave.

    θ = 1 - V/q(L). V is the variance of the set's mean: over the triples of evaluations, the mean of
    Σ_c (n_c/n)²·s_c²/n_c, s_c² being the spread of the residuals of the samples of class c. Without
    labels all samples are one class, which is q_D = n/(n-1)·[q(L) - (1/n²)Σ q(ℓ_i)].

    A class with a single sample, whose own spread cannot be seen, is given that of all samples, as
    by `best.standard_error`.

    The interval takes the χ² limits of q(L) through 1 - V/q(L): V is a mean over all samples and far
    better known than q(L). It is true of this set against a far larger one, and too narrow where the
    loss itself has spikes or heavy tails (`Volatility.too_narrow`).

    Args:
        val_loss: (T,) or (seeds, T), the means of `losses`.
        losses: per-sample losses (T, n), or one such array for each seed; a row with one that is not
            finite is a gap.
        labels: class of each sample (n,), where the set was drawn by class.
        x: places (T,), rising; None: equally spaced.
        level: of the interval.

    Returns:
        None where no three evaluations stand together, the loss does not fluctuate, or there is
        only one sample.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    found = parts_of(val_loss, losses, labels, x)
    if found is None:
        return None
    ratio = 1.0 - found.of_set / found.whole
    interval = None
    if found.points >= FEWEST_FOR_INTERVAL:
        low, high = deviation_limits(round(found.degrees, 6), level)
        interval = Interval(root(1.0 - (1.0 - ratio) / low**2), root(1.0 - (1.0 - ratio) / high**2))
    return Left(ratio, root(ratio), interval, found.degrees)


def predicted_volatility(
    val_loss: npt.ArrayLike,
    losses: Losses | Sequence[Losses],
    size: float,
    labels: Integers | None = None,
    x: npt.ArrayLike | None = None,
) -> float:
    """Return the volatility that a validation set of `size` samples would show, in loss units.

    √(q(L) - V + V·n/size), V as in `finite_left`: drawn the same way, by class in the same
    proportions if `labels` are given. 0 where the estimate is below zero; NaN where `finite_left`
    has no answer.

    Args:
        val_loss, losses, labels, x: as for `finite_left`.
        size: at least 1; infinity for a set without bounds.

    Raises:
        ValueError: the shapes do not fit, x does not rise, or the size is below 1.
    """
    if not size >= 1:
        raise ValueError(f"a validation set has at least 1 sample, not {size}.")
    found = parts_of(val_loss, losses, labels, x)
    if found is None:
        return float("nan")
    return root(found.whole - found.of_set * (1.0 - found.n / size))


def parts_of(
    val_loss: npt.ArrayLike,
    losses: Losses | Sequence[Losses],
    labels: Integers | None,
    x: npt.ArrayLike | None,
) -> Parts | None:
    """Return q(L) and the finite set's part of it; None where `finite_left` has no answer."""
    values, places = prepare(val_loss, x)
    seeds = seeds_of(losses)
    if len(seeds) != len(values) or any(len(one) != values.shape[1] for one in seeds):
        shapes = [one.shape for one in seeds]
        raise ValueError(f"the losses of the seeds have shapes {shapes}, val_loss {values.shape}.")
    n = seeds[0].shape[1] if seeds else 0
    if labels is not None and np.shape(labels) != (n,):
        raise ValueError(f"labels have shape {np.shape(labels)}, there are {n} samples.")
    if n < 2:
        return None
    whole = of_set = total = 0.0
    points = 0
    classes = Classes(n, labels)
    for series, one in zip(values, seeds, strict=True):
        known = np.isfinite(series) & complete(one)
        found = residuals(places, np.where(known, series, np.nan)[None])[0]
        usable = np.isfinite(found)
        if not usable.any():
            continue
        nu = float(freedom(weights(places), usable[None])[0])
        with np.errstate(over="ignore", invalid="ignore"):
            spread = np.concatenate(
                [classes.variance(rows) for _, rows in triples(one, places, known)]
            )
            whole += nu * float(np.mean(found[usable] ** 2))
        of_set += nu * float(np.mean(spread[usable]))
        total += nu
        points = max(points, int(known.sum()))
    if not (total > 0 and 0 < whole < np.inf and np.isfinite(of_set)):
        return None
    return Parts(whole / total, of_set / total, total, points, n)


class Classes:
    """The samples sorted by class, so that a row's sums by class are taken at one go."""

    def __init__(self, n: int, labels: Integers | None) -> None:
        """Sort n samples by their labels (n,); None: all of one class."""
        self.order = None if labels is None else np.argsort(labels, kind="stable")
        kinds = np.zeros(n, int) if labels is None else np.asarray(labels)[self.order]
        self.starts = np.flatnonzero(np.r_[True, kinds[1:] != kinds[:-1]])
        self.sizes = np.diff(np.r_[self.starts, n])
        self.n = n

    def variance(self, rows: Floats) -> Floats:
        """Return the variance of the mean of rows (m, n), shape (m,): Σ_c (n_c/n)²·s_c²/n_c."""
        values = rows if self.order is None else rows[:, self.order]
        sizes = self.sizes
        mean = np.add.reduceat(values, self.starts, axis=1) / sizes
        squares = (values - np.repeat(mean, sizes, axis=1)) ** 2
        spread = np.add.reduceat(squares, self.starts, axis=1) / np.maximum(sizes - 1, 1)
        if (sizes == 1).any():
            spread[:, sizes == 1] = values.var(axis=1, ddof=1)[:, None]
        return np.asarray(spread @ sizes / self.n**2)


def root(square: float) -> float:
    """Return √ of what is positive, 0 of what is not."""
    return float(np.sqrt(max(0.0, square)))
