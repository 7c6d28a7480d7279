"""What a probe can see before it starts: how much calmer an arm must be to be told from none.

For two arms with as many degrees of freedom each, and one look at all of their replicas. A ratio of
volatilities that is truly θ scatters as θ·√F_{ν,ν}; it is told from 1, and as calmer, where the
upper end of its F interval is below 1.
"""

from __future__ import annotations

from valtui_trainer.measure.arms import FEWEST_DEGREES
from valtui_trainer.measure.quantiles import f, f_probability
from valtui_trainer.measure.residuals import degrees

MOST_REPLICAS = 1 << 20


def degrees_of(replicas: int, evaluations: int) -> float:
    """Return ν of so many replicas of so many evaluations: K·ν(J); 0 below three evaluations."""
    return replicas * degrees(evaluations)


def power_at(left: float, replicas: int, evaluations: int, level: float = 0.95) -> float:
    """Return how often an arm that leaves `left` of the volatility is told from 1, as calmer.

    SCIENCE's figures, for 71 % left at 95 %: K = 8 replicas of J = 6 evaluations 0.30, 8 of 8 0.41,
    16 of 8 0.71; simulation with white noise agrees within 0.01.

    Args:
        left: above 0.
        replicas, evaluations: K and J, of the arm and of the base alike.
        level: of the interval, two-sided.

    Raises:
        ValueError: left is not above 0.
    """
    if not left > 0:
        raise ValueError(f"the volatility left is above 0, not {left}.")
    nu = rounded(replicas, evaluations)
    if nu < FEWEST_DEGREES:
        return 0.0
    return f_probability(f((1.0 - level) / 2.0, nu, nu) / left**2, nu, nu)


def detectable(replicas: int, evaluations: int, level: float = 0.95, power: float = 0.8) -> float:
    """Return the largest volatility left, below 1, that is told from 1 with that power.

    0 where there would be no interval, so that nothing is told.
    """
    nu = rounded(replicas, evaluations)
    if nu < FEWEST_DEGREES:
        return 0.0
    return float((f((1.0 - level) / 2.0, nu, nu) / f(power, nu, nu)) ** 0.5)


def replicas_for(
    left: float, evaluations: int, level: float = 0.95, power: float = 0.8
) -> int | None:
    """Return the fewest replicas with which `left` is told from 1 with that power.

    None where no number of them would do: below three evaluations, or beyond a million.

    Raises:
        ValueError: left is not between 0 and 1.
    """
    if not 0 < left < 1:
        raise ValueError(f"the volatility left must be between 0 and 1, not {left}.")
    enough = 1
    while detectable(enough, evaluations, level, power) < left:
        enough *= 2
        if enough > MOST_REPLICAS:
            return None
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if detectable(middle, evaluations, level, power) < left:
            too_few = middle
        else:
            enough = middle
    return enough


def rounded(replicas: int, evaluations: int) -> float:
    """Return `degrees_of`, rounded so that alike ones are asked once."""
    return round(degrees_of(replicas, evaluations), 6)
