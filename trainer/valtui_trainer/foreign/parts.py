"""Rows that say in a word which part of the data they are of: `{"mode": "val", "loss": 0.5}`."""

from __future__ import annotations

from collections.abc import Iterable

from valtui_trainer.foreign.columns import (
    EPOCHS,
    NORMS,
    RATES,
    STEPS,
    TEST,
    TIMES,
    TRAIN,
    VAL,
    plain,
)

SAYING = frozenset({"mode", "phase", "split", "stage", "part", "subset", "set", "partition"})
PARTS = {
    **dict.fromkeys(VAL, "val"),
    **dict.fromkeys(TRAIN, "train"),
    **dict.fromkeys(TEST, "test"),
}
OF_NO_PART = frozenset((*STEPS, *EPOCHS, *TIMES, *RATES, *NORMS))


def parted(values: dict[str, float], words: Iterable[tuple[str, object]]) -> dict[str, float]:
    """Return the numbers of a row under names that say their part, where a word beside them does.

    Args:
        values: by name.
        words: all cells or entries of the row, by name.
    """
    said = [
        PARTS[plain(word)]
        for name, word in words
        if isinstance(word, str) and plain(name) in SAYING and plain(word) in PARTS
    ]
    if len(said) != 1:
        return values
    return {name if is_told(name) else f"{said[0]}/{name}": one for name, one in values.items()}


def is_told(name: str) -> bool:
    """Tell whether a name says its part itself, or is of none, as a step is."""
    short = plain(name)
    return short in OF_NO_PART or short.split("_")[0] in PARTS
