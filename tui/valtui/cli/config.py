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
    add_json(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print the defaults; 2 if their file is wrong."""
    path = config_path()
    if arguments.path:
        output.line(str(path))
        return 0
    config, problem = read_config()
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
