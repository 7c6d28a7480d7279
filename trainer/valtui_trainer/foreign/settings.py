"""Hyperparameters that tools write beside their logs: the plain lines of a YAML file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from valtui_trainer.foreign.numbers import number

LARGEST = 1 << 16
LINE = re.compile(r"^([\w./-]+):[ \t]*([^#\n]*?)[ \t]*$")
WORDS = {"true": True, "false": False, "null": None, "~": None, "none": None}


def yaml_settings(paths: Iterable[Path]) -> dict[str, Any]:
    """Return the top-level `key: value` lines of the first file that is there; what is nested is left out."""
    for path in paths:
        try:
            with path.open("rb") as file:
                text = file.read(LARGEST).decode("utf-8", "replace")
        except OSError:
            continue
        found = (LINE.match(line) for line in text.splitlines())
        return {one[1]: scalar(one[2]) for one in found if one is not None and one[2]}
    return {}


def scalar(text: str) -> Any:
    """Return one YAML value as a number, a truth value, null, or text."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    found = number(text)
    if found is None:
        return text.strip("'\"")
    return (
        int(found) if found.is_integer() and "." not in text and "e" not in text.lower() else found
    )
