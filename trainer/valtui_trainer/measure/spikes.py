"""Spikes: single evaluations that stand out of the noise around them, and what marks heavy tails."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.residuals import Floats, prepare, residuals

SPIKE = 4.0
OPPOSED = 0.25
HEAVY = 4.0
ROBUST = 0.6745
MEAN_TO_DEVIATION = (np.pi / 2.0) ** 0.5


def spikes(
    y: npt.ArrayLike, x: npt.ArrayLike | None = None, relative: bool = False
) -> tuple[int, ...]:
    """Return the positions of the spikes of y (T,) or, those of any seed, (seeds, T).

    A spike is a residual beyond 4 robust deviations (its median size over 0.6745), reported at the
    middle of its three points, each peak once; so one at the end or beside a gap is seen at its
    neighbour, and the newest point's moves to its own place with the next point.

    A point that stands out pulls the residuals beside it the other way, by half; a bend of the curve,
    such as the end of its first fall, does not. So a spike needs a residual beside it of the other
    sign and at least a quarter of its size, except at the end and beside a gap, where none is there
    to ask. One at the very first evaluation cannot be told from the fall, and is not reported.

    Where at least half of the residuals are exactly zero, their mean size takes the median's place
    (Iglewicz and Hoaglin 1993), so that one jump of a flat series is a spike, and the small steps of
    a coarse one are not.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    values, places = prepare(y, x, relative)
    return spikes_of(residuals(places, values))


def spikes_of(found: Floats) -> tuple[int, ...]:
    """Return `spikes` of residuals (seeds, T-2)."""
    peaks: set[int] = set()
    for row_signed in found:
        row = np.abs(row_signed)
        known = row[np.isfinite(row)]
        largest = float(known.max(initial=0.0))
        if largest == 0.0:
            continue
        filled = np.where(np.isfinite(row), row / largest, -np.inf)
        limit = SPIKE * scale_of(known / largest)
        before = np.concatenate([[-np.inf], filled[:-1]])
        after = np.concatenate([filled[1:], [-np.inf]])
        high = (filled > limit) & (filled >= before) & (filled > after)
        peaks.update((np.flatnonzero(high & stands_alone(row_signed)) + 1).tolist())
    return tuple(sorted(peaks))


def stands_alone(row: Floats) -> npt.NDArray[np.bool_]:
    """Tell where a residual of row (m,) has one beside it that is pulled the other way, or none to ask."""
    before = np.concatenate([[0.0], row[:-1]])
    after = np.concatenate([row[1:], [np.nan]])
    with np.errstate(over="ignore"):
        opposed = [-np.sign(row) * beside >= OPPOSED * np.abs(row) for beside in (before, after)]
    return np.asarray(opposed[0] | opposed[1] | np.isnan(before) | np.isnan(after))


def scale_of(sizes: Floats) -> float:
    """Return the deviation of residuals whose sizes are |ε| (m,), m > 0, little moved by spikes."""
    median = float(np.median(sizes))
    return median / ROBUST if median > 0 else float(sizes.mean()) * MEAN_TO_DEVIATION


def kurtosis(residual: Floats) -> float:
    """Return the fourth moment over the squared second of residuals (m,) that average to zero."""
    squares = residual**2
    return float((squares**2).mean() / squares.mean() ** 2)
