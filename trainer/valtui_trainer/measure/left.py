"""Volatility left: what would remain of the fluctuation if one thing were otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from valtui_trainer.measure.interval import Interval


@dataclass(frozen=True, slots=True)
class Left:
    """The volatility of a counterfactual series over that of the validation loss.

    Attributes:
        ratio: θ = q(C)/q(L) of squared volatilities; negative where a variance is estimated below zero.
        value: √max(0, θ), the fraction of the volatility that would be left.
        interval: of `value`; None below 8 evaluations.
        degrees: effective degrees of freedom, summed over seeds.
    """

    ratio: float
    value: float
    interval: Interval | None
    degrees: float
