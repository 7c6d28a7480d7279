"""Write a preset of a person's own: what it extends, and only what differs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from valtui_trainer.presets.data import from_anywhere
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.library import PLANTED, Library
from valtui_trainer.presets.source import places
from valtui_trainer.presets.types import Fault

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,59}")


def own_folder() -> Path:
    """Return the folder of the user's presets."""
    return next(place.folder for place in places() if place.name == "config")


def save_preset(name: str, extends: str, changes: Mapping[str, Any], library: Library) -> Path:
    """Write `name`.toml into the user's presets; return its path.

    Args:
        name: of the new preset.
        extends: the preset that it begins with.
        changes: settings that differ from it, by dotted key.
        library: all presets that there are.

    Raises:
        PresetError: the name cannot be used or is taken, `extends` is no preset of the library or holds
            a fault that the name does not tell, or a value has no spelling in TOML.
    """
    if not NAME.fullmatch(name):
        raise PresetError(
            f"{name!r} cannot be a preset's name: letters, digits, dots, + and hyphens, at most 60."
        )
    if name in library.presets or name in library.studies:
        raise PresetError(f"There is a preset or study {name} already; choose another name.")
    if extends not in library.presets:
        raise PresetError(f"{extends} is no preset any more, so nothing can extend it.")
    path = own_folder() / f"{name}.toml"
    text = toml_of(parent_of(name, extends, library), changes)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise PresetError(f"{path} is there already; choose another name.") from None
    except OSError as error:
        raise PresetError(f"{path}: cannot be written ({os.strerror(error.errno or 0)}).") from None
    return path


def parent_of(name: str, extends: str, library: Library) -> str:
    """Return what the new preset extends, so that it is found from every folder: a name, or a full path.

    Raises:
        PresetError: the parent holds a fault, and the new name does not say so.
    """
    parent = library.preset(extends)
    if parent.preset.fault != Fault() and not name.startswith(PLANTED):
        raise PresetError(
            f"{extends} holds a mistake made on purpose; only a preset whose name begins with "
            f"{PLANTED} can extend it."
        )
    known = {"valtui", "config"}
    return extends if parent.place in known else str(parent.path.resolve())


def toml_of(extends: str, changes: Mapping[str, Any]) -> str:
    """Return a preset file."""
    tables: dict[str, list[str]] = {"": [f"extends = {json.dumps(extends)}"]}
    for key, value in changes.items():
        if value is None:
            raise PresetError(f"{key} = none cannot stand in a preset's file; leave it as it was.")
        value = from_anywhere(value) if key == "data" else value
        table, _, last = key.rpartition(".")
        tables.setdefault(table, []).append(f"{last} = {json.dumps(value, ensure_ascii=False)}")
    parts = [
        "\n".join([f"[{table}]"] * bool(table) + lines) + "\n" for table, lines in tables.items()
    ]
    return "\n".join(parts)
