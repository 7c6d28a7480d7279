"""What each setting means, from the docstrings of the types that hold them."""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import Any, get_type_hints

from msgspec import Struct

from valtui_trainer.presets.keys import settings as settings_of
from valtui_trainer.presets.keys import spelled
from valtui_trainer.presets.types import Preset

ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8,}.*)*)", re.MULTILINE)


@cache
def meanings() -> dict[str, str]:
    """Return a sentence for each setting, by dotted key."""
    return dict(of_type(Preset, ""))


def of_type(kind: type[Struct], prefix: str) -> list[tuple[str, str]]:
    """Return the sentences of a type's settings, and of the tables within."""
    text = inspect.getdoc(kind) or ""
    told = dict(ATTRIBUTE.findall(text.partition("Attributes:")[2]))
    found: list[tuple[str, str]] = []
    for name, hint in get_type_hints(kind).items():
        if isinstance(hint, type) and issubclass(hint, Struct):
            found += of_type(hint, f"{prefix}{name}.")
        elif name in told:
            found.append((prefix + name, re.sub(r"\s+", " ", told[name]).replace("`", "")))
    return found


def help_of(key: str) -> str:
    """Return what a setting means, and its default."""
    default: Any = settings_of(Preset())[key]
    sentence = re.sub(r"\bnull\b", "none", meanings().get(key, ""))
    return f"{sentence} Default: {spelled(default)}."
