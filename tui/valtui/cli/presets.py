"""`valtui presets`: every preset with what differs from the base, every study with its question."""

from __future__ import annotations

import argparse
from typing import Any

from valtui.cli import output
from valtui.cli.parsing import Parser, add_json
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.keys import settings, show_value
from valtui_trainer.presets.library import BASE, Library, difference
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.safe import safe


def add_arguments(parser: Parser) -> None:
    """Declare what `presets` takes."""
    add_json(parser)


def execute(arguments: argparse.Namespace) -> int:
    """List presets and studies; one that is broken is listed with what is wrong."""
    library = Library.open()
    base = base_of(library)
    presets = [describe_preset(library, name, base) for name in sorted(library.presets)]
    studies = [describe_study(library, name) for name in sorted(library.studies)]
    if arguments.json:
        output.document(
            {"schema": output.SCHEMA, "base": BASE, "presets": presets, "studies": studies}
        )
        return 0
    output.line(f"presets (what differs from {BASE})")
    output.table(
        ("  name", "differs", "from"),
        [(f"  {one['name']}", differs(one), one["from"]) for one in presets],
    )
    output.line()
    output.line("studies")
    output.table(
        ("  name", "presets", "question", "from"),
        [
            (f"  {one['name']}", ", ".join(one["presets"]), one["error"] or one["question"], one["from"])
            for one in studies
        ],
    )  # fmt: skip
    return 0


def base_of(library: Library) -> Preset:
    """Return the base of the listing, the built-in defaults where the user's own is broken."""
    try:
        return library.base()
    except PresetError:
        return Preset()


def describe_preset(library: Library, name: str, base: Preset) -> dict[str, Any]:
    """Return one entry of the listing."""
    path, place = library.presets[name]
    entry: dict[str, Any] = {
        "name": safe(name),
        "from": place,
        "path": safe(str(path)),
        "description": "",
        "differs": {},
        "settings": None,
        "error": None,
    }
    try:
        preset = library.preset(name).preset
    except PresetError as error:
        return entry | {"error": safe(str(error))}
    return entry | {
        "description": preset.description,
        "differs": difference(preset, base),
        "settings": settings(preset),
    }


def describe_study(library: Library, name: str) -> dict[str, Any]:
    """Return one entry of the listing."""
    path, place = library.studies[name]
    entry: dict[str, Any] = {
        "name": safe(name),
        "from": place,
        "path": safe(str(path)),
        "question": "",
        "answer": "",
        "presets": [],
        "error": None,
    }
    try:
        study = library.study(name).study
    except PresetError as error:
        return entry | {"error": safe(str(error))}
    return entry | {"question": study.question, "answer": study.answer, "presets": study.presets}


def differs(entry: dict[str, Any]) -> str:
    """Return the differing settings of an entry on one line, or what is wrong with it."""
    if entry["error"]:
        return str(entry["error"])
    pairs = entry["differs"].items()
    return ", ".join(f"{key} {show_value(value, key)}" for key, value in pairs) or "–"
