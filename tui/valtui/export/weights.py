"""Which checkpoint of a run holds the weights that a person wants."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import RunPaths


@dataclass(frozen=True, slots=True)
class Chosen:
    """A checkpoint, and why it was chosen: "best" or "newest"."""

    path: Path
    step: int
    why: str


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
