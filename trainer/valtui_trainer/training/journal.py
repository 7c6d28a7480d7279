"""One attempt's log as the loop writes it: records, per-sample rows, events, synced in time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from valtui_trainer.session.append import Records
from valtui_trainer.session.documents import write_document
from valtui_trainer.session.layout import AttemptPaths
from valtui_trainer.session.losses import LossRows
from valtui_trainer.session.patience import Patience
from valtui_trainer.session.records import Event, Train, Val
from valtui_trainer.session.state import BLOCKED
from valtui_trainer.training.control import Control

if TYPE_CHECKING:
    from valtui_trainer.session.losses import Losses

SYNC_SECONDS = 5.0


class Clock:
    """Seconds of training since the run began, over all attempts, pauses left out."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._origin = time.monotonic()

    def set(self, seconds: float) -> None:
        """Continue from what an earlier attempt had reached."""
        self._origin = time.monotonic() - seconds

    def __call__(self) -> float:
        """Return the seconds now."""
        return time.monotonic() - self._origin

    def leave_out(self, seconds: float) -> None:
        """Do not count `seconds` that were spent waiting."""
        self._origin += seconds


class Journal:
    """The writer of an attempt."""

    def __init__(self, attempt: AttemptPaths, control: Control, clock: Clock) -> None:
        """Open the log of `attempt`."""
        self._attempt = attempt
        self._control = control
        self._clock = clock
        self.patience = Patience(self._blocked)
        self._before_block: tuple[str, float | None] = ("starting", None)
        self._blocked_at = 0.0
        self._train = Records(attempt.train, self.patience)
        self._val = Records(attempt.val, self.patience)
        self._events = Records(attempt.events, self.patience)
        self._rows: LossRows | None = None
        self._synced = time.monotonic()

    def open_rows(self, columns: int, digest: str) -> None:
        """Prepare the per-sample rows of the validation set."""
        self._rows = LossRows(self._attempt, columns, digest, self.patience)

    def train(self, record: Train) -> None:
        """Log training steps; syncs now and then."""
        self._train.append(record)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()

    def val(self, record: Val, losses: Losses) -> None:
        """Log an evaluation: its row first, then the record that names it."""
        if self._rows is None:
            raise RuntimeError("open_rows comes before val")
        record.row, record.crc = self._rows.append(losses)
        self._val.append(record)

    def event(
        self,
        kind: str,
        message: str = "",
        /,
        *,
        step: int | None = None,
        seed: int | None = None,
        **data: Any,
    ) -> None:
        """Log that something happened."""
        self._events.append(
            Event(
                n=0, time=self._clock(), kind=kind, step=step, seed=seed, message=message, data=data
            )
        )

    def phase(self, phase: str, deadline: float | None, **data: Any) -> None:
        """Enter a phase, in the heartbeat and the log."""
        self._control.enter(phase, deadline)
        self.event("phase", phase, **data)

    def sync(self) -> None:
        """Bring everything to the disk, rows before the records that name them."""
        if self._rows is not None:
            self._rows.sync()
        self._train.sync()
        self._val.sync()
        self._events.sync()
        self._synced = time.monotonic()

    def close(self) -> None:
        """Sync and close."""
        if self._rows is not None:
            self._rows.close()
        for file in (self._train, self._val, self._events):
            file.close()

    def document(self, path: Path, document: Struct) -> None:
        """Write a whole document; waits as long as there is no room."""
        self.patience(lambda: write_document(path, document))

    def _blocked(self, why: str) -> None:
        if why:
            self._before_block = (self._control.phase, self._control.deadline)
            self._blocked_at = time.monotonic()
            self._control.enter(f"{BLOCKED}: {why}", None)
        else:
            self._clock.leave_out(time.monotonic() - self._blocked_at)
            self._control.enter(*self._before_block)
