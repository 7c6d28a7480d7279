"""What a reader of another tool's log gives, and what it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct


class Point(Struct, gc=False):
    """One row of another tool's log: numbers by the tool's own names.

    Attributes:
        values: finite or not; a name that the row lacks is not there.
        time: seconds since 1970; None where the tool does not say.
    """

    values: dict[str, float]
    time: float | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One run of another tool.

    Attributes:
        name: what tells it from the others in its folder.
        kind: `tensorboard`, `wandb`, `csv`, `jsonl` or `trainer-state`.
        path: the file, or the folder of the files, that holds its log.
        modified: when it was last written, in seconds since 1970.
    """

    name: str
    kind: str
    path: Path
    modified: float


@dataclass(frozen=True, slots=True)
class Options:
    """What a person said of a log that does not speak for itself.

    Attributes:
        step: the column that counts steps; empty: it is recognised.
        columns: by our name (`val_loss`), the tool's column.
    """

    step: str = ""
    columns: dict[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """Reads one run's log as it grows.

    Attributes:
        skipped: rows and lines that were damaged.
        behind: whether the last call left something unread.
    """

    skipped: int
    behind: bool

    def read(self, most: int) -> list[Point]:
        """Return what is new, about `most` rows at the most; whole rows alone.

        Raises:
            SessionError: the file is gone, or cannot be read; what was read stays read.
        """

    def settings(self) -> dict[str, Any]:
        """Return the hyperparameters that the tool wrote beside its log, as far as they are known."""
