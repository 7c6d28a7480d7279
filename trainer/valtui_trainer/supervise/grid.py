"""`--grid key=v1,v2`: presets with every combination of some values, each named after its own."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from valtui_trainer.presets.errors import PresetError, brief
from valtui_trainer.presets.keys import known_keys, parse_value, refuse_unknown, show_value
from valtui_trainer.presets.library import Named, with_settings
from valtui_trainer.session.layout import slug

Grid: TypeAlias = dict[str, list[Any]]
"""The values of each key, in the order in which they were named."""

LONGEST_VARIANT = 120
"""Characters; what else an id says is short, and a folder's name holds 255."""

LEFT_OUT = "and-more"
"""Stands in an id for the settings that it has no room for."""


def parse_grid(texts: Sequence[str]) -> Grid:
    """Return what `--grid key=v1,v2` texts mean; `key=[…]` takes a JSON list, for values with commas.

    Raises:
        PresetError: naming the key, and what is wrong.
    """
    grid: Grid = {}
    for text in texts:
        key, equals, raw = (part.strip() for part in text.partition("="))
        if not equals or not key or not raw:
            raise PresetError(
                f"--grid {brief(text)} has no values. Write --grid key=v1,v2, such as batch_size=32,128."
            )
        refuse_unknown(key, "--grid")
        if key in grid:
            raise PresetError(f"--grid {key} is given twice; name all its values in one.")
        if key == "seeds":
            raise PresetError("--grid seeds: runs of one preset differ by seeds; use --seeds N.")
        grid[key] = values_of(key, raw)
    return grid


def values_of(key: str, raw: str) -> list[Any]:
    """Return the values of one key.

    Raises:
        PresetError: one is missing, or stands there twice.
    """
    if raw.startswith("["):
        values = parse_value(raw)
        if not isinstance(values, list):
            raise PresetError(f"--grid {key}={brief(raw)}: this is no JSON list.")
    else:
        parts = [part.strip() for part in raw.split(",")]
        if "" in parts:
            raise PresetError(f"--grid {key}={brief(raw)}: a value is missing beside a comma.")
        values = [parse_value(part) for part in parts]
    if not values:
        raise PresetError(f"--grid {key}: the list is empty.")
    seen: set[Any] = set()
    for value in values:
        if isinstance(value, (list, dict)):
            raise PresetError(f"--grid {key}: {brief(value)} is no value of one setting.")
        if value in seen:
            shown = brief(value) if isinstance(value, str) else show_value(value, key)
            raise PresetError(f"--grid {key}: {shown} stands there twice.")
        seen.add(value)
    return values


def refuse_twice(grid: Grid, settings: Mapping[str, object]) -> None:
    """Refuse a key that is set as well.

    Raises:
        PresetError: naming it.
    """
    for key in grid:
        if key in settings:
            raise PresetError(f"{key} is both set and in the grid; leave one of them out.")


def combinations(grid: Grid) -> int:
    """Return how many combinations there are."""
    return math.prod(map(len, grid.values()))


def over_grid(presets: Iterable[Named], grid: Grid) -> list[Named]:
    """Return each preset with every combination, the last key varying fastest.

    Raises:
        PresetError: a value has the wrong type or is out of range.
    """
    found: list[Named] = []
    for named in presets:
        taken: set[str] = set()
        for values in itertools.product(*grid.values()):
            changes = dict(zip(grid, values, strict=True))
            try:
                made = with_settings(named, changes)
            except PresetError as error:
                raise PresetError(str(error).replace("--set", "--grid", 1)) from None
            variant = unlike(variant_of(changes), taken)
            taken.add(variant)
            found.append(replace(made, variant=variant))
    return found


def unlike(variant: str, taken: set[str]) -> str:
    """Return `variant`, numbered where it is `taken`: long values may be told alike."""
    numbered = (f"{variant}-{number}" for number in itertools.count(2))
    return next(
        one for one in (variant, *itertools.islice(numbered, len(taken))) if one not in taken
    )


def variant_of(changes: Mapping[str, object]) -> str:
    """Return what a run's id says of changed settings, such as `~batch-size-64~dropout-0.25`."""
    return varied_again("", changes)


def varied_again(variant: str, changes: Mapping[str, object]) -> str:
    """Return what the id of a run that had `variant` says after `changes`, each setting once, as it is now.

    Of more than a folder's name holds, the first are left out.
    """
    beginnings = _beginnings()
    new = [f"{beginnings[key]}{slug(show_value(value, key))}" for key, value in changes.items()]

    def stays(part: str) -> bool:
        key = max(
            (key for key in beginnings if part.startswith(beginnings[key])),
            key=lambda key: len(beginnings[key]),
            default="",
        )
        return part != LEFT_OUT and key not in changes

    parts = [*filter(stays, variant.split("~")[1:]), *new]
    lengths = itertools.accumulate(len(part) + 1 for part in reversed(parts))
    kept = sum(length <= LONGEST_VARIANT for length in lengths)
    left_out = [LEFT_OUT] if kept < len(parts) or LEFT_OUT in variant else []
    return "".join(f"~{part}" for part in [*left_out, *parts[len(parts) - kept :]])


def _beginnings() -> dict[str, str]:
    """Return what each setting is told by: its last name where no other ends alike, such as `batch-size-`."""
    keys = known_keys()
    last = {key: key.rpartition(".")[2] for key in keys}
    alike = Counter(last.values())
    return {key: f"{slug(key if alike[last[key]] > 1 else last[key])}-" for key in keys}
