"""What is wrong with a preset or study, as one sentence for the person at the terminal."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PresetError(ValueError):
    """A preset, study or setting cannot be used; its text says what, where, and what to do."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean X?)" for the known word closest to `word`, or an empty string."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {match[0]!r}?)" if match else ""
