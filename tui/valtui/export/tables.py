"""A session's log as the rows of three tables, replaced points left out: what each way of export writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from valtui_trainer.session.history import History, read_history
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.listing import runs_of
from valtui_trainer.session.records import Event, RunSpec, Start, Train, Val

LEFT_OUT = ("seed", "nf")
TRAIN_FIELDS = tuple(name for name in Train.__struct_fields__ if name not in LEFT_OUT)
VAL_FIELDS = tuple(name for name in Val.__struct_fields__ if name not in LEFT_OUT)
EVENT_FIELDS = tuple(name for name in Event.__struct_fields__ if name not in LEFT_OUT)
IDENTITY = ("run", "preset", "seed", "attempt")


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of records.

    Attributes:
        name: `train`, `val` or `events`.
        columns: names of the cells of a row.
    """

    name: str
    columns: tuple[str, ...]
    rows: Iterable[list[Any]]


def tables_of(session: SessionPaths) -> tuple[Table, Table, Table]:
    """Return the log of a session: training records, evaluations, events.

    Raises:
        SessionError: a file cannot be read.
    """
    histories = [(run, spec, read_history(run)) for run, spec in runs_of(session)]
    return (
        Table(
            "train",
            (*IDENTITY, *TRAIN_FIELDS),
            (row for item in histories for row in train_rows(*item)),
        ),
        Table(
            "val", (*IDENTITY, *VAL_FIELDS), (row for item in histories for row in val_rows(*item))
        ),
        Table(
            "events",
            (*IDENTITY, *EVENT_FIELDS),
            (row for item in histories for row in event_rows(*item)),
        ),
    )


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
