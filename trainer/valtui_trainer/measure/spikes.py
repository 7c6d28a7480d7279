"""Spikes: single evaluations that stand out of the noise around them, and what marks heavy tails."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.residuals import Floats, prepare, residuals

SPIKE = 4.0
HEAVY = 4.0
ROBUST = 0.6745
MEAN_TO_DEVIATION = (np.pi / 2.0) ** 0.5


def spikes(
    y: npt.ArrayLike, x: npt.ArrayLike | None = None, relative: bool = False
) -> tuple[int, ...]:
    """Return the positions of the spikes of y (T,) or, those of any seed, (seeds, T).

    A spike is a residual beyond 4 robust deviations (its median size over 0.6745), reported at the
    middle of its three points, each peak once; so one at an end or beside a gap is seen at its
    neighbour, and the newest point's moves to its own place with the next point.

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
    for row in np.abs(found):
        known = row[np.isfinite(row)]
        largest = float(known.max(initial=0.0))
        if largest == 0.0:
            continue
        filled = np.where(np.isfinite(row), row / largest, -np.inf)
        limit = SPIKE * scale_of(known / largest)
        before = np.concatenate([[-np.inf], filled[:-1]])
        after = np.concatenate([filled[1:], [-np.inf]])
        high = (filled > limit) & (filled >= before) & (filled > after)
        peaks.update((np.flatnonzero(high) + 1).tolist())
    return tuple(sorted(peaks))


def scale_of(sizes: Floats) -> float:
    """Return the deviation of residuals whose sizes are |ε| (m,), m > 0, little moved by spikes."""
    median = float(np.median(sizes))
    return median / ROBUST if median > 0 else float(sizes.mean()) * MEAN_TO_DEVIATION


def kurtosis(residual: Floats) -> float:
    """Return the fourth moment over the squared second of residuals (m,) that average to zero."""
    squares = residual**2
    return float((squares**2).mean() / squares.mean() ** 2)
