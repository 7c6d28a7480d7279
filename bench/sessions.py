"""Synthetic sessions for timing the screen: real files by the real writers, made-up curves."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path

from valtui_trainer.presets.types import Preset
from valtui_trainer.session.append import Records
from valtui_trainer.session.create import add_attempt, create_session
from valtui_trainer.session.documents import write_document
from valtui_trainer.session.heartbeat import HeartbeatFile
from valtui_trainer.session.layout import SessionPaths, session_id, utc_now
from valtui_trainer.session.locks import acquire
from valtui_trainer.session.records import Heartbeat, RunSpec, SessionSpec, Start, Train, Val

STEPS_PER_EPOCH = 125


@dataclass(slots=True)
class Writer:
    """Appends points to one run, as its trainer would."""

    train: Records
    val: Records
    heartbeat: HeartbeatFile
    random: random.Random
    eval_every: int
    total: int
    step: int = 0

    def write(self, points: int) -> None:
        """Append `points` training records, and the evaluations that fall among them."""
        for _ in range(points):
            self.step += 1
            epoch = self.step / STEPS_PER_EPOCH
            fall = 0.2 + 2.0 * math.exp(-3 * self.step / self.total)
            loss = fall * math.exp(self.random.gauss(0, 0.1))
            self.train.append(
                Train(
                    n=0, time=self.step / 50, step=self.step, epoch=epoch, seed=0, train_loss=loss,
                    train_loss_min=loss * 0.9, train_loss_max=loss * 1.1, learning_rate=1e-3,
                    grad_norm=1.0, images_per_second=1500.0,
                )
            )  # fmt: skip
            if self.step % self.eval_every == 0:
                loss = 1.1 * fall * math.exp(self.random.gauss(0, 0.05))
                self.val.append(
                    Val(
                        n=0, time=self.step / 50, step=self.step, epoch=epoch, seed=0, val_loss=loss,
                        val_accuracy=0.9, val_balanced_accuracy=0.9,
                    )
                )  # fmt: skip

    def beat(self, count: int) -> None:
        """Write a heartbeat."""
        self.heartbeat.write(
            Heartbeat(
                beat=count,
                loop=count,
                phase="training",
                step=self.step,
                total=self.total,
                rate=1500.0,
            )
        )


def make_session(
    home: Path, runs: int, points: int, total: int, eval_every: int, live: bool
) -> tuple[SessionPaths, list[Writer]]:
    """Make a session of `runs` runs with `points` training points each; `live` holds their locks."""
    names = [f"batch-{32 * 2**number}" for number in range(runs)]
    spec = SessionSpec(
        id=session_id("bench"), created=utc_now(), title="bench", study=None, question="Is it fast?",
        presets=names, device="cpu", parallel=runs, host="here", versions={}, command=[],
    )  # fmt: skip
    specs = [
        RunSpec(
            id=name, preset_name=name, preset=Preset(batch_size=32 * 2**position), seeds=[0], device="cpu",
            threads=1, position=position, session=spec.id,
        )
        for position, name in enumerate(names)
    ]  # fmt: skip
    session = create_session(home, spec, specs)
    writers = []
    for position, name in enumerate(names):
        run = session.run(name)
        attempt = add_attempt(run)
        write_document(
            attempt.start,
            Start(
                attempt=0, pid=0, start_ticks=0, boot_id="", host="here", started=utc_now(), device="cpu",
                device_name="CPU", from_step=0, from_time=0.0, checkpoint=None, checkpoint_sha256=None,
                log_every=1, steps_per_epoch=STEPS_PER_EPOCH, total_steps=total, eval_every=eval_every,
                images_per_evaluation=1000.0, parameters=1, train_size=4000, val_size=500, test_size=0,
                image_shape=[28, 28, 1], classes=10, balanced=True, data_digest="", split_digest="",
                validation_digest="", data_source="bench", notes=[], versions={},
            ),
        )  # fmt: skip
        writer = Writer(
            Records(attempt.train), Records(attempt.val), HeartbeatFile(attempt.heartbeat),
            random.Random(position), eval_every, total,
        )  # fmt: skip
        writer.write(points)
        writer.beat(1)
        if live:
            acquire(run.lock)
        writers.append(writer)
    return session, writers
