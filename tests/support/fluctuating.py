"""Runs whose fluctuation has a known cause: per-sample losses and lens losses made to measure.

`write_run` logs what it is given through the `session` package; `losses_of` makes losses in which
the common part and each sample's own part of the noise have known sizes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from support.open_files import close_later
from support.sessions import begin_attempt, new_session, val_record
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.losses import LossRows
from valtui_trainer.session.records import Check, Event, LensPlan
from valtui_trainer.session.validation import write_validation

Losses = npt.NDArray[np.float64]
DIGEST = "abcdef0123456789"
PLANS = [
    LensPlan(name="exact-batchnorm", on=True, cost=0.06),
    LensPlan(name="calibrated-outputs", on=True),
    LensPlan(name="averaged-weights", on=False, reason="switched off by lenses.averaged_weights"),
]
Columns = dict[str, npt.ArrayLike]


def losses_of(
    evaluations: int = 40,
    samples: int = 100,
    common: float = 0.02,
    own: float = 0.05,
    level: float = 1.0,
    seed: int = 0,
) -> Losses:
    """Return losses (T, n) around a falling level: noise common to all, and each sample's own."""
    chance = np.random.default_rng(seed)
    fall = level + np.exp(-np.arange(evaluations) / 10.0)
    shared = common * chance.standard_normal(evaluations)
    single = own * chance.standard_normal((evaluations, samples))
    heights = chance.uniform(-0.1, 0.1, samples)
    return np.asarray((fall + shared)[:, None] + heights + single)


def describe_samples(samples: int, classes: int = 4, **changes: Any) -> dict[str, Any]:
    """Return the arrays of a validation split of so many samples."""
    label = np.arange(samples, dtype=np.int64) % classes
    chance = np.random.default_rng(1)
    arrays: dict[str, Any] = {
        "index": np.arange(samples, dtype=np.int64) + 1000,
        "sample_digest": np.arange(samples, dtype=np.uint64),
        "label": label,
        "class_names": np.array([f"class-{number}" for number in range(classes)]),
        "thumbnail": chance.integers(0, 256, (samples, 14, 14), dtype=np.uint8),
        "brightness": chance.random(samples, dtype=np.float32),
        "contrast": chance.random(samples, dtype=np.float32),
        "sharpness": chance.random(samples, dtype=np.float32),
    }
    return arrays | changes


def write_run(
    home: Path,
    losses: Losses,
    columns: Columns | None = None,
    checks: tuple[Check, ...] = (),
    plans: list[LensPlan] | None = None,
    described: dict[str, Any] | None = None,
    preset: Preset | None = None,
    by_class: bool = True,
) -> tuple[SessionPaths, RunPaths]:
    """Log one run of one seed: an evaluation a row of `losses` (T, n), with `columns` beside."""
    session, (spec,) = new_session(home, {"batch-32": preset or Preset()})
    _count, samples = losses.shape
    run = session.run(spec.id)
    add_attempt_of(run, losses, columns, checks, plans, by_class=by_class)
    arrays = describe_samples(samples) if described is None else described
    if arrays:
        write_validation(session, DIGEST, arrays)
    return session, run


def add_attempt_of(
    run: RunPaths,
    losses: Losses,
    columns: Columns | None = None,
    checks: tuple[Check, ...] = (),
    plans: list[LensPlan] | None = None,
    from_step: int = 0,
    digest: str = DIGEST,
    by_class: bool = True,
) -> None:
    """Log one attempt of `run`: an evaluation every 10 steps from `from_step` on."""
    from valtui_trainer.session.documents import read_document
    from valtui_trainer.session.records import RunSpec

    spec = read_document(run.spec, RunSpec)
    assert spec is not None
    count, samples = losses.shape
    writer = begin_attempt(
        run, spec, from_step, val_size=samples, validation_digest=digest, by_class=by_class,
        lenses=PLANS if plans is None else plans,
    )  # fmt: skip
    writer.attempt.losses.unlink(missing_ok=True)
    writer.attempt.losses_header.unlink(missing_ok=True)
    rows = LossRows(writer.attempt, samples, digest)
    close_later(rows.close)
    means = losses.mean(axis=1)
    table = {name: np.asarray(values) for name, values in (columns or {}).items()}
    for number in range(count):
        row, crc = rows.append(losses[number].astype(np.float32))
        extra = {
            name: None if np.isnan(values[number]) else float(values[number])
            for name, values in table.items()
        }
        step = from_step + 10 * (number + 1)
        writer.val.append(
            val_record(step, val_loss=float(means[number]), row=row, crc=crc, **extra)
        )
    for check in checks:
        data = {"check": check.check, "outcome": check.outcome, "message": check.message}
        writer.events.append(
            Event(n=0, time=1.0, kind="check", step=from_step, message=check.message, data=data)
        )
    writer.beat(from_step + 10 * count)
    writer.finish(step=from_step + 10 * count)
