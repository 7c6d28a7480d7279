"""Pairs of a session's presets, each with all its seeds, on the samples that both were evaluated on.

What the numbers mean is `valtui_trainer.measure.better`'s; here is whose they are, and which count.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from valtui.feed import Integers, RunFeed
from valtui.series import Array
from valtui_trainer.measure.better import Better, better, sample_levels
from valtui_trainer.measure.comparison import last_window_mean
from valtui_trainer.session.create import from_scratch

WINDOW = 10
FEWEST = 5
"""Evaluations that make a level: the last ten, as soon as there are five."""

Digests = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]


@dataclass(frozen=True, slots=True)
class Side:
    """One preset of a pair.

    Attributes:
        id: of its first run, by which it is called.
        runs: ids of the runs whose seeds count: those that got as far as the furthest.
        seeds: that count.
        epoch: of the last evaluation that counts.
        going: whether one of these runs has not ended yet.
        early: how one of them ended if not as planned, such as `stopped` or `stopped early`; empty otherwise.
        behind: ids of its runs that did not get as far yet, and go on.
        short: ids of its runs that ended before they got as far.
        not_finite: seeds that do not count because their losses are not finite.
        unit: what `epoch` counts.
    """

    id: str
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    epoch: float
    going: bool
    early: str
    behind: tuple[str, ...]
    short: tuple[str, ...]
    not_finite: tuple[int, ...]
    unit: str = "epoch"


@dataclass(frozen=True, slots=True)
class Entrant:
    """A preset with its levels.

    Attributes:
        levels: by seed and sample, shape (seeds, n); (seeds, 1) where losses by sample cannot be read.
        digest: of the validation set, empty where it is not known.
        samples: the digests (n,) of its samples, None where they are not known.
        strata: the classes (n,) that they were drawn by, None where they were not.
        why: why it cannot be compared, as the rest of a sentence; empty where it can.
    """

    side: Side
    levels: Array
    digest: str = ""
    samples: Digests | None = None
    strata: Integers | None = None
    why: str = ""

    @property
    def by_sample(self) -> bool:
        """Whether the losses of each sample are known."""
        return self.levels.shape[1] > 1

    @property
    def level(self) -> float:
        """The mean over seeds and samples; infinite where it cannot be compared."""
        return float("inf") if self.why else float(self.levels.mean())


@dataclass(frozen=True, slots=True)
class Pair:
    """Two presets and what can be said of them.

    Attributes:
        lower, higher: in the order of their losses.
        found: None where they cannot be compared; its difference is not negative.
        why: why not, a sentence; empty where they can.
        best: whether one of them has the lowest loss of all.
    """

    lower: Side
    higher: Side
    found: Better | None
    why: str
    best: bool


def pairs_of(runs: Sequence[RunFeed]) -> list[Pair]:
    """Return every pair of presets among `runs`, those with the best first, then by their losses.

    Runs of the same preset are one, with the seeds of all; continuations from a checkpoint take no part.
    """
    with np.errstate(all="ignore"):
        entrants = sorted(entrants_of(runs), key=lambda one: one.level)
        couples = [(a, b, common(a, b)) for a, b in itertools.combinations(entrants, 2)]
        count = sum(not isinstance(shared, str) for _, _, shared in couples)
        best = next((one for one in entrants if not one.why), None)
        return [pair_of(a, b, shared, count, a is best) for a, b, shared in couples]


def pair_of(
    a: Entrant, b: Entrant, shared: tuple[Integers, Integers] | str, count: int, best: bool
) -> Pair:
    """Return what can be said of two presets, of `count` pairs in all, on the samples they share."""
    if isinstance(shared, str):
        return Pair(a.side, b.side, None, shared, best)
    if a.by_sample and b.by_sample:
        first, second = a.levels[:, shared[0]], b.levels[:, shared[1]]
        both_drawn = a.strata is not None and b.strata is not None
        strata = a.strata[shared[0]] if both_drawn and a.strata is not None else None
    else:
        first, second = (one.levels.mean(axis=1, keepdims=True) for one in (a, b))
        strata = None
    if first.mean() > second.mean():
        return Pair(b.side, a.side, better(second, first, strata, count), "", best)
    return Pair(a.side, b.side, better(first, second, strata, count), "", best)


def common(a: Entrant, b: Entrant) -> tuple[Integers, Integers] | str:
    """Return where the samples that both were evaluated on stand in each, or why there are none."""
    for one in (a, b):
        if one.why:
            return f"{one.side.id} {one.why}"
    known = a.by_sample and b.by_sample
    n = a.levels.shape[1]
    if a.digest == b.digest and (not known or n == b.levels.shape[1]):
        return np.arange(n), np.arange(n)
    names = f"{a.side.id} and {b.side.id}"
    if a.samples is None or b.samples is None or not known:
        return f"{names} have other validation sets, and what these have in common cannot be read."
    _, first, second = np.intersect1d(
        numbered(a.samples), numbered(b.samples), assume_unique=True, return_indices=True
    )
    if len(first) < 2:
        return f"{names} share no validation samples: losses on other images cannot be compared."
    return first, second


def numbered(samples: Digests) -> np.ndarray[tuple[int, ...], np.dtype[np.void]]:
    """Return digests (n,) as pairs with 0, 1, … for those that occur more than once."""
    order = np.argsort(samples, kind="stable")
    rising = samples[order]
    starts = np.flatnonzero(np.append(True, rising[1:] != rising[:-1]))
    lengths = np.diff(np.append(starts, len(rising)))
    found = np.empty(len(samples), [("digest", np.uint64), ("nth", np.int64)])
    found["digest"] = samples
    found["nth"][order] = np.arange(len(rising)) - np.repeat(starts, lengths)
    return found


def entrants_of(runs: Sequence[RunFeed]) -> list[Entrant]:
    """Return the presets of `runs`, each with all its seeds, in the order of their first runs."""
    members: list[list[RunFeed]] = []
    known: dict[object, list[RunFeed]] = {}
    for run in runs:
        preset = from_scratch(run.spec)
        if preset is None:
            continue
        if preset not in known:
            known[preset] = []
            members.append(known[preset])
        known[preset].append(run)
    return [entrant_of(group) for group in members]


def entrant_of(runs: Sequence[RunFeed]) -> Entrant:
    """Return the preset that all of `runs` train.

    A level is that of the last evaluations, so seeds count only if they got as far as the furthest,
    and on the same validation set; the same seed in two runs counts once.
    """
    reached = {run.id: run.val_matrix() for run in runs}
    ends = {name: matrix.step[-1] for name, matrix in reached.items() if len(matrix.step)}
    furthest = [run for run in runs if ends and ends.get(run.id) == max(ends.values())]
    digest = digest_of(furthest[0]) if furthest else ""
    counted = [run for run in furthest if digest_of(run) == digest]
    others = [run for run in runs if run not in counted]
    evaluations = min((len(reached[run.id].step) for run in counted), default=0)
    means: dict[int, float] = {}
    levels: dict[int, Array] = {}
    for run in counted if evaluations >= FEWEST else []:
        matrix = reached[run.id]
        height = last_window_mean(matrix.loss, WINDOW)
        for row, seed in enumerate(run.seeds):
            if seed not in means:
                means[seed] = float(height[row])
                rows = run.sample_losses(seed, matrix.step[-WINDOW:])
                levels[seed] = sample_levels(rows, WINDOW) if rows.size else np.full(1, np.nan)
    finite = [seed for seed, mean in means.items() if np.isfinite(mean)]
    side = Side(
        id=runs[0].id,
        runs=tuple(run.id for run in counted),
        seeds=tuple(finite),
        epoch=max((float(reached[run.id].epoch[-1]) for run in counted), default=0.0),
        going=any(not run.status.ended for run in counted),
        early=next(filter(None, map(early_end, counted)), ""),
        behind=tuple(run.id for run in others if not run.status.ended),
        short=tuple(run.id for run in others if run.status.ended),
        not_finite=tuple(seed for seed in means if seed not in finite),
        unit=runs[0].unit,
    )
    if not finite or not digest:
        return Entrant(side, np.empty((0, 0)), why=why_not(evaluations, bool(digest)))
    whole = [levels[seed] for seed in finite]
    if len({len(one) for one in whole}) > 1 or not all(np.isfinite(one).all() for one in whole):
        whole = [np.array([means[seed]]) for seed in finite]
    stacked = np.stack(whole)
    n = stacked.shape[1]
    samples = counted[0].validation().get("sample_digest")
    fits = samples is not None and samples.shape == (n,) and samples.dtype == np.uint64
    return Entrant(side, stacked, digest, samples if fits else None, counted[0].strata(n))


def why_not(evaluations: int, known_set: bool) -> str:
    """Return why a preset cannot be compared, as the rest of a sentence."""
    if evaluations and not known_set:
        return "does not say which validation set it was evaluated on."
    if not evaluations:
        return "has no evaluation yet."
    if evaluations < FEWEST:
        return f"has too few evaluations, {evaluations}: a level needs {FEWEST}."
    return "has no seed with finite losses."


def early_end(run: RunFeed) -> str:
    """Return how a run ended before all of its evaluations were made; empty where it did not."""
    status = run.status
    if not status.ended:
        return ""
    if status.state != "DONE":
        return status.state.lower()
    return "stopped early" if status.reason and 0 < status.step < status.total else ""


def digest_of(run: RunFeed) -> str:
    """Return the digest of the validation set of a run, empty where it is not known."""
    return run.start.validation_digest if run.start is not None else ""
