"""Where the first fall of a loss ends: before it, what one measures is the fall."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.residuals import prepare
from valtui_trainer.measure.volatility import volatility

COVERED = 0.9
CLEAR = 5.0


def first_fall(val_loss: npt.ArrayLike) -> int:
    """Return how many evaluations at the start belong to the first fall.

    It ends at the first evaluation that has covered 90 % of the way from the first to the median of
    the later half; at the latest in the middle of the run. A way of less than five (robust)
    volatilities is no fall. The residuals of a steep fall are its bends, not its noise: they would
    outweigh all that comes later, most of all in loss units.

    Args:
        val_loss: (T,) or (seeds, T), whose mean over seeds is looked at; what is not finite in any
            of them is passed over.

    Raises:
        ValueError: the shape does not fit.
    """
    values, _ = prepare(val_loss, None)
    if not values.size:
        return 0
    mean = values.mean(axis=0)
    known = np.flatnonzero(np.isfinite(mean))
    if len(known) < 3:
        return 0
    later = known[len(known) // 2 :]
    begin, end = float(mean[known[0]]), float(np.median(mean[later]))
    noise = volatility(mean[later]).robust
    if not begin - end > CLEAR * (noise if np.isfinite(noise) else 0.0):
        return 0
    arrived = known[mean[known] <= begin - COVERED * (begin - end)]
    return int(min(arrived[0], later[0])) if len(arrived) else int(later[0])
