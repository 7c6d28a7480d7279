"""The job that all rivals do, told in a file: model, batch size, augmentation, epochs, device."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

EVALUATIONS_AN_EPOCH = 4
EVALUATED_AT_ONCE = 256
WARM_UP_STEPS = 8
"""Steps that no rival's rate counts: kernels are made in them, which valtui does before its clock runs."""


class Task(Struct, frozen=True):
    """One job.

    Attributes:
        model: `seed-cnn`, or `small-cnn`, here with BatchNorm.
        augmented: rotate by 20 degrees, shift by a fifth, mirror.
        workers: of the DataLoader.
        data: an `.npz` of the parts of the split, with mean and deviation of the training part.
        answer: the file that the answer goes to.
    """

    model: str
    batch_size: int
    augmented: bool
    epochs: int
    device: str
    workers: int
    data: str
    answer: str


class Answer(Struct, frozen=True):
    """What a rival found of itself: seconds and images of training steps and of evaluations."""

    train_seconds: float
    train_images: int
    eval_seconds: float
    eval_images: int
    accuracy: float


def read_task() -> Task:
    """Return the task that this process was started for."""
    return msgspec.convert(json.loads(sys.argv[1]), Task)


def give(task: Task, answer: Answer) -> None:
    """Write the answer of this process."""
    Path(task.answer).write_bytes(msgspec.json.encode(answer))
