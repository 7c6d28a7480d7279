"""Why one run's validation loss jumps: measured from its log, as data and in words."""

from valtui.causes.find import causes
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
    "causes",
    "span_words",
]
