"""A recorded run with something to diagnose: losses by sample that move, lenses, checks, a described split."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from msgspec import to_builtins

from support.causes import thumbnail
from support.sessions import VALIDATION, RunWriter, train_record, val_record
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.records import Check, Event, LensPlan
from valtui_trainer.session.validation import write_validation

LENSES = [
    LensPlan(name="exact-batchnorm", on=True, cost=0.22),
    LensPlan(name="calibrated-outputs", on=True, cost=0.0),
    LensPlan(name="averaged-weights", on=False, reason="the preset leaves it off"),
]
NO_BATCHNORM = [
    LensPlan(name="exact-batchnorm", on=False, reason="the model has no BatchNorm"),
    *LENSES[1:],
]


def describe_split(session: SessionPaths, samples: int, names: tuple[str, ...]) -> None:
    """Write the description of the validation split: classes in turn, small pictures."""
    ramp = np.linspace(0, 1, samples, dtype=np.float32)
    pictures = np.stack([thumbnail(2 * (row % 4)) for row in range(samples)])
    write_validation(
        session,
        VALIDATION,
        {
            "index": np.arange(samples) + 1000,
            "sample_digest": np.arange(samples, dtype=np.uint64),
            "label": np.arange(samples) % len(names),
            "class_names": np.array(names),
            "thumbnail": pictures,
            "brightness": ramp,
            "contrast": ramp[::-1].copy(),
            "sharpness": (ramp * 7) % 1,
        },
    )


def evaluations(
    writer: RunWriter, steps: Iterable[int], *, rise: float = 0.0, lenses: bool = True
) -> None:
    """Log evaluations whose samples jump each for itself, the first two far more, and a training record each."""
    for step in steps:
        chance = np.random.default_rng(step)
        level = 0.3 + 2.0 * math.exp(-step / 40)
        rising = rise * max(0, step - 200)
        together = chance.normal(0, 0.004)
        alone = chance.normal(0, 0.15, writer.samples)
        alone[:2] *= 8
        losses = np.maximum(level + rising + together + alone, 0.0).astype(np.float32)
        loss = float(losses.mean(dtype=np.float64))
        extra: dict[str, Any] = {"train_eval_loss": 0.9 * level, "seconds": 0.1}
        if lenses:
            extra |= {
                "val_loss_precise": loss - 0.9 * together,
                "val_loss_calibrated": 0.95 * loss,
                "temperature": 1.3,
            }
        record = val_record(
            step, 0, val_loss=loss, val_accuracy=0.9, val_balanced_accuracy=0.9, **extra
        )
        record.row, record.crc = writer.rows.append(losses)
        writer.train.append(train_record(step, 0, train_loss=0.9 * level))
        writer.val.append(record)


def tell(writer: RunWriter, check: Check) -> None:
    """Log what a check of the trainer found."""
    data = to_builtins(check)
    writer.events.append(
        Event(n=0, time=1.0, kind="check", step=0, message=check.message, data=data)
    )
