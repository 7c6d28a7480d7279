"""An interval of numbers, the form in which every uncertainty is given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval, in the units of what it belongs to."""

    low: float
    high: float
