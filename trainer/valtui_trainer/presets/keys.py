"""Settings as flat dotted keys (`model.width`): list, read, set, and compare them."""

from __future__ import annotations

from typing import Any

import msgspec

from valtui_trainer.presets.errors import LONGEST, PresetError, brief, nearest
from valtui_trainer.presets.types import Preset

Table = dict[str, Any]


def flatten(table: Table, prefix: str = "") -> Table:
    """Return `table` with nested tables spelled as dotted keys."""
    flat: Table = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def settings(preset: Preset) -> Table:
    """Return every setting of `preset` by dotted key, without the description."""
    flat = flatten(msgspec.to_builtins(preset))
    flat.pop("description")
    return flat


def known_keys() -> tuple[str, ...]:
    """Return all dotted keys a preset can hold."""
    return tuple(settings(Preset()))


def difference(preset: Preset, base: Preset) -> Table:
    """Return the settings of `preset` that differ from `base`."""
    theirs = settings(base)
    return {key: value for key, value in settings(preset).items() if value != theirs[key]}


def varying(presets: list[Preset]) -> tuple[str, ...]:
    """Return the dotted keys in which at least two of `presets` differ, in declared order."""
    tables = [settings(preset) for preset in presets]
    return tuple(key for key in known_keys() if any(t[key] != tables[0][key] for t in tables[1:]))


def recipe(preset: Preset) -> Preset:
    """Return `preset` without its seeds and description: what runs of the same preset have in common."""
    return msgspec.structs.replace(preset, description="", seeds=1)


def merge(below: Table, above: Table) -> Table:
    """Return `below` overlaid by `above`, table by table."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def parse_assignment(text: str) -> tuple[str, Any]:
    """Return key and value of one `--set key=value`.

    Raises:
        PresetError: without `=`, or for a key no preset can hold.
    """
    key, equals, raw = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise PresetError(
            f"--set {brief(text)} has no '='. Write --set key=value, such as batch_size=64."
        )
    refuse_unknown(key, "--set")
    return key, parse_value(raw.strip())


def refuse_unknown(key: str, option: str) -> None:
    """Refuse a key that no preset can hold; `option` is what named it.

    Raises:
        PresetError: with the key that comes nearest.
    """
    known = known_keys()
    if key not in known:
        shown = key if len(key) <= LONGEST else brief(key)
        raise PresetError(f"{option} {shown}: no setting has that name{nearest(key, known)}.")


def parse_value(raw: str) -> Any:
    """Return `raw` as the JSON value it spells, else as text; `none` is null."""
    if raw.lower() in ("none", "null"):
        return None
    try:
        return msgspec.json.decode(raw.lower() if raw.lower() in ("true", "false") else raw)
    except (msgspec.DecodeError, RecursionError):
        return raw


def assign(table: Table, key: str, value: Any) -> Table:
    """Return `table` with the dotted `key` set to `value`."""
    first, _, rest = key.partition(".")
    return merge(table, {first: assign({}, rest, value) if rest else value})


def spelled(value: Any) -> str:
    """Return a setting as `--set` reads it back."""
    if value is None:
        return "none"
    if isinstance(value, str) and parse_value(value) == value:
        return value
    return msgspec.json.encode(value).decode()


def show_value(value: Any, key: str = "") -> str:
    """Return the value of the setting `key` as a person would write it."""
    if value is None:
        return "all" if key == "val_size" else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
