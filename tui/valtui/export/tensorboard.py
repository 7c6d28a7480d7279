"""A session's log as TensorBoard event files: a folder a run and seed, scalars by the names that people use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.history import History, read_history
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import runs_of
from valtui_trainer.session.records import SessionSpec, Train, Val

if TYPE_CHECKING:
    from valtui_trainer.session.records import RunSpec

TRAIN_TAGS = {
    "train_loss": "train/loss",
    "learning_rate": "train/learning_rate",
    "grad_norm": "train/grad_norm",
    "images_per_second": "train/images_per_second",
}
VAL_TAGS = {
    "val_loss": "val/loss",
    "val_accuracy": "val/accuracy",
    "val_balanced_accuracy": "val/balanced_accuracy",
    "train_eval_loss": "val/train_loss_in_eval_mode",
    "val_loss_precise": "val/loss_exact_batchnorm",
    "val_loss_calibrated": "val/loss_calibrated",
    "val_loss_averaged": "val/loss_averaged_weights",
}

SUFFIX = ".valtui"
"""Ends the names of our event files, so that none of another program's is taken away."""


def folders_of(session: SessionPaths, folder: Path) -> list[Path]:
    """Return the folder of each run and seed below `folder`."""
    return [place(folder, spec, seed) for _, spec in runs_of(session) for seed in spec.seeds]


def export_tensorboard(session: SessionPaths, folder: Path) -> dict[str, int]:
    """Write one event file for each run and seed, in the place of one that was written before.

    Returns:
        The number of scalars by folder, relative to `folder`.

    Raises:
        OSError: the folder cannot be written.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    began = begin_of(session)
    written = {}
    for run, spec in runs_of(session):
        history = read_history(run)
        for seed in spec.seeds:
            target = place(folder, spec, seed)
            target.mkdir(parents=True, exist_ok=True)
            before = list(target.glob(f"events.out.tfevents.*{SUFFIX}"))
            writer = EventFileWriter(str(target), filename_suffix=SUFFIX)
            count = 0
            try:
                for seconds, step, tag, value in scalars(history, seed):
                    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
                    writer.add_event(Event(wall_time=began + seconds, step=step, summary=summary))
                    count += 1
            finally:
                writer.close()
            for one in before:
                one.unlink(missing_ok=True)
            written[str(target.relative_to(folder))] = count
    return written


def place(folder: Path, spec: RunSpec, seed: int) -> Path:
    """Return the folder of one seed of a run."""
    return folder / spec.id if len(spec.seeds) == 1 else folder / spec.id / f"seed-{seed}"


def begin_of(session: SessionPaths) -> float:
    """Return when a session began, in seconds since 1970; now where its time is damaged."""
    try:
        spec = read_document(session.spec, SessionSpec)
        return datetime.fromisoformat(spec.created).timestamp() if spec else time.time()
    except (SessionError, ValueError):
        return time.time()


def scalars(history: History, seed: int) -> Iterator[tuple[float, int, str, float]]:
    """Yield time, step, tag and value of everything that one seed has measured."""
    for record in history.train:
        if record.seed == seed:
            yield from of_record(record, TRAIN_TAGS)
    for _, evaluation in history.val:
        if evaluation.seed == seed:
            yield from of_record(evaluation, VAL_TAGS)


def of_record(record: Train | Val, tags: dict[str, str]) -> Iterator[tuple[float, int, str, float]]:
    """Yield the scalars of one record."""
    for name, tag in tags.items():
        value = getattr(record, name)
        if value is not None:
            yield record.time, record.step, tag, float(value)
