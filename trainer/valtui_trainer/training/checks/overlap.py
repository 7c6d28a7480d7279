"""The check `overlap`: validation images that stand in the training set, to the byte."""

from __future__ import annotations

import numpy as np

from valtui_trainer.session.records import Check, Outcome
from valtui_trainer.training.data.arrays import Images, Integers
from valtui_trainer.training.data.digests import sample_digests

FAILS = 0.05
"""Share from which the loss says too little of new images; below, the volatility hardly knows of it."""


def common_rows(val: Images, train: Images) -> Integers:
    """Return the rows of `val` whose image, whatever its label, is in `train` byte for byte.

    64-bit digests find the candidates; what counts is that the bytes agree.
    """
    theirs, ours = sample_digests(train, with_label=False), sample_digests(val, with_label=False)
    candidates = np.flatnonzero(np.isin(ours, theirs))
    order = np.argsort(theirs, kind="stable")
    places = order[np.searchsorted(theirs, ours[candidates], sorter=order)]
    same = [
        int(row)
        for row, place in zip(candidates, places, strict=True)
        if np.array_equal(val.images[row], train.images[place])
    ]
    return np.array(same, dtype=np.int64)


def overlap(common: int, n: int) -> Check:
    """Return the check for `common` of `n` validation images that stand in the training set."""
    share = common / n
    if not common:
        message = f"None of the {n:,} validation images stands in the training set to the byte."
        return Check(check="overlap", outcome="sound", figure=0.0, unit="%", message=message)
    outcome: Outcome = "failed" if share >= FAILS else "doubtful"
    stand = "stands" if common == 1 else "stand"
    image = "image" if n == 1 else "images"
    return Check(
        check="overlap",
        outcome=outcome,
        figure=100 * share,
        unit="%",
        message=(
            f"{common:,} of the {n:,} validation {image} ({100 * share:.2g} %) {stand} in the "
            "training set to the byte, where the loss says nothing of new images; take them out of "
            "one of the two sets."
        ),
    )
