"""What an explanation is, and what all have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valtui import texts

if TYPE_CHECKING:
    from valtui.causes import Causes

DERIVED = "Derived for valtui and checked by simulation."


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a person may want to know about one figure.

    Attributes:
        what: in plain words, for somebody who has never heard of it.
        here: how it was measured for one run, with its numbers.
        formula: in plain text.
        defaults: the settings that were used unless somebody chose others.
        source: a paper, or that it was derived and simulated.
        misleads: where not to trust it.
        remedy: what to do about it and what that costs; empty where there is nothing to do.
    """

    title: str
    what: str
    here: Callable[[Causes], str]
    formula: str
    defaults: str
    source: str
    misleads: str
    remedy: str = ""


def extent(causes: Causes) -> str:
    """Return what was looked at: how many evaluations, seeds, samples."""
    seeds = len(causes.seeds)
    return (
        f"{texts.counted(causes.evaluations, 'evaluation')} (epochs {causes.first_epoch:.3g} to "
        f"{causes.last_epoch:.3g}) of {seeds} seed{'s' if seeds != 1 else ''}, "
        f"{texts.samples_words(causes.samples)}"
    )
