"""Ask a child process with torch whether runs can start: data, split, model, device. Nothing starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from valtui_trainer.session.records import RunSpec

PATIENCE_SECONDS = 1800


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
    question = msgspec.json.encode(Question(list(runs), str(home)))
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "valtui_trainer", "validate", "-"],
            input=question,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return Answer(problems=["Reading the data took over half an hour; giving up."])
    try:
        return msgspec.json.decode(child.stdout, type=Answer)
    except msgspec.DecodeError:
        last = child.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
        return Answer(problems=[f"The check of data and model failed: {last[0]}"])
