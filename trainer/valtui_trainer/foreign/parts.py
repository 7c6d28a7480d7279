"""Rows that say in a word which part of the data they are of: `{"mode": "val", "loss": 0.5}`."""

from __future__ import annotations

import re
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
FIGURE = re.compile(r"(^|_)(loss|acc|accuracy|acc1|top1)(_|$)")


def parted(values: dict[str, float], words: Iterable[tuple[str, object]]) -> dict[str, float]:
    """Return the numbers of a row under names that say their part, where a word beside them does.

    A loss or an accuracy stands under that name alone; what else there is stands under its own too, since a
    person may mean it by `--step` or `--map`.

    Args:
        values: by name.
        words: all cells or entries of the row, by name.
    """
    said = {
        PARTS[plain(word)]
        for name, word in words
        if plain(name) in SAYING and isinstance(word, str) and plain(word) in PARTS
    }
    if len(said) != 1:
        return values
    part = said.pop()
    found = {}
    for name, value in values.items():
        short = plain(name)
        told = short in OF_NO_PART or short.split("_")[0] in PARTS
        if told or not FIGURE.search(short):
            found[name] = value
        if not told:
            found[f"{part}/{name}"] = value
    return found
