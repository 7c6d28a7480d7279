"""Read one TOML file and turn it into a frozen type, naming file, line and key of what is wrong."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from valtui_trainer.presets.errors import PresetError, brief, nearest
from valtui_trainer.presets.keys import Table, known_keys

T = TypeVar("T")
LARGEST_FILE = 1_000_000


def read_table(path: Path) -> Table:
    """Return the TOML of `path` as a table.

    Raises:
        PresetError: the file is missing, unreadable, too large, or no TOML.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise PresetError(f"{path}: over 1 MB; that is no preset.")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PresetError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise PresetError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise PresetError(f"{path}: is not UTF-8 text, so it is no preset.") from None
    except tomllib.TOMLDecodeError as error:
        raise PresetError(f"{path}: is not valid TOML: {error}.") from None


def convert(table: Table, to: type[T], where: Path | str) -> T:
    """Return `table` validated as `to`.

    Raises:
        PresetError: an unknown key, a wrong type, or a value out of range.
    """
    try:
        return msgspec.convert(table, to)
    except msgspec.ValidationError as error:
        raise PresetError(explain(str(error), table, to, where)) from None


def explain(problem: str, table: Table, to: type, where: Path | str) -> str:
    """Turn msgspec's message into a sentence with file, line and key."""
    message, _, path = problem.partition(" - at `$.")
    key = path.rstrip("`")
    unknown = re.match(r"Object contains unknown field `(.+?)`", message)
    if unknown:
        word = unknown.group(1)
        full = f"{key}.{word}" if key else word
        known = known_keys() if to.__name__ == "Preset" else fields_of(to)
        suggestion = nearest(full, known) or nearest(word, known)
        return f"{place(where, full)}: no setting is called {brief(full)}{suggestion}."
    key = re.sub(r"\[\.\.\.\]|\[\d+\]", "", key)
    missing = re.match(r"Object missing required field `(.+?)`", message)
    if missing:
        return f"{where}: {missing.group(1)!r} is missing."
    value = lookup(table, key)
    return f"{place(where, key)}: {key} = {brief(value)} is not possible: {in_words(message)}."


def fields_of(kind: Any) -> tuple[str, ...]:
    """Return the dotted names of a type's fields."""
    found: list[str] = []
    for name, hint in get_type_hints(kind).items():
        inner = hasattr(hint, "__struct_fields__")
        found += [f"{name}.{field}" for field in fields_of(hint)] if inner else [name]
    return tuple(found)


def in_words(message: str) -> str:
    """Return msgspec's reason in the words of a person."""
    words = {
        "Expected `int`": "it must be a whole number",
        "Expected `int | null`": "it must be a whole number",
        "Expected `float`": "it must be a number",
        "Expected `str`": "it must be text in quotes",
        "Expected `bool`": "it must be true or false",
    }
    for start, sentence in words.items():
        if (
            message.startswith((start + " ", start + ","))
            and "got" in message
            and ">" not in message
        ):
            return sentence
    ranged = re.match(r"Expected `[^`]+` (>=|<=|>|<) (\S+)", message)
    if ranged:
        signs = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
        return f"it must be {signs[ranged.group(1)]} {ranged.group(2)}"
    if "regex" in message or "pattern" in message:
        return 'write a number of epochs (0.25) or steps ("50 steps")'
    text = message[0].lower() + message[1:]
    return text.replace("`", "")


def lookup(table: Table, key: str) -> Any:
    """Return the value at the dotted `key`, or None."""
    value: Any = table
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def place(where: Path | str, key: str) -> str:
    """Return "file:line" of the dotted `key` where `where` is a file that holds it, else `where`."""
    if not isinstance(where, Path):
        return where
    line = line_of(where, key)
    return f"{where}:{line}" if line else str(where)


def line_of(path: Path, key: str) -> int | None:
    """Return the line (from 1) on which the dotted `key` is written, if it is found."""
    table = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        header = re.match(r"\s*\[([^\[\]]+)\]", line)
        if header:
            table = header.group(1).strip() + "."
            if table == key + ".":
                return number
            continue
        name = re.match(r"""\s*["']?([\w.-]+)["']?\s*=""", line)
        if name:
            full = table + name.group(1)
            inline = key.startswith(full + ".") and key.rsplit(".", 1)[1] in line
            if full == key or inline:
                return number
    return None
