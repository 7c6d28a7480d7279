"""Which validation samples the fluctuation comes from: each one's contribution, the hardest, groups.

The loss is the mean over samples, so its squared volatility splits into one term for each: q(ℓ_i/n, L).
These sum to q(L) and may be negative. They describe; they name no cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.left import Left, left_of
from valtui_trainer.measure.pooled import Part, pool, slope_interval
from valtui_trainer.measure.residuals import Floats, freedom, prepare, weights
from valtui_trainer.measure.samples import (
    Integers,
    Losses,
    complete,
    means,
    seeds_of,
    triples,
)


@dataclass(frozen=True, slots=True)
class HardestShare:
    """The samples that carry most of the fluctuation, chosen on some evaluations, scored on others.

    Attributes:
        indices: columns of the hardest, by their contributions at all evaluations, hardest first.
        share: part of q(L) that the chosen carry at evaluations they were not chosen on; may be
            negative.
        permuted: what share is on average where residuals are permuted across samples, so that none
            is hard.
        interval: of share, the choice being what it was; None below 8 evaluations.
        left: volatility of the mean over all other samples, cross-fitted in the same way.
    """

    indices: Integers
    share: float
    permuted: float
    interval: Interval | None
    left: Left


@dataclass(frozen=True, slots=True)
class GroupShare:
    """The part of the squared volatility that one group of samples carries.

    Attributes:
        group: its number.
        size: how many samples it has.
        share: q(Σ_{i in group} ℓ_i/n, L)/q(L); may be negative, and sums to 1 over all groups.
        interval: of share; None below 8 evaluations.
    """

    group: int
    size: int
    share: float
    interval: Interval | None


def contributions(
    losses: Losses | Sequence[Losses], x: npt.ArrayLike | None = None
) -> Floats | None:
    """Return each sample's part of the squared volatility, q(ℓ_i/n, L)/q(L), shape (n,), sum 1.

    Read on the same evaluations as it was chosen by, a largest contribution says nothing: with no
    hard samples at all 22 of 500 carry half. For that see `hardest`.

    Args:
        losses: per-sample losses (T, n), or one such array for each seed; a row with one that is not
            finite is a gap.
        x: places (T,), rising; None: equally spaced.

    Returns:
        None where no three evaluations stand together or the mean does not fluctuate.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    seeds, places = prepared(losses, x)
    return split([(places, one) for one in seeds])


