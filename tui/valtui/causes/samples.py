"""Who carries the volatility: the validation samples of a run, the hardest, classes, quartiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from valtui.causes.types import Group, Hard, Hardest
from valtui.feed import RunFeed
from valtui.series import ValMatrix
from valtui_trainer.measure.contributions import (
    HardestShare,
    contributions,
    group_shares,
    quartiles,
)
from valtui_trainer.session.described import is_ours
from valtui_trainer.session.safe import safe

Losses = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Integers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

FRACTION = 0.01
FEW_SAMPLES = (
    "there are too few evaluations or samples to choose some on one half and score on the other, or the "
    "loss does not fluctuate"
)
ONLY_MEANS = (
    'this log has no losses by sample; in the training, recorder = Recorder("name") and '
    "recorder.evaluate(model, val_loader, step=step) log them"
)
MOST_SHOWN = 12
QUALITIES = {
    "brightness": ("darkest", "darker", "brighter", "brightest"),
    "contrast": ("least contrast", "less contrast", "more contrast", "most contrast"),
    "sharpness": ("least sharp", "less sharp", "sharper", "sharpest"),
}


@dataclass(frozen=True, slots=True)
class Samples:
    """The per-sample losses of a run, and what is known of the samples.

    Attributes:
        losses: (T, n) of each seed; empty where there are none, and `why` says why.
        labels: class of each sample (n,); None where unknown.
        strata: the same where the set was drawn by class; None where not.
        known: the arrays of the validation split; empty where not written.
        missing: evaluations of the first seed without a sound row.
    """

    losses: tuple[Losses, ...]
    labels: Integers | None
    strata: Integers | None
    known: dict[str, Any]
    why: str
    missing: int = 0

    @property
    def first(self) -> Losses | None:
        """The losses of the first seed."""
        return self.losses[0] if self.losses else None

    def take(self, chosen: Bools) -> Samples:
        """Return the evaluations `chosen` (T,) alone."""
        losses = tuple(rows[chosen] for rows in self.losses)
        missing = int((~np.isfinite(losses[0]).all(axis=1)).sum()) if losses else 0
        return Samples(losses, self.labels, self.strata, self.known, self.why, missing)


def read_samples(run: RunFeed, matrix: ValMatrix) -> Samples:
    """Return the per-sample losses at the evaluations of `matrix`, or why there are none."""
    losses = []
    why = ""
    if not is_ours(run.spec) and all(np.isnan(s.val["row"]).all() for s in run.seeds.values()):
        return Samples((), None, None, {}, ONLY_MEANS)
    for seed, series in run.seeds.items():
        rows = run.sample_losses(seed)
        steps = series.val["step"]
        if rows.shape[0] != len(steps) or not rows.size:
            why = (
                "the losses by sample are missing or damaged, or the validation set changed between "
                "attempts"
                if len(steps)
                else "nothing was evaluated yet"
            )
            return Samples((), None, None, {}, why)
        losses.append(rows[np.searchsorted(steps, matrix.step)])
    columns = losses[0].shape[1]
    labels = run.labels(columns)
    known = run.validation() if labels is not None else {}
    missing = int((~np.isfinite(losses[0]).all(axis=1)).sum())
    return Samples(tuple(losses), labels, run.strata(columns), known, why, missing)


def hardest_of(
    run: RunFeed, samples: Samples, matrix: ValMatrix, found: HardestShare | None
) -> tuple[Hardest | None, str]:
    """Return the hardest samples of the first seed as people see them, or why there are none."""
    losses = samples.first
    if losses is None:
        return None, samples.why
    shares = contributions(losses, matrix.step)
    if found is None or shares is None:
        return None, FEW_SAMPLES
    means = losses.mean(axis=0, dtype=np.float64, where=np.isfinite(losses))
    names = samples.known.get("class_names", ())
    thumbnails = run.thumbnails() if samples.known else None
    index = samples.known.get("index")

    def one(row: int) -> Hard:
        label = int(samples.labels[row]) if samples.labels is not None else -1
        return Hard(
            row=row,
            index=int(index[row]) if index is not None else row,
            label=safe(str(names[label])) if 0 <= label < len(names) else "?",
            share=float(shares[row]),
            mean_loss=float(means[row]),
            thumbnail=thumbnails[row].copy() if thumbnails is not None else None,
        )

    return (
        Hardest(
            count=len(found.indices),
            share=found.share,
            interval=found.interval,
            permuted=found.permuted,
            fraction=len(found.indices) / losses.shape[1],
            samples=tuple(one(int(row)) for row in found.indices[:MOST_SHOWN]),
        ),
        "",
    )


def shares_of(samples: Samples, matrix: ValMatrix) -> tuple[tuple[Group, ...], str]:
    """Return what each class carries, the most first, or why that cannot be told."""
    if samples.first is None:
        return (), samples.why
    if samples.labels is None:
        return (), "the description of the validation split is missing"
    if len(np.unique(samples.labels)) < 2:
        return (), "all validation samples are of one class"
    names = samples.known["class_names"]
    named = [
        safe(str(names[label])) if 0 <= label < len(names) else f"class {label}"
        for label in range(int(samples.labels.max()) + 1)
    ]
    groups = groups_by(samples, matrix, "class", samples.labels, named)
    return tuple(sorted(groups, key=lambda group: -group.share)), ""


def quality_groups(samples: Samples, matrix: ValMatrix) -> tuple[Group, ...]:
    """Return what each quarter by brightness, contrast and sharpness carries."""
    groups: list[Group] = []
    for kind, names in QUALITIES.items():
        values = samples.known.get(kind)
        if samples.first is None or values is None:
            continue
        quarter = quartiles(values)
        if quarter is not None:
            groups += groups_by(samples, matrix, kind, quarter, list(names))
    return tuple(groups)


def groups_by(
    samples: Samples, matrix: ValMatrix, kind: str, members: Integers, names: list[str]
) -> list[Group]:
    """Return the groups of one kind that have members."""
    losses = samples.first
    found = group_shares(losses, members, matrix.step) if losses is not None else None
    if found is None:
        return []
    return [
        Group(kind, names[share.group], share.size, share.share, share.interval)
        for share in found
        if np.isfinite(share.share)
    ]
