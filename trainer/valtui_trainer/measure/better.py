"""Better, or noise? The losses of two presets compared on two levels, over samples and over seeds.

Over samples: is the difference more than this validation set would show by chance, given the networks
that were trained? Over seeds: is it more than other seeds would give, given this set? Both together
are still too easily content: where set and seeds contribute alike, both tell a difference in up to 14 %
of simulated pairs of equal presets (nominal 5 %, 10 seeds each). So a third question is asked, of other
seeds and other samples at once, with the two-way variance of Cameron, Gelbach and Miller (2011); then
it is 6 % at most, and 2-3 % at two seeds each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.best import Integers, standard_error
from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.quantiles import student

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
POWER = 0.8
FEWEST_TO_TELL = 3
"""Two seeds each tell a difference of 6 standard deviations only half the time."""

KNOWN = 1e6
"""Degrees of freedom of what is taken as known."""

MOST_SEEDS = 50
SAME = 1e-4
"""Differences by sample below this share of the loss come from the order of summation, not from training."""

Outcome = Literal[
    "better",
    "more-seeds-needed",
    "second-seed-needed",
    "set-cannot-tell",
    "same-losses",
    "no-samples",
]


@dataclass(frozen=True, slots=True)
class Told:
    """How well a difference is known on one level.

    Attributes:
        error: its standard error.
        degrees: of freedom of Student's t.
        interval: of the difference.
    """

    error: float
    degrees: float
    interval: Interval

    @property
    def told(self) -> bool:
        """Whether the difference is told from zero."""
        return self.interval.low > 0 or self.interval.high < 0


@dataclass(frozen=True, slots=True)
class Better:
    """What can be said of two presets, a and b.

    Attributes:
        difference: loss of b less that of a; positive where a is better.
        outcome: better: told over samples, over seeds and over both at once; more-seeds-needed: more
            than this set would show by chance, but other seeds may give as much; second-seed-needed:
            the same, and one of the presets has a single seed; set-cannot-tell: not more than this set
            would show, whatever the seeds say; same-losses: there is no difference; no-samples: losses
            by sample are not known, so that nothing can be said of the set.
        over_samples: None for fewer than two samples.
        over_seeds, over_both: None where one of the presets has a single seed; `over_both` also
            where there is no `over_samples`.
        seeds: of a and of b.
        samples: that both were evaluated on.
        seeds_needed: of each preset, in all; None where more than MOST_SEEDS, or not asked for: it is
            said where more seeds are needed.
    """

    difference: float
    outcome: Outcome
    over_samples: Told | None
    over_seeds: Told | None
    over_both: Told | None
    seeds: tuple[int, int]
    samples: int
    seeds_needed: int | None = None


def better(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    labels: Integers | None = None,
    pairs: int = 1,
    level: float = LEVEL,
) -> Better:
    """Return what can be said of two presets from their levels by seed and sample.

    Intervals stand at 1-(1-level)/pairs (Bonferroni): what is said of all pairs together is wrong with
    a probability of at most 1-level, also of those that were chosen for their losses, such as all
    against the best. Decision and interval agree, which they would not under Holm's procedure.

    Args:
        a: levels (seeds, n), as by `sample_levels`; seeds that are not finite are left out.
        b: the same of the other preset (its own seeds), on the same n samples.
        labels: class of each sample (n,), where the set was drawn by class.
        pairs: how many pairs are judged together.
        level: of all intervals together.

    Raises:
        ValueError: the shapes do not fit, or a preset has no seed with finite losses.
    """
    first, second = finite_seeds(a), finite_seeds(b)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"{first.shape[1]} samples of one preset, {second.shape[1]} of the other.")
    one = 1.0 - (1.0 - level) / pairs
    by_sample = second.mean(axis=0) - first.mean(axis=0)
    difference = float(by_sample.mean())
    over_samples = samples_told(by_sample, labels, one)
    over_seeds = seeds_told(first.mean(axis=1), second.mean(axis=1), one)
    shared = interaction(first) + interaction(second)
    found = Better(
        difference=difference,
        outcome="no-samples",
        over_samples=over_samples,
        over_seeds=over_seeds,
        over_both=both_told(difference, over_samples, over_seeds, shared, one),
        seeds=(len(first), len(second)),
        samples=first.shape[1],
    )
    outcome = outcome_of(found, is_same(by_sample, first, second))
    if outcome != "more-seeds-needed" or over_samples is None:
        return replace(found, outcome=outcome)
    needed = seeds_needed(
        difference,
        deviation(first.mean(axis=1)),
        len(first),
        deviation(second.mean(axis=1)),
        len(second),
        set_error=max(over_samples.error**2 - shared, 0.0) ** 0.5,
        level=one,
    )
    if needed is not None:  # as many as both have were not enough
        needed = max(needed, min(found.seeds) + 1)
    return replace(found, outcome=outcome, seeds_needed=needed)


def outcome_of(found: Better, same: bool) -> Outcome:
    """Return the outcome that the levels of `found` amount to."""
    if found.over_samples is None:
        return "no-samples"
    if same:
        return "same-losses"
    if not found.over_samples.told:
        return "set-cannot-tell"
    if found.over_seeds is None or found.over_both is None:
        return "second-seed-needed"
    both = found.over_seeds.told and found.over_both.told
    return "better" if both else "more-seeds-needed"


def sample_levels(losses: npt.ArrayLike, window: int = 10) -> Floats:
    """Return the level of each sample (n,): its mean over the last `window` rows of losses (T, n).

    An evaluation at which any sample is not finite is left out; NaN where none is left.
    """
    rows = np.asarray(losses, dtype=np.float64)[-window:]
    known = np.isfinite(rows).all(axis=1)
    if not known.any():
        return np.full(rows.shape[1], np.nan)
    with np.errstate(over="ignore"):
        return np.asarray(rows[known].mean(axis=0))


def finite_seeds(levels: npt.ArrayLike) -> Floats:
    """Return the seeds of levels (seeds, n) that are finite in every sample.

    Raises:
        ValueError: none is, or there are no samples.
    """
    values = np.asarray(levels, dtype=np.float64)
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"levels must have shape (seeds, n), not {values.shape}.")
    kept = values[np.isfinite(values).all(axis=1)]
    if not len(kept):
        raise ValueError("no seed has finite losses.")
    return kept


def is_same(by_sample: Floats, first: Floats, second: Floats) -> bool:
    """Tell whether differences by sample (n,) are no more than the order of summation makes."""
    height = max(float(np.abs(first).mean()), float(np.abs(second).mean()))
    return float(np.abs(by_sample).max()) <= SAME * height


def samples_told(by_sample: Floats, labels: Integers | None, level: float = LEVEL) -> Told | None:
    """Return how well the set tells the mean of paired differences (n,); None for fewer than two.

    Stratified where `labels` are given. Simulated coverage of nominal 95 %: 0.94-0.96 from n = 20 on
    for differences that are normal, or heavy-tailed on both sides (of log-normal losses, σ = 1.2);
    where one preset alone has such a tail 0.87 at n = 50, 0.92 at 200, 0.93 at 500.
    """
    n = len(by_sample)
    if n < 2:
        return None
    error = float(standard_error(by_sample, labels))
    return interval_of(float(by_sample.mean()), error, n - 1, level)


def seeds_told(a: Floats, b: Floats, level: float = LEVEL) -> Told | None:
    """Return how well seeds tell the difference of means of a and b (seeds,): Welch (1947).

    None where either has a single seed. ν is at most twice what the preset with fewer seeds has, as it
    is by itself where both have as many: else two seeds against eight cover 0.91 for a nominal 0.95,
    and 0.89 where those two have three times the deviation. So, in simulation, 0.94-0.98 at as many
    seeds each, from equal to tenfold deviations, and 0.92-0.98 at two against eight.
    """
    fewer = min(len(a), len(b)) - 1.0
    if fewer < 1:
        return None
    parts = [(float(one.var(ddof=1)) / len(one), len(one) - 1.0) for one in (a, b)]
    error = sum(variance for variance, _ in parts) ** 0.5
    degrees = min(degrees_of(parts), 2.0 * fewer)
    return interval_of(float(b.mean() - a.mean()), error, degrees, level)


def both_told(
    difference: float,
    over_samples: Told | None,
    over_seeds: Told | None,
    shared: float,
    level: float = LEVEL,
) -> Told | None:
    """Return how well other seeds and other samples at once would tell the difference.

    V = V_samples + V_seeds - V_shared: what belongs to one seed at one sample is in both, and would
    count twice. No less than the larger of the two.
    """
    if over_samples is None or over_seeds is None:
        return None
    samples, seeds = over_samples.error**2, over_seeds.error**2
    total = max(samples + seeds - shared, samples, seeds)
    degrees = degrees_of([(samples, over_samples.degrees), (seeds, over_seeds.degrees)], total)
    return interval_of(difference, total**0.5, degrees, level)


def interaction(levels: Floats) -> float:
    """Return the variance of the mean of levels (seeds, n) by what belongs to one seed at one sample."""
    seeds, n = levels.shape
    if min(seeds, n) < 2:
        return 0.0
    rest = levels - levels.mean(axis=1, keepdims=True) - levels.mean(axis=0) + levels.mean()
    return float((rest**2).sum() / ((seeds - 1) * (n - 1)) / (seeds * n))


def degrees_of(parts: Sequence[tuple[float, float]], total: float | None = None) -> float:
    """Return the degrees of freedom of a sum of variances, each with its own (Satterthwaite 1946)."""
    whole = sum(variance for variance, _ in parts) if total is None else total
    spread = sum(variance * variance / degrees for variance, degrees in parts)
    if not spread > 0:
        return sum(degrees for _, degrees in parts)
    return whole * whole / spread


def interval_of(difference: float, error: float, degrees: float, level: float) -> Told:
    """Return the Student-t interval of a difference."""
    half = student(0.5 + level / 2.0, round(degrees, 6)) * error
    return Told(error, degrees, Interval(difference - half, difference + half))


def deviation(values: Floats) -> float:
    """Return the standard deviation over seeds; NaN for a single one."""
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def seeds_needed(
    difference: float,
    sd_a: float,
    n_a: int,
    sd_b: float,
    n_b: int,
    set_error: float = 0.0,
    level: float = LEVEL,
    power: float = POWER,
    most: int = MOST_SEEDS,
) -> int | None:
    """Return how many seeds each preset needs in all to tell a difference of that size; None: over `most`.

    The least n, of three or more, at which |difference| is told over seeds, and over both at once, in
    `power` of all cases: |d| ≥ t_{(1+level)/2,ν}·SE + t_{power,ν}·SE_seeds, SE_seeds² = (s_a² + s_b²)/n,
    ν by Welch and Satterthwaite.
    In simulation, with the deviations known, that is so in 0.70-0.93 of the cases at n = 3-5 and in
    0.76-0.87 from 6 on (nominal 0.8; equal deviations and 1 to 3; one pair to 36).

    They seldom are known. A standard deviation from two seeds has an 80 % interval of 0.6 to 8 times
    itself, one from three of 0.7 to 3.1 times; nor is the true difference that which was seen. Where 9
    are needed, 80 % of the answers lie at 3-18 from two seeds each, at 4-15 from three, at 5-13 from
    five. Hence "about", and asking again after every pair of seeds.

    Args:
        difference: as seen.
        sd_a, sd_b: standard deviations over seeds; that of a single seed is taken from the other.
        n_a, n_b: the seeds that they come from.
        set_error: standard error of the difference by the samples alone, which no seed takes away.
        level: of the interval that is to tell it.
        power: share of cases.
        most: where to stop.

    Raises:
        ValueError: both presets have a single seed.
    """
    known = [sd**2 for sd, n in ((sd_a, n_a), (sd_b, n_b)) if n > 1]
    if not known:
        raise ValueError("the spread over seeds is not known from one seed each.")
    first, second = known[0], known[-1]
    for n in range(FEWEST_TO_TELL, most + 1):
        degrees = degrees_of([(first / n, n - 1.0), (second / n, n - 1.0)])
        seeds = (first + second) / n
        both = seeds + set_error**2
        joint = degrees_of([(seeds, degrees), (set_error**2, KNOWN)], both)
        hurdle = max(
            student(0.5 + level / 2.0, round(degrees, 6)) * seeds**0.5,
            student(0.5 + level / 2.0, round(joint, 6)) * both**0.5,
        )
        if abs(difference) >= hurdle + student(power, round(degrees, 6)) * seeds**0.5:
            return n
    return None
