"""Two series side by side, several seeds at once: how much the second fluctuates, and how much along.

What paired rows of the causes and shares of groups are made of. It says nothing of what the series are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.quantiles import student
from valtui_trainer.measure.residuals import Floats, freedom, residuals, weights
from valtui_trainer.measure.rolling import FEWEST_FOR_INTERVAL

Part = tuple[Floats, Floats, Floats]
"""Places, first and second series of one seed, shape (T,) each; what is not finite is a gap."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """The forms of two series y and z, on the triples where both are finite.

    Attributes:
        ratio: q(z)/q(y).
        correlation: q(y, z)/√(q(y)·q(z)); 0 where z does not fluctuate.
        degrees: effective degrees of freedom, summed over parts.
        points: evaluations at which both are finite, of the seed that has most.
    """

    ratio: float
    correlation: float
    degrees: float
    points: int

    @property
    def slope(self) -> float:
        """q(y, z)/q(y): how much of y's fluctuation z carries."""
        return float(self.correlation * np.sqrt(self.ratio))

    @property
    def certain(self) -> bool:
        """Whether there is enough for an interval."""
        return self.points >= FEWEST_FOR_INTERVAL and self.degrees > 1


def pool(seeds: Sequence[Sequence[Part]]) -> Pooled | None:
    """Return the pooled forms, parts averaged by their degrees of freedom, as `volatility` does.

    Args:
        seeds: the parts of each seed: one, or disjoint subseries (odd and even evaluations).

    Returns:
        None where no three evaluations stand together or y does not fluctuate.
    """
    found: list[tuple[Floats, Floats, float]] = []
    points = 0
    for parts in seeds:
        points = max(points, sum(int(both(y, z).sum()) for _, y, z in parts))
        found += [one for x, y, z in parts if (one := weighted(x, y, z)) is not None]
    total = sum(nu for *_, nu in found)
    largest_y = max((float(np.abs(y).max()) for y, _, _ in found), default=0.0)
    largest_z = max((float(np.abs(z).max()) for _, z, _ in found), default=0.0)
    if total == 0 or largest_y == 0:
        return None
    yy = zz = yz = 0.0
    for y, z, nu in found:
        y, z = y / largest_y, z / (largest_z or 1.0)
        yy += nu * float(np.mean(y * y))
        zz += nu * float(np.mean(z * z))
        yz += nu * float(np.mean(y * z))
    ratio = zz / yy * (largest_z / largest_y) ** 2 if largest_z / largest_y < 1e150 else np.inf
    if not np.isfinite(ratio):
        return None
    correlation = float(np.clip(yz / (yy * zz) ** 0.5, -1, 1)) if zz > 0 else 0.0
    return Pooled(ratio, correlation, total, points)


def both(y: Floats, z: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Tell where both series are finite."""
    return np.asarray(np.isfinite(y) & np.isfinite(z))


def weighted(x: Floats, y: Floats, z: Floats) -> tuple[Floats, Floats, float] | None:
    """Return the residuals of both where both are known, and their ν; None where there are none."""
    pair = np.where(both(y, z), np.stack([y, z]), np.nan)
    first, second = residuals(x, pair)
    known = np.isfinite(first) & np.isfinite(second)
    if not known.any():
        return None
    return first[known], second[known], float(freedom(weights(x), known[None])[0])


def slope_interval(found: Pooled, level: float) -> Interval | None:
    """Return Student's interval of the slope of z's residuals on y's through the origin.

    slope ± t·√((ratio - slope²)/(ν - 1)), ν-1 degrees of freedom: ordinary regression, with the
    effective number of residuals in place of their number. None where there is too little.
    """
    if not found.certain:
        return None
    spare = max(0.0, found.ratio * (1.0 - found.correlation**2)) / (found.degrees - 1.0)
    half = student(0.5 + level / 2.0, round(found.degrees - 1.0, 6)) * spare**0.5
    return Interval(found.slope - half, found.slope + half)
