"""Session folders as a trainer would have left them, written through the `session` package itself.

`make_session(home)` gives a session of finished or living runs with made-up curves; `begin_attempt`
and `RunWriter` build anything else step by step.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from support.open_files import close_later
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.append import Records
from valtui_trainer.session.create import add_attempt, create_session
from valtui_trainer.session.documents import write_document
from valtui_trainer.session.heartbeat import HeartbeatFile
from valtui_trainer.session.layout import AttemptPaths, RunPaths, SessionPaths, session_id, utc_now
from valtui_trainer.session.losses import LossRows
from valtui_trainer.session.records import (
    Event,
    Exit,
    Final,
    Heartbeat,
    RunSpec,
    SessionSpec,
    Start,
    Train,
    Val,
)

VALIDATION = "abcdef0123456789"
SAMPLES = 20


def make_start(attempt: int = 0, from_step: int = 0, **changes: Any) -> Start:
    """Return a `start.json` with plausible facts."""
    facts: dict[str, Any] = {
        "attempt": attempt, "pid": 1, "start_ticks": 1, "boot_id": "boot", "host": "here",
        "started": utc_now(), "device": "cpu", "device_name": "a CPU", "from_step": from_step,
        "from_time": float(from_step), "checkpoint": None, "checkpoint_sha256": None, "log_every": 5,
        "steps_per_epoch": 40, "total_steps": 400, "eval_every": 10, "images_per_evaluation": 320.0,
        "parameters": 1234, "train_size": 4000, "val_size": SAMPLES, "test_size": 500,
        "image_shape": [28, 28, 1], "classes": 10, "balanced": True, "data_digest": "d1",
        "split_digest": "s1", "validation_digest": VALIDATION, "data_source": "mnist5k", "notes": [],
        "versions": {"torch": "2"},
    }  # fmt: skip
    return Start(**(facts | changes))


def train_record(step: int, seed: int = 0, **changes: Any) -> Train:
    """Return a training record of `step`."""
    fields: dict[str, Any] = {
        "n": 0, "time": step / 10, "step": step, "epoch": step / 40, "seed": seed,
        "train_loss": 1.0, "train_loss_min": 0.5, "train_loss_max": 2.0, "learning_rate": 1e-3,
        "grad_norm": 1.0, "images_per_second": 1000.0,
    }  # fmt: skip
    return Train(**(fields | changes))


def val_record(step: int, seed: int = 0, **changes: Any) -> Val:
    """Return an evaluation at `step`."""
    fields: dict[str, Any] = {
        "n": 0, "time": step / 10, "step": step, "epoch": step / 40, "seed": seed,
        "val_loss": 1.0, "val_accuracy": 0.5, "val_balanced_accuracy": 0.5,
    }  # fmt: skip
    return Val(**(fields | changes))


@dataclass(slots=True)
class RunWriter:
    """Writes one attempt of a run."""

    run: RunPaths
    attempt: AttemptPaths
    spec: RunSpec
    samples: int = SAMPLES
    train: Records = field(init=False)
    val: Records = field(init=False)
    events: Records = field(init=False)
    rows: LossRows = field(init=False)
    heartbeat: HeartbeatFile = field(init=False)

    def __post_init__(self) -> None:
        """Open the attempt's files."""
        self.train = Records(self.attempt.train)
        self.val = Records(self.attempt.val)
        self.events = Records(self.attempt.events)
        self.rows = LossRows(self.attempt, self.samples, VALIDATION)
        self.heartbeat = HeartbeatFile(self.attempt.heartbeat)
        for file in (self.train, self.val, self.events, self.rows, self.heartbeat):
            close_later(file.close)

    def evaluate(self, step: int, seed: int, val_loss: float | None, **changes: Any) -> None:
        """Log an evaluation whose per-sample losses have the mean `val_loss`."""
        record = val_record(step, seed, val_loss=val_loss, **changes)
        level = math.nan if val_loss is None else val_loss
        spread = np.linspace(0.5, 1.5, self.samples, dtype=np.float32)
        record.row, record.crc = self.rows.append((level * spread).astype(np.float32))
        self.val.append(record)

    def curves(self, steps: Iterable[int], level: float = 0.3, noise: float = 0.05) -> None:
        """Log falling curves with noise: a training record every 5 steps, an evaluation every 10."""
        for step in steps:
            for seed in self.spec.seeds:
                chance = random.Random(f"{self.run.id}-{seed}-{step}")
                fall = level + 2.0 * math.exp(-step / 40)
                if step % 5 == 0:
                    loss = fall * math.exp(chance.gauss(0, 2 * noise))
                    self.train.append(train_record(step, seed, train_loss=loss))
                if step % 10 == 0:
                    loss = fall * math.exp(chance.gauss(0, noise))
                    accuracy = 1 - loss / 4
                    self.evaluate(
                        step, seed, loss, val_accuracy=accuracy, val_balanced_accuracy=accuracy
                    )

    def event(self, kind: str, message: str = "", **data: Any) -> None:
        """Log an event."""
        self.events.append(Event(n=0, time=1.0, kind=kind, message=message, data=data))

    def beat(self, step: int, total: int = 400, phase: str = "training") -> None:
        """Write a heartbeat."""
        beat = Heartbeat(beat=1, loop=step, phase=phase, step=step, total=total, rate=1000.0)
        self.heartbeat.write(beat)

    def finish(self, status: str = "done", step: int = 400, **changes: Any) -> None:
        """Write `final.json`."""
        fields: dict[str, Any] = {
            "status": status, "step": step, "epoch": step / 40, "time": step / 10,
            "ended": utc_now(), "best_step": step, "best_val_loss": 0.25,
            "test_loss": {str(seed): 0.3 for seed in self.spec.seeds},
            "test_accuracy": {str(seed): 0.9 for seed in self.spec.seeds},
        }  # fmt: skip
        write_document(self.attempt.final, Final(**(fields | changes)))

    def end(self, status: str, reason: str = "") -> None:
        """Write `exit.json` instead: the trainer itself said nothing."""
        write_document(self.attempt.exit, Exit(status=status, ended=utc_now(), reason=reason))  # type: ignore[arg-type]


