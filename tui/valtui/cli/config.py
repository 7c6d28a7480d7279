"""`valtui config`: the user's defaults as they hold now, and where each comes from."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import Any

import msgspec

from valtui.cli import output
from valtui.cli.parsing import Parser, add_json, home_of
from valtui_trainer.presets.keys import flatten
from valtui_trainer.session.config import Config, config_path, read_config


def add_arguments(parser: Parser) -> None:
    """Declare what `config` takes."""
    parser.add_argument("--path", action="store_true", help="print where the file is, or would be")
    parser.add_argument(
        "--keys", action="store_true", help="list the keys that can be given others, by their names"
    )
    add_json(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print the defaults; 2 if a file of theirs is wrong."""
    path = config_path()
    if arguments.path:
        output.line(str(path))
        return 0
    if arguments.keys:
        return list_keys(arguments.json)
    from valtui.keys import user_keymap

    config, problem = read_config()
    problem = problem or theme_problem(config.theme) or user_keymap()[1]
    rows = list(settings(config, arguments))
    if arguments.json:
        output.document(
            {
                "schema": output.SCHEMA,
                "path": str(path),
                "problem": problem,
                "settings": {key: {"value": value, "from": origin} for key, value, origin in rows},
            }
        )
    else:
        output.line(f"{path}{'' if path.exists() else '  (not there: all is as it comes)'}")
        output.table(
            ("setting", "value", "from"),
            [(key, msgspec.json.encode(value).decode(), origin) for key, value, origin in rows],
        )
    if problem:
        output.flush()
        output.complain(problem)
    return 2 if problem else 0


def theme_problem(theme: str) -> str:
    """Return what is wrong with the name of a theme; empty: nothing."""
    if not theme:
        return ""
    from textual.theme import BUILTIN_THEMES

    if theme in BUILTIN_THEMES:
        return ""
    return f"{config_path()}: there is no theme {theme!r}; there are {', '.join(BUILTIN_THEMES)}."


def list_keys(as_json: bool) -> int:
    """Print every key that can be given another, by the name that stands in the file; 2 if that is wrong."""
    from valtui.keys import KEYS, default_keys, user_keymap

    keymap, problem = user_keymap()
    helps = {f"{key.where}.{key.id}": key.help for key in KEYS}
    rows = [
        (
            name,
            keymap.get(name, ",".join(sorted(keys))),
            helps[name.partition("-")[0] if name not in helps else name],
        )
        for name, keys in default_keys().items()
    ]
    if as_json:
        keys = {name: {"keys": own, "help": help_} for name, own, help_ in rows}
        output.document({"schema": output.SCHEMA, "problem": problem, "keys": keys})
    else:
        output.table(("name", "keys", "what it does"), rows)
    if problem:
        output.flush()
        output.complain(problem)
    return 2 if problem else 0


def settings(config: Config, arguments: argparse.Namespace) -> Iterator[tuple[str, Any, str]]:
    """Yield each setting, its value, and who says so."""
    values, defaults = flatten(msgspec.to_builtins(config)), flatten(msgspec.to_builtins(Config()))
    for key, value in values.items():
        origin = "config.toml" if key not in defaults or value != defaults[key] else "default"
        if key == "home":
            if arguments.home:
                origin = "--home"
            elif os.environ.get("VALTUI_HOME"):
                origin = "$VALTUI_HOME"
            value = str(home_of(arguments))
        yield key, value, origin
