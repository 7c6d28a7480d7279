"""`python crash_writer.py RUN`: the next attempt of a run, by the code a trainer logs with, but no torch.

Every step of it is known beforehand, so a reader can check what it finds. What was appended is
acknowledged on stdout, one line each.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

from support.sessions import SAMPLES, VALIDATION, make_start, train_record, val_record
from valtui_trainer.session.append import Records
from valtui_trainer.session.create import add_attempt
from valtui_trainer.session.documents import write_bytes, write_document
from valtui_trainer.session.heartbeat import HeartbeatFile
from valtui_trainer.session.layout import RunPaths
from valtui_trainer.session.locks import acquire
from valtui_trainer.session.losses import LossRows
from valtui_trainer.session.records import Heartbeat, Train, Val

EVAL_EVERY = 3
CHECKPOINT_EVERY = 5


def train_at(step: int) -> Train:
    """Return the training record of `step`."""
    return train_record(step, train_loss=1.0 / step)


def losses_at(step: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the per-sample losses of `step`, shape (SAMPLES,)."""
    return (np.arange(SAMPLES) / step).astype(np.float32)


def val_at(step: int) -> Val:
    """Return the evaluation of `step`."""
    return val_record(step, val_loss=float(losses_at(step).mean()))


def checkpoint_step(run: RunPaths) -> int:
    """Return the step of the newest checkpoint, 0 where there is none."""
    path = run.checkpoints / "step"
    return int(path.read_bytes()) if path.exists() else 0


def main(run: RunPaths) -> None:
    """Go on from the checkpoint until somebody kills this process."""
    lock = acquire(run.lock)
    assert lock is not None, "another writer is alive"
    attempt = add_attempt(run)
    heartbeat = HeartbeatFile(attempt.heartbeat)
    step = checkpoint_step(run)
    train, val = Records(attempt.train), Records(attempt.val)
    rows = LossRows(attempt, SAMPLES, VALIDATION)
    write_document(attempt.start, make_start(attempt.number, from_step=step))
    while True:
        step += 1
        train.append(train_at(step))
        os.write(1, f"train {step}\n".encode())
        if step % EVAL_EVERY == 0:
            record = val_at(step)
            record.row, record.crc = rows.append(losses_at(step))
            val.append(record)
            os.write(1, f"val {step}\n".encode())
        if step % CHECKPOINT_EVERY == 0:
            for file in (rows, train, val):
                file.sync()
            write_bytes(run.checkpoints / "step", str(step).encode())
            heartbeat.write(Heartbeat(beat=step, loop=step, step=step, at=time.monotonic()))


if __name__ == "__main__":
    main(RunPaths(Path(sys.argv[1])))
