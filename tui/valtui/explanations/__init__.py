"""What each figure of the causes screen means: in plain words, for this run, with its formula and its limits.

One entry an id. The texts follow what was derived and simulated for valtui; `here` fills a run's own
numbers in. Names from outside are made safe by whoever shows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from valtui.explanations.arms import ARMS
from valtui.explanations.checks import CHECKS
from valtui.explanations.explanation import Explanation
from valtui.explanations.figures import FIGURES
from valtui.explanations.lenses import LENSES
from valtui.explanations.trials import TRIALS

if TYPE_CHECKING:
    from valtui.causes import Causes

__all__ = ["EXPLANATIONS", "Explanation", "sections"]

FIRST = ("verdict", "volatility")

EXPLANATIONS: dict[str, Explanation] = {
    **{name: FIGURES[name] for name in FIRST},
    **LENSES,
    **ARMS,
    **TRIALS,
    **{name: found for name, found in FIGURES.items() if name not in FIRST},
    **CHECKS,
}
"""In the order in which one is turned to after the other."""


def sections(identity: str, causes: Causes) -> Iterator[tuple[str, str]]:
    """Yield heading and paragraph of each part of the explanation of `identity` for one run."""
    found = EXPLANATIONS[identity]
    yield "What it is", found.what
    yield "How it was measured here", found.here(causes)
    yield "Formula", found.formula
    yield "Settings", found.defaults
    yield "Source", found.source
    yield "Where it misleads", found.misleads
    if found.remedy:
        yield "What to do, and what that costs", found.remedy
