"""The weights of a run as plain `state_dict` files: picks the checkpoint, a child with torch writes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import RunPaths


@dataclass(frozen=True, slots=True)
class Chosen:
    """A checkpoint, and why it was chosen: "best" or "newest"."""

    path: Path
    step: int
    why: str


class Request(Struct, frozen=True):
    """What the child is asked."""

    checkpoint: str
    out: str
    seed: int | None = None


class Answer(Struct, frozen=True):
    """What the child wrote, or why it did not."""

    written: list[str] = []
    problem: str | None = None


def best_checkpoint(run: RunPaths) -> Chosen | None:
    """Return the checkpoint with the lowest validation loss, mean over seeds; None if there is none.

    Checkpoints are written at evaluations, not at all of them. Where none can be rated: the newest.
    """
    found = {step_of(path): path for path in sorted(run.checkpoints.glob("step-*.pt"))}
    losses: dict[int, list[float]] = {}
    for _, record in read_history(run).val:
        if record.step in found and record.val_loss is not None:
            losses.setdefault(record.step, []).append(record.val_loss)
    means = {step: sum(values) / len(values) for step, values in losses.items()}
    finite = {step: mean for step, mean in means.items() if mean == mean}
    if finite:
        step = min(finite, key=lambda key: (finite[key], key))
        return Chosen(found[step], step, "best")
    if found:
        return Chosen(found[max(found)], max(found), "newest")
    return None


def step_of(path: Path) -> int:
    """Return the step of a checkpoint file, -1 for a name that tells none."""
    digits = path.stem.removeprefix("step-")
    return int(digits) if digits.isdecimal() else -1


def write_weights(checkpoint: Path, out: Path, seed: int | None) -> Answer:
    """Have the weights of `checkpoint` written to `out`; loads torch in a child."""
    child = subprocess.run(
        [sys.executable, "-P", "-m", "valtui_trainer", "weights"],
        input=msgspec.json.encode(Request(str(checkpoint), str(out), seed)),
        capture_output=True,
    )
    try:
        return msgspec.json.decode(child.stdout, type=Answer)
    except msgspec.DecodeError:
        last = child.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
        return Answer(problem=f"The export failed: {last[0]}")
