"""Resolution: the smallest change of the loss that a validation set can show."""

from __future__ import annotations

import numpy as np

from valtui_trainer.measure.best import Integers, Losses, paired
from valtui_trainer.measure.samples import chunks

ERRORS = 2.0
"""Standard errors from which a change is told from chance."""


def smallest_jump(losses: Losses, labels: Integers | None = None) -> float:
    """Return two standard errors of the change between successive evaluations, in loss units.

    The median over the pairs of successive rows of the paired standard error.

    Args:
        losses: per-sample losses (T, n); a pair with one that is not finite is left out.
        labels: class of each sample (n,), where the set was drawn by class.

    Returns:
        NaN where no pair is left, or there are fewer than two samples.

    Raises:
        ValueError: the labels do not fit.
    """
    errors = [
        paired(losses[part][:-1], losses[part][1:], labels)[1] for part in chunks(losses, overlap=1)
    ]
    found = np.concatenate(errors) if errors else np.empty(0)
    known = found[np.isfinite(found)]
    return ERRORS * float(np.median(known)) if len(known) else float("nan")
