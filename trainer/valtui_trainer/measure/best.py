"""The best evaluation, which others cannot be told from it, and how large a jump really is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.quantiles import student

Losses = npt.NDArray[np.floating]
Integers = npt.NDArray[np.int64]
ROWS = 256


def best_evaluation(val_loss: npt.ArrayLike) -> int | None:
    """Return the position of the lowest mean over seeds of val_loss (T,) or (seeds, T), or None."""
    values = np.atleast_2d(np.asarray(val_loss, dtype=np.float64))
    if not values.size:
        return None
    mean = values.mean(axis=0)
    finite = np.isfinite(mean)
    return int(np.argmin(np.where(finite, mean, np.inf))) if finite.any() else None


def look_alikes(
    losses: Losses, best: int, level: float = 0.9, labels: Integers | None = None
) -> Integers:
    """Return the evaluations whose excess over the best one this validation set cannot show.

    Paired over samples: the mean difference against its standard error, one-sided at `level`, with
    the stratified error where `labels` (n,) are given.

    Args:
        losses: per-sample losses, shape (T, n).
        best: the row of the best evaluation, which is always among the answer.
        level: confidence at which an evaluation counts as worse.
        labels: class of each sample.
    """
    limit = student(level, max(1, losses.shape[1] - 1))
    found = [np.empty(0, np.int64)]
    for begin in range(0, len(losses), ROWS):
        with np.errstate(invalid="ignore"):  # a loss that is not finite is alike to nothing
            difference = losses[begin : begin + ROWS].astype(np.float64) - losses[best]
            error = standard_error(difference, labels)
            mean = difference.mean(axis=1)
        alike = (mean <= limit * error) & np.isfinite(mean)
        found.append(np.flatnonzero(alike) + begin)
    everything = np.concatenate(found)
    return np.union1d(everything, [best]).astype(np.int64)


def standard_error(
    values: npt.NDArray[np.float64], labels: Integers | None = None
) -> npt.NDArray[np.float64]:
    """Return the standard error of the mean of values (…, n) over samples, stratified by labels."""
    n = values.shape[-1]
    if labels is None:
        return values.std(axis=-1, ddof=1) / n**0.5 if n > 1 else np.full(values.shape[:-1], np.nan)
    total = np.zeros(values.shape[:-1])
    for label in np.unique(labels):
        part = values[..., labels == label]
        if part.shape[-1] > 1:
            total += part.shape[-1] * part.var(axis=-1, ddof=1)
    return np.asarray(np.sqrt(total) / n)


def jump_z(before: Losses, after: Losses, labels: Integers | None = None) -> float:
    """Return the jump between two evaluations (n,) in standard errors of the paired difference."""
    difference = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    error = float(standard_error(difference, labels))
    return float(difference.mean()) / error if error > 0 else float("nan")


def level_uncertainty(losses: Losses, labels: Integers | None = None) -> float:
    """Return the standard error of the height of one evaluation (n,)."""
    return float(standard_error(np.asarray(losses, np.float64), labels))
