"""A session's log as CSV files: `train.csv`, `val.csv`, `events.csv`, replaced points left out.

A value that is not finite is written as nan, inf or -inf; one that was not measured is empty.
"""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from valtui_trainer.session.history import History, read_history
from valtui_trainer.session.layout import FILE_MODE, RunPaths, SessionPaths
from valtui_trainer.session.listing import runs_of
from valtui_trainer.session.records import Event, RunSpec, Start, Train, Val
from valtui_trainer.session.safe import safe, safe_json

LEFT_OUT = ("seed", "nf")
TRAIN_FIELDS = tuple(name for name in Train.__struct_fields__ if name not in LEFT_OUT)
VAL_FIELDS = tuple(name for name in Val.__struct_fields__ if name not in LEFT_OUT)
EVENT_FIELDS = tuple(name for name in Event.__struct_fields__ if name not in LEFT_OUT)
IDENTITY = ("run", "preset", "seed", "attempt")
FILES = ("train.csv", "val.csv", "events.csv")


def export_csv(session: SessionPaths, folder: Path) -> dict[str, int]:
    """Write the three files into `folder`, each completely or not at all.

    Returns:
        The number of rows by file name.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    histories = [(run, spec, read_history(run)) for run, spec in runs_of(session)]
    rows = (
        (TRAIN_FIELDS, (row for item in histories for row in train_rows(*item))),
        (VAL_FIELDS, (row for item in histories for row in val_rows(*item))),
        (EVENT_FIELDS, (row for item in histories for row in event_rows(*item))),
    )
    return {
        name: write(folder / name, (*IDENTITY, *fields), content)
        for name, (fields, content) in zip(FILES, rows, strict=True)
    }


def train_rows(run: RunPaths, spec: RunSpec, history: History) -> Iterator[list[Any]]:
    """Yield the training records of a run."""
    for record in history.train:
        attempt = attempt_of(history.starts, record.step)
        yield [run.id, spec.preset_name, record.seed, attempt, *cells(record, TRAIN_FIELDS)]


def val_rows(run: RunPaths, spec: RunSpec, history: History) -> Iterator[list[Any]]:
    """Yield the evaluations of a run."""
    for attempt, record in history.val:
        yield [run.id, spec.preset_name, record.seed, attempt, *cells(record, VAL_FIELDS)]


def event_rows(run: RunPaths, spec: RunSpec, history: History) -> Iterator[list[Any]]:
    """Yield the events of a run, those of replaced stretches too: they happened."""
    for attempt, event in history.events:
        seed = "" if event.seed is None else event.seed
        yield [run.id, spec.preset_name, seed, attempt, *cells(event, EVENT_FIELDS)]


def attempt_of(starts: Sequence[Start], step: int) -> int:
    """Return the attempt a counted point of `step` comes from: the last that began below it."""
    below = [start.attempt for start in starts if start.from_step < step]
    return below[-1] if below else 0


def cells(record: Train | Val | Event, fields: Iterable[str]) -> list[Any]:
    """Return the fields of `record`."""
    return [getattr(record, name) for name in fields]


def cell(value: Any) -> Any:
    """Return one value as a CSV cell; files are looked at in terminals too."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return safe_json(msgspec.json.encode(value).decode()) if value else ""
    return safe(value) if isinstance(value, str) else value


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write one file by way of a temporary name; return the number of rows."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    count = 0
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            for row in rows:
                writer.writerow(map(cell, row))
                count += 1
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count
