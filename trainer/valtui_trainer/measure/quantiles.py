"""Quantiles of chi-squared, F and Student-t, from `scipy.special` alone.

It is imported at the first call: it takes longer to load than all else that a screen needs.
"""

from __future__ import annotations

from functools import lru_cache


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


@lru_cache(maxsize=4096)
def student(probability: float, degrees: float) -> float:
    """Return the quantile of Student's t with `degrees` of freedom."""
    from scipy import special

    return float(special.stdtrit(degrees, probability))
