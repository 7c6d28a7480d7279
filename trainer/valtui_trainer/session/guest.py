"""The log of a run that another program trains, as somebody writes it here: a Recorder, or who watches a log.

What a Recorder cannot write is dropped and counted, for nobody's training may wait for a disk.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from valtui_trainer.session.append import Records
from valtui_trainer.session.create import add_attempt
from valtui_trainer.session.documents import write_document
from valtui_trainer.session.heartbeat import HeartbeatFile
from valtui_trainer.session.layout import AttemptPaths, RunPaths, SessionPaths, utc_now
from valtui_trainer.session.locks import Lock
from valtui_trainer.session.losses import LossRows
from valtui_trainer.session.machine import boot_id, host, start_ticks
from valtui_trainer.session.patience import Impatience, Patience
from valtui_trainer.session.records import Event, Final, Heartbeat, RunSpec, Start, Train, Val
from valtui_trainer.session.state import BOOT_DIGITS

if TYPE_CHECKING:
    from valtui_trainer.session.losses import Losses

BEAT_SECONDS = 1.0
SYNC_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Guest:
    """A run of another program, and the lock that says that somebody logs it."""

    session: SessionPaths
    run: RunPaths
    lock: Lock
    spec: RunSpec


class GuestLog:
    """The log of one such run, over its attempts.

    Attributes:
        start: what is known of the attempt, as its `start.json` says it.
        dropped: records that could not be written.
    """

    def __init__(
        self,
        guest: Guest,
        failed: Callable[[OSError], None],
        patience: Patience | None = None,
        phase: str = "training",
    ) -> None:
        """Begin the first attempt.

        Args:
            guest: where it is logged.
            failed: hears what keeps a record from being written.
            patience: waits for room; None: nothing waits.
            phase: what the heartbeat says.

        Raises:
            OSError: its files cannot be made.
        """
        self.guest = guest
        self._patience = patience or Impatience()
        self.dropped = 0
        self._failed = failed
        self._began = time.monotonic()
        self._rows: LossRows | None = None
        self._synced = time.monotonic()
        self.start = Start(
            attempt=0, pid=os.getpid(), start_ticks=start_ticks(os.getpid()), boot_id=boot_id(),
            host=host(), started=utc_now(), device="", device_name="", from_step=0, from_time=0.0,
            checkpoint=None, checkpoint_sha256=None, log_every=0, steps_per_epoch=0, total_steps=0,
            eval_every=0, images_per_evaluation=0.0, parameters=0, train_size=0, val_size=0,
            test_size=0, image_shape=[], classes=0, balanced=True, data_digest="", split_digest="",
            validation_digest="", data_source="", notes=[], versions={}, by_class=False,
        )  # fmt: skip
        self._attempt = add_attempt(guest.run)
        self._train, self._val, self._events = self._open(self._attempt)
        self.heart = Heart(self._attempt, phase)
        self._written = False

    def _open(self, attempt: AttemptPaths) -> list[Records]:
        """Open the three files of records, or none of them."""
        opened: list[Records] = []
        try:
            for path in (attempt.train, attempt.val, attempt.events):
                opened.append(Records(path, self._patience))
        except BaseException:
            for file in opened:
                file.close()
            raise
        return opened

    @property
    def seconds(self) -> float:
        """Seconds since the recording began."""
        return time.monotonic() - self._began

    @property
    def gone(self) -> bool:
        """Tell whether the run's folder was taken away."""
        return not self.guest.run.folder.exists()

    def describe(self, **known: object) -> None:
        """Write what is known of the attempt, if that is more than before."""
        start = msgspec.structs.replace(self.start, **known)
        if start != self.start or not self._written:
            self.start = start
            self._written = self._try(lambda: write_document(self._attempt.start, start))

    def restart(self, step: int) -> None:
        """Begin the next attempt, after which the points beyond `step` of earlier ones no longer count.

        Raises:
            OSError: its files cannot be made; the one before goes on.
        """
        attempt = add_attempt(self.guest.run)
        opened = self._open(attempt)
        try:
            heart = Heart(attempt, self.heart.phase)
        except BaseException:
            for file in opened:
                file.close()
            raise
        heart.step = self.heart.step
        self._close_files()
        self.heart.end()
        self.start = msgspec.structs.replace(
            self.start, attempt=attempt.number, started=utc_now(), from_step=step,
            from_time=self.seconds,
        )  # fmt: skip
        self._attempt, self.heart, self._rows = attempt, heart, None
        self._train, self._val, self._events = opened
        self._written = False
        self.describe()

    def train(self, record: Train) -> None:
        """Log training steps; syncs now and then."""
        self.heart.step = record.step
        self.heart.rate = record.images_per_second or 0.0
        self._append(self._train, record)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()

    def val(self, record: Val, losses: Losses | None) -> None:
        """Log an evaluation: first its losses by sample, where there are any and they fit; then its record."""
        self.heart.step = max(self.heart.step, record.step)
        if losses is not None:
            self._try(lambda: self._add_row(record, losses))
        self._append(self._val, record)
        self.sync()

    def _add_row(self, record: Val, losses: Losses) -> None:
        if self._rows is None:
            self._rows = LossRows(
                self._attempt, len(losses), self.start.validation_digest, self._patience
            )
        record.row, record.crc = self._rows.append(losses)

    def event(self, kind: str, message: str, step: int | None = None, /, **data: object) -> None:
        """Log that something happened."""
        event = Event(n=0, time=self.seconds, kind=kind, step=step, message=message, data=data)
        self._append(self._events, event)

    def _append(self, file: Records, record: Train | Val | Event) -> None:
        if not self._try(lambda: file.append(record)):
            self.dropped += 1

    def _try(self, write: Callable[[], object]) -> bool:
        """Tell whether `write` worked; if not, it is told."""
        try:
            write()
        except OSError as error:
            self._failed(error)
            return False
        return True

    def sync(self) -> None:
        """Bring everything to the disk, rows before the records that name them."""
        if self._rows is not None:
            self._try(self._rows.sync)
        for file in (self._train, self._val, self._events):
            self._try(file.sync)
        self._synced = time.monotonic()

    def _close_files(self) -> None:
        for file in (self._rows, self._train, self._val, self._events):
            if file is not None:
                self._try(file.close)

    def close(self, final: Final) -> None:
        """Write how it ended, and give the run up."""
        self._close_files()
        self._try(lambda: write_document(self._attempt.final, final))
        self.heart.end()
        self.guest.lock.release()


class Heart:
    """Beats once a second from a thread of its own; says how far the training is.

    The loop is somebody else's, so no deadline is known for it: silence is what shows, not slowness.
    """

    def __init__(self, attempt: AttemptPaths, phase: str) -> None:
        """Begin to beat for `attempt`.

        Raises:
            OSError: the heartbeat file cannot be made.
        """
        self.step = 0
        self.rate = 0.0
        self.phase = phase
        self._beats = 0
        self._file = HeartbeatFile(attempt.heartbeat)
        self._ended = threading.Event()
        self._beat()
        self._thread = threading.Thread(target=self._run, name="valtui-heartbeat", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            self._beat()

    def _beat(self) -> None:
        now = round(time.monotonic(), 1)
        self._beats += 1
        beat = Heartbeat(
            beat=self._beats, loop=self.step, at=now, loop_at=now, boot=boot_id()[:BOOT_DIGITS],
            phase=self.phase, deadline=None, step=self.step, rate=round(self.rate, 1),
        )  # fmt: skip
        with contextlib.suppress(OSError):
            self._file.write(beat)

    def end(self) -> None:
        """Stop beating; the last beat says how far it came."""
        self._ended.set()
        self._thread.join(timeout=5)
        self._beat()
        self._file.close()