def hardest(
    losses: Losses | Sequence[Losses],
    fraction: float = 0.01,
    x: npt.ArrayLike | None = None,
    level: float = 0.9,
) -> HardestShare | None:
    """Return what the hardest samples carry, and what would be left without them.

    Cross-fitted: samples chosen by their contributions at the odd evaluations are scored at the even
    ones, and the other way round; both scores are pooled, each weighing as much as its volatility.
    Odd and even evaluations are two series of their own at twice the spacing, so no evaluation both
    chooses and scores. Noise of one sample that lasts from evaluation to evaluation does both: with
    none hard, AR(1) at φ = 0.3 reads as 1.4 times the fair part, 0.6 as twice.

    `permuted` needs no simulation: permuting residuals across samples leaves their mean as it is, and
    a choice made elsewhere gets on average its fair part of it, k/n.

    Args:
        losses, x: as for `contributions`.
        fraction: how many of the samples to choose; at least one is, and one is left.
        level: of the intervals.

    Returns:
        None where nothing can be chosen or scored: fewer than two samples, no three odd or no three
        even evaluations together, or no fluctuation there.

    Raises:
        ValueError: the shapes do not fit, x does not rise, or fraction is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be between 0 and 1, not {fraction}.")
    seeds, places = prepared(losses, x)
    n = seeds[0].shape[1] if seeds else 0
    count = min(max(1, round(fraction * n)), n - 1)
    whole = split([(places, one) for one in seeds])
    if n < 2 or whole is None:
        return None
    chosen = []
    for start in (0, 1):
        found = split([(places[start::2], one[start::2]) for one in seeds])
        if found is None:
            return None
        chosen.append(largest(found, count))
    their: list[list[Part]] = []
    others: list[list[Part]] = []
    for one in seeds:
        loss = means(one)
        theirs = np.full(len(loss), np.nan)
        for start in (0, 1):
            theirs[start::2] = means(one[start::2], chosen[1 - start]) * (count / n)
        without = (loss - theirs) * (n / (n - count))
        halves = [slice(start, None, 2) for start in (0, 1)]
        their.append([(places[half], loss[half], theirs[half]) for half in halves])
        others.append([(places[half], loss[half], without[half]) for half in halves])
    share, left = pool(their), pool(others)
    if share is None or left is None:
        return None
    return HardestShare(
        indices=largest(whole, count),
        share=share.slope,
        permuted=count / n,
        interval=slope_interval(share, level),
        left=left_of(left, level),
    )


def group_shares(
    losses: Losses | Sequence[Losses],
    group: npt.ArrayLike,
    x: npt.ArrayLike | None = None,
    level: float = 0.9,
) -> tuple[GroupShare, ...]:
    """Return the part of the squared volatility that each group of samples carries, by group.

    The groups (classes, quartiles of brightness, …) are known before the losses are, so nothing is
    chosen by what is then scored, and there is nothing to cross-fit.

    Args:
        losses, x: as for `contributions`.
        group: number of each sample's group (n,); samples with a negative one are in none.
        level: of the intervals, each by itself.

    Returns:
        Nothing where no three evaluations stand together or the mean does not fluctuate.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    seeds, places = prepared(losses, x)
    groups = np.asarray(group)
    n = seeds[0].shape[1] if seeds else 0
    if groups.shape != (n,):
        raise ValueError(f"group has shape {groups.shape}, there are {n} samples.")
    totals = [means(one) for one in seeds]
    shares = []
    for number in np.unique(groups[groups >= 0]).tolist():
        members = np.flatnonzero(groups == number)
        part = len(members) / n
        found = pool(
            [
                [(places, total, means(one, members) * part)]
                for total, one in zip(totals, seeds, strict=True)
            ]
        )
        if found is None:
            return ()
        interval = slope_interval(found, level)
        shares.append(GroupShare(int(number), len(members), found.slope, interval))
    return tuple(shares)


def quartiles(values: npt.ArrayLike) -> Integers | None:
    """Return the quartile of each of values (n,): 0 the lowest to 3, -1 for what is not finite.

    Equal values are always together, in the quartile of their middle rank; so there may be fewer
    than four. None where there would be only one.
    """
    known = np.asarray(values, dtype=np.float64)
    found = np.full(known.shape, -1, dtype=np.int64)
    finite = np.isfinite(known)
    _, kind, counts = np.unique(known[finite], return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2.0
    found[finite] = np.minimum(3, 4.0 * middle / max(1, finite.sum())).astype(np.int64)[kind]
    return found if len(np.unique(found[finite])) > 1 else None


def prepared(
    losses: Losses | Sequence[Losses], x: npt.ArrayLike | None
) -> tuple[list[Losses], Floats]:
    """Return the losses of each seed and the places (T,)."""
    seeds = seeds_of(losses)
    length = len(seeds[0]) if seeds else 0
    _, places = prepare(np.zeros(length), x)
    return seeds, places


def largest(values: Floats, count: int) -> Integers:
    """Return the positions of the `count` largest of values (n,), the largest first."""
    return np.argsort(-values, kind="stable")[:count].astype(np.int64)


def split(parts: Sequence[tuple[Floats, Losses]]) -> Floats | None:
    """Return `contributions` of series with their places, averaged by degrees of freedom."""
    total: Floats | None = None
    for places, losses in parts:
        if not losses.shape[1] or len(losses) < 3:
            continue
        known = complete(losses)
        usable = known[:-2] & known[1:-1] & known[2:]
        if not usable.any():
            continue
        weight = float(freedom(weights(places), usable[None])[0]) / int(usable.sum())
        with np.errstate(over="ignore", invalid="ignore"):
            for where, rows in triples(losses, places, known):
                kept = rows if usable[where].all() else rows[usable[where]]
                term = weight * (kept.mean(axis=1) @ kept)
                total = term if total is None else total + term
    if total is None:
        return None
    whole = float(total.sum())
    return total / whole if 0 < whole < np.inf and np.isfinite(total).all() else None
