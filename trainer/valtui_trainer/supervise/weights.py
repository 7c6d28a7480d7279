"""Ask a child process with torch to take the weights of a checkpoint out."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from valtui_trainer.supervise.child import ask


class Request(Struct, frozen=True):
    """Which checkpoint, where to, and which seed (null: all of them)."""

    checkpoint: str
    out: str
    seed: int | None = None


class Answer(Struct, frozen=True):
    """The files that were written, or why none were."""

    written: list[str] = []
    problem: str | None = None


def write_weights(checkpoint: Path, out: Path, seed: int | None) -> Answer:
    """Have the weights of `checkpoint` written to `out`."""
    found = ask("weights", Request(str(checkpoint), str(out), seed), Answer)
    return Answer(problem=f"The export failed: {found}") if isinstance(found, str) else found
