"""The checks `averaging`, `order` and `resolution`: which samples count, when, and for how much."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.soundness import effective_samples, runs, smallest_change
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.records import Check
from valtui_trainer.training.timetable import Timetable

SORTED_Z = -5.0
"""Standard deviations below random order from which on labels are not in random order."""

SORTED_PART = 0.5
"""Part of the changes of random order below which the labels count as sorted."""

FEWEST_SAMPLES = 30
COARSE = 0.05
"""Smallest change, relative to the loss, above which a set is too coarse."""


def averaging(n: int, batch_size: int) -> Check:
    """Say what a mean of batch means would make of `n` samples in batches of this size.

    Our evaluations are means over samples, whatever their batches: sound by construction.
    """
    worth = effective_samples(n, batch_size)
    return Check(
        check="averaging",
        outcome="sound",
        figure=worth,
        unit="samples",
        message=(
            f"The loss is the mean over all {n:,} samples; a mean of batch means over batches of "
            f"{batch_size:,} would be worth {worth:,.0f}."
        ),
    )


def order(labels: npt.NDArray[np.int64], preset: Preset, timetable: Timetable) -> Check:
    """Judge the labels (n,) in the order of an epoch by how often they change.

    Shuffled, they are in random order by construction; otherwise the runs test says how far they are
    from it. With `drop_last` the rest is not looked at.
    """
    seen = labels[: timetable.steps_per_epoch * preset.batch_size]
    found = runs(seen)
    if found.expected == 0:
        message = "There is only one class, of which any order is the same."
        return Check(check="order", outcome="sound", message=message)
    part = found.changes / found.expected
    told = f"The label changes {found.changes:,} times an epoch, {100 * part:.0f} % of random order"
    if preset.shuffle:
        return Check(
            check="order",
            outcome="sound",
            figure=100 * part,
            unit="%",
            message=f"The training images are shuffled anew each epoch: {lower(told)}.",
        )
    ordered = found.z < SORTED_Z
    if ordered and part < SORTED_PART:
        return Check(
            check="order",
            outcome="failed",
            figure=100 * part,
            unit="%",
            message=(
                f"The training images come class by class ({lower(told)}), so that the loss follows "
                "the class trained last; set shuffle = true."
            ),
        )
    return Check(
        check="order",
        outcome="doubtful" if ordered else "sound",
        figure=100 * part,
        unit="%",
        message=(
            f"The training images are not shuffled, and stand in runs of a class ({lower(told)}); set "
            "shuffle = true."
            if ordered
            else f"The training images are not shuffled, but mixed: {lower(told)}."
        ),
    )


def lower(sentence: str) -> str:
    """Return a sentence as it is written within another."""
    return sentence[0].lower() + sentence[1:]


def resolution(before: npt.ArrayLike, after: npt.ArrayLike, early: bool = False) -> Check:
    """Say the smallest change of the loss that two evaluations (n,) of the same samples could show.

    `early`: they are the first two of a run, when samples still part widely; then it is only said.
    """
    n = np.size(after)
    try:
        least = smallest_change(before, after)
    except ValueError:
        message = f"What {n:,} validation samples can show is unknown: the losses are not finite."
        return Check(check="resolution", outcome="unknown", message=message)
    when = ", early in the run" if early else ""
    told = f"{n:,} validation samples show changes of the loss from {100 * least:.2g} % on{when}"
    coarse = n < FEWEST_SAMPLES or (least > COARSE and not early)
    return Check(
        check="resolution",
        outcome="doubtful" if coarse else "sound",
        figure=100 * least if np.isfinite(least) else None,
        unit="%",
        message=told
        + ("; smaller ones may be chance: take a larger validation set." if coarse else "."),
    )
