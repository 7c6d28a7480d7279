"""Why one run's validation loss jumps: measured from its log, as data and in words."""

from valtui.causes.find import causes
from valtui.causes.read_trials import trials_of
from valtui.causes.trials import Trials
from valtui.causes.types import (
    BestFound,
    Causes,
    Group,
    Hard,
    Hardest,
    OverfittingSince,
    Row,
    Span,
    span_words,
)

__all__ = [
    "BestFound",
    "Causes",
    "Group",
    "Hard",
    "Hardest",
    "OverfittingSince",
    "Row",
    "Span",
    "Trials",
    "causes",
    "span_words",
    "trials_of",
]
