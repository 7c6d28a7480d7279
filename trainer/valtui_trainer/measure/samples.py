"""Per-sample losses, a few evaluations at a time: what bounds the memory of all that looks at samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.residuals import Bools, Floats, residuals

Losses = npt.NDArray[np.floating]
Integers = npt.NDArray[np.int64]

CHUNK = 1_000_000
"""Losses worked on at a time, as float64: 8 MB an array."""


def seeds_of(losses: Losses | Sequence[Losses]) -> list[Losses]:
    """Return the losses (T, n) of each seed: one array (T, n), or one for each of several seeds.

    Raises:
        ValueError: an array has other than two axes, or the seeds have other samples or evaluations.
    """
    single = isinstance(losses, np.ndarray) and losses.ndim == 2
    found = [np.asarray(one) for one in ([losses] if single else losses)]
    for one in found:
        if one.ndim != 2 or one.shape != found[0].shape:
            raise ValueError(f"losses must have shape (T, n), the same for all seeds: {one.shape}.")
    return found


def chunks(losses: Losses, overlap: int = 0) -> Iterator[slice]:
    """Yield slices of rows that cover losses (T, n), each with `overlap` rows of the next."""
    rows, n = losses.shape
    step = max(1, CHUNK // max(1, n) - overlap)
    for begin in range(0, max(0, rows - overlap), step):
        yield slice(begin, min(rows, begin + step + overlap))


def complete(losses: Losses) -> Bools:
    """Tell which rows of losses (T, n) are finite in every sample: the others are gaps."""
    known = np.zeros(losses.shape[0], bool)
    for part in chunks(losses):
        known[part] = np.isfinite(losses[part]).all(axis=1)
    return known if losses.shape[1] else np.zeros(losses.shape[0], bool)


def means(losses: Losses, chosen: Integers | None = None) -> Floats:
    """Return the mean of each row of losses (T, n) over all samples or `chosen`; NaN for a gap."""
    known = complete(losses)
    found = np.full(losses.shape[0], np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        for part in chunks(losses):
            block = losses[part] if chosen is None else losses[part, chosen]
            kept = known[part]
            if kept.any():
                found[part][kept] = block[kept].mean(axis=1, dtype=np.float64)
    return found


def triples(losses: Losses, x: Floats, known: Bools) -> Iterator[tuple[slice, Floats]]:
    """Yield the residuals of every sample for a few triples of evaluations at a time.

    Args:
        losses: (T, n).
        x: places (T,).
        known: evaluations (T,) that are not gaps.

    Yields:
        Which residuals, of T-2, and these, shape (m, n); NaN throughout where a triple has a gap.
    """
    for part in chunks(losses, overlap=2):
        block = np.where(known[part, None], losses[part], np.nan).astype(np.float64)
        yield slice(part.start, part.stop - 2), residuals(x[part], block.T).T
