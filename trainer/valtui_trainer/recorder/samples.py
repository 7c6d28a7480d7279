"""Losses, logits and labels of a validation set, in whatever kind of array a loop holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from valtui_trainer.recorder.guard import say
from valtui_trainer.session.safe import safe

Losses = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figures:
    """What can be said of one evaluation; None where too little was given.

    Attributes:
        losses: of the samples (n,); None where only their mean is known.
        balanced: whether the classes are of about one size.
    """

    loss: float
    losses: Losses | None
    labels: Integers | None = None
    classes: int = 0
    balanced: bool = True
    accuracy: float | None = None
    balanced_accuracy: float | None = None
    calibrated: float | None = None
    temperature: float | None = None


def figures_of(losses: Any, logits: Any = None, labels: Any = None) -> Figures:
    """Return what `losses` (n,) or their mean, `logits` (n, c) and `labels` (n,) tell.

    Raises:
        ValueError: they do not fit each other.
    """
    values = in_column(losses)
    if values is None or values.size == 0:
        raise ValueError("losses are numbers, one a sample, or their mean")
    loss = float(values.mean(dtype=np.float64))
    rows = values if values.size > 1 else None
    if labels is None:
        return Figures(loss, rows)
    known = np.asarray(array(labels)).reshape(-1).astype(np.int64)
    if rows is not None and len(known) != len(rows):
        raise ValueError(f"there are {len(known)} labels for {len(rows)} losses")
    counts = np.bincount(known)
    common: dict[str, Any] = {
        "labels": known, "classes": len(counts), "balanced": bool(counts.min() * 2 > counts.max()),
    }  # fmt: skip
    if logits is None:
        return Figures(loss, rows, **common)
    import torch

    from valtui_trainer.training.evaluate import balanced
    from valtui_trainer.training.lenses.calibration import calibrate

    outputs = torch.as_tensor(array(logits), dtype=torch.float32)
    if outputs.ndim != 2 or len(outputs) != len(known):
        raise ValueError(
            f"logits are (n, classes) for {len(known)} labels, not {list(outputs.shape)}"
        )
    one = outputs.shape[1] == 1  # which tells two classes apart
    found = (outputs[:, 0] > 0).long() if one else outputs.argmax(1)
    hits = (found.numpy() == known).astype(bool)
    calibration = calibrate(outputs, torch.from_numpy(known))
    return Figures(
        loss, rows, **common, accuracy=float(hits.mean()),
        balanced_accuracy=balanced(hits, known),
        calibrated=calibration.loss if calibration else None,
        temperature=calibration.temperature if calibration else None,
    )  # fmt: skip


def counted(number: Any, what: str) -> int:
    """Return a count that somebody computed, as `len(data) / batch_size`; 0 for None or where it is none."""
    if number is None:
        return 0
    value = figure(number)
    if value is None or not 0 <= value < 2**53:
        say(f"{what} = {safe(str(number), 40)} is no count, and not used.")
        return 0
    return round(value)


def figure(number: Any) -> float | None:
    """Return what somebody calls a figure as a float; None for None, and for what is no number."""
    try:
        return None if number is None else float(number)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def in_column(values: Any) -> Losses | None:
    """Return losses as float32 (n,); None for None."""
    if values is None:
        return None
    return np.asarray(array(values), dtype=np.float32).reshape(-1)


def array(values: Any) -> Any:
    """Return tensors as numpy arrays, and anything else as it is."""
    return values.detach().float().cpu().numpy() if hasattr(values, "detach") else values
