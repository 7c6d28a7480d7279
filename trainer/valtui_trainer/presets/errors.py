"""What is wrong with a preset or study, as one sentence for the person at the terminal."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable

LONGEST = 60
"""Characters of a value that a sentence repeats."""

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = _brief.maxlong = LONGEST


class PresetError(ValueError):
    """A preset, study or setting cannot be used; its text says what, where, and what to do."""


def brief(value: object) -> str:
    """Return `value` as Python writes it, with its middle left out where it is long."""
    return _brief.repr(value)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean X?)" for the known word closest to `word`, or an empty string."""
    match = difflib.get_close_matches(word[:LONGEST], list(known), n=1, cutoff=0.5)
    return f" (did you mean {match[0]!r}?)" if match else ""
