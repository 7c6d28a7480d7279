"""`--grid key=v1,v2`: presets with every combination of some values, each named after its own."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from valtui_trainer.presets.errors import PresetError, nearest
from valtui_trainer.presets.keys import known_keys, parse_value, show_value
from valtui_trainer.presets.library import Named, with_settings
from valtui_trainer.session.layout import slug

Grid: TypeAlias = dict[str, list[Any]]
"""The values of each key, in the order in which they were named."""


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
                f"--grid {text!r} has no values. Write --grid key=v1,v2, such as batch_size=32,128."
            )
        if key not in known_keys():
            raise PresetError(
                f"--grid {key}: no setting has that name{nearest(key, known_keys())}."
            )
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
    values: list[Any]
    if raw.startswith("["):
        try:
            values = json.loads(raw)
        except ValueError:
            raise PresetError(f"--grid {key}={raw}: this is no JSON list.") from None
    else:
        parts = [part.strip() for part in raw.split(",")]
        if "" in parts:
            raise PresetError(f"--grid {key}={raw}: a value is missing beside a comma.")
        values = [parse_value(part) for part in parts]
    if not values:
        raise PresetError(f"--grid {key}: the list is empty.")
    for value in values:
        if values.count(value) > 1:
            raise PresetError(f"--grid {key}: {show_value(value)} stands there twice.")
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
    found = []
    for named in presets:
        for values in itertools.product(*grid.values()):
            changes = dict(zip(grid, values, strict=True))
            try:
                made = with_settings(named, changes)
            except PresetError as error:
                raise PresetError(str(error).replace("--set", "--grid", 1)) from None
            found.append(replace(made, variant=variant_of(changes)))
    return found


def variant_of(changes: Mapping[str, object]) -> str:
    """Return what a run's id says of changed settings, such as `~batch-size-64~dropout-0.25`."""
    return "".join(
        f"~{slug(key.rpartition('.')[2])}-{slug(show_value(value))}"
        for key, value in changes.items()
    )
