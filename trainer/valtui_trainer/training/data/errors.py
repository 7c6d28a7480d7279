"""What is wrong with a data set, as a sentence for the person at the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from valtui_trainer.session.safe import safe


class DataError(ValueError):
    """Data cannot be used; its text says what is wrong, where, and what to do."""


def some(names: Sequence[str], most: int = 5) -> str:
    """Return the first names as a list for a sentence, safe to print, with how many more there are."""
    shown = ", ".join(safe(name, 120) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
