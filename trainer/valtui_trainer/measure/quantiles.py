"""Quantiles of chi-squared, F and Student-t, from `scipy.special` alone.

It is imported at the first call: it takes longer to load than all else that a screen needs.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@lru_cache(maxsize=4096)
def chi2(probability: float, degrees: float) -> float:
    """Return the quantile of chi-squared with `degrees` of freedom, which need not be whole."""
    from scipy import special

    return 2.0 * float(special.gammaincinv(degrees / 2.0, probability))


@lru_cache(maxsize=4096)
def f(probability: float, above: float, below: float) -> float:
    """Return the quantile of F with `above` and `below` degrees of freedom."""
    from scipy import special

    x = float(special.betaincinv(above / 2.0, below / 2.0, probability))
    return below * x / (above * (1.0 - x)) if x < 1.0 else float("inf")


def f_probability(value: float, above: float, below: float) -> float:
    """Return the probability that F with `above` and `below` degrees of freedom stays under `value`."""
    from scipy import special

    return float(special.betainc(above / 2.0, below / 2.0, above * value / (above * value + below)))


@lru_cache(maxsize=4096)
def student(probability: float, degrees: float) -> float:
    """Return the quantile of Student's t with `degrees` of freedom."""
    from scipy import special

    return float(special.stdtrit(degrees, probability))


@lru_cache(maxsize=4096)
def deviation_limits(degrees: float, level: float) -> tuple[float, float]:
    """Return √(ν/χ²_ν) at both tails: what a standard deviation is multiplied by for its interval."""
    tail = (1.0 - level) / 2.0
    return (degrees / chi2(1.0 - tail, degrees)) ** 0.5, (degrees / chi2(tail, degrees)) ** 0.5


def deviation_limits_of(degrees: Floats, level: float) -> tuple[Floats, Floats]:
    """Return `deviation_limits` of many ν (n,), rounded to 0.001 so that alike ones are asked once."""
    if not len(degrees):
        return np.empty(0), np.empty(0)
    known, places = np.unique(np.round(degrees, 3), return_inverse=True)
    limits = np.array([deviation_limits(float(nu), level) for nu in known])[places]
    return limits[:, 0], limits[:, 1]