def new_session(
    home: Path,
    presets: dict[str, Preset] | None = None,
    seeds: Sequence[int] = (0,),
    identity: str | None = None,
    question: str = "Does a larger batch calm it?",
    parallel: int = 2,
    code_path: str = "",
    host: str = "here",
) -> tuple[SessionPaths, list[RunSpec]]:
    """Make a session whose runs are all still queued."""
    chosen = presets or {"batch-32": Preset(), "batch-128": Preset(batch_size=128)}
    name = identity or session_id("batch-size")
    spec = SessionSpec(
        id=name, created=utc_now(), title="batch-size", study="batch-size", question=question,
        presets=list(chosen), device="cpu", parallel=parallel, host=host,
        versions={"valtui": "0.1.0"}, command=["valtui", "run", "batch-size"], allow_code=bool(code_path),
    )  # fmt: skip
    runs = [
        RunSpec(
            id=preset_name, preset_name=preset_name, preset=preset, seeds=list(seeds), device="cpu",
            threads=1, position=position, session=name, allow_code=bool(code_path),
            code_path=code_path,
        )
        for position, (preset_name, preset) in enumerate(chosen.items())
    ]  # fmt: skip
    return create_session(home, spec, runs), runs


def begin_attempt(run: RunPaths, spec: RunSpec, from_step: int = 0, **changes: Any) -> RunWriter:
    """Make the next attempt of a run, with its `start.json`, and return its writer."""
    attempt = add_attempt(run)
    write_document(attempt.start, make_start(attempt.number, from_step, **changes))
    return RunWriter(run, attempt, spec, changes.get("val_size", SAMPLES))


def make_session(
    home: Path,
    presets: dict[str, Preset] | None = None,
    seeds: Sequence[int] = (0,),
    steps: int = 400,
    status: str | None = "done",
    identity: str | None = None,
) -> tuple[SessionPaths, list[RunWriter]]:
    """Make a session whose runs have curves over `steps`, ended as `status` (None: not ended)."""
    session, specs = new_session(home, presets, seeds, identity)
    writers = []
    for spec in specs:
        writer = begin_attempt(session.run(spec.id), spec)
        writer.curves(range(1, steps + 1))
        writer.beat(steps)
        if status is not None:
            writer.finish(status, steps)
        writers.append(writer)
    return session, writers
