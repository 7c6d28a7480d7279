"""`valtui run --plain`: the real command line; its log tells the times of steps and evaluations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.rivals.task import Answer, Task
from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import runs_of

PRESETS = {"seed-cnn": "seed-cnn", "small-cnn": "batchnorm-0.1"}
AUGMENTED = (
    "--set", "augmentation.rotation=20", "--set", "augmentation.shift_x=0.2",
    "--set", "augmentation.shift_y=0.2", "--set", "augmentation.flip=true",
)  # fmt: skip


def run(task: Task, home: Path) -> None:
    """Train `task` from the command line, in `home`, to its end."""
    subprocess.run(
        [
            sys.executable, "-m", "valtui.cli.main", "run", PRESETS[task.model], "--plain",
            "--home", str(home), "--device", task.device, "--epochs", str(task.epochs),
            "--set", f"batch_size={task.batch_size}", *(AUGMENTED if task.augmented else ()),
        ],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def answer_of(task: Task, home: Path) -> Answer:
    """Return what the newest session in `home` says; lenses and checkpoints count for neither time."""
    session = SessionPaths(max((home / "sessions").iterdir()))
    ((paths, _),) = runs_of(session)
    history = read_history(paths)
    seconds, images, before = 0.0, 0, 0
    size = history.starts[0].train_size
    per_epoch = history.starts[0].steps_per_epoch
    for record in history.train:
        seen = images_in(before, record.step, task.batch_size, size, per_epoch)
        if record.images_per_second:
            seconds += seen / record.images_per_second
            images += seen
        before = record.step
    evaluations = [record for _, record in history.val]
    evaluating = sum(record.seconds or 0.0 for record in evaluations)
    subset = sum(record.train_eval_loss is not None for record in evaluations)
    evaluated = (len(evaluations) + subset) * history.starts[0].val_size
    return Answer(seconds, images, evaluating, evaluated, evaluations[-1].val_accuracy or 0.0)


def images_in(begin: int, end: int, batch: int, size: int, per_epoch: int) -> int:
    """Return the images of the steps from `begin` to `end`, the rest batches of epochs counted as such."""
    return sum(min(batch, size - step % per_epoch * batch) for step in range(begin, end))
