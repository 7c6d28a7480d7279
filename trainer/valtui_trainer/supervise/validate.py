"""Ask a child process with torch whether runs can start: data, split, model, device. Nothing starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from valtui_trainer.session.records import RunSpec
from valtui_trainer.supervise.child import ask


class Answer(Struct, frozen=True):
    """What the child found: sentences on what is wrong, and remarks on what is not."""

    problems: list[str] = []
    notes: list[str] = []


class Question(Struct, frozen=True):
    """What the child is asked."""

    runs: list[RunSpec]
    home: str


def validate(runs: Sequence[RunSpec], home: Path) -> Answer:
    """Return what would keep `runs` from starting. Takes a few seconds: torch is loaded, data read."""
    found = ask("validate", Question(list(runs), str(home)), Answer)
    if isinstance(found, str):
        return Answer(problems=[f"The check of data and model failed: {found}"])
    return found
