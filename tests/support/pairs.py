"""Sessions whose presets have levels of known sizes, by seed and sample: for whatever compares presets in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from support.fluctuating import describe_samples
from support.sessions import RunWriter, begin_attempt, new_session, train_record, val_record
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.create import add_run
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.records import RunSpec
from valtui_trainer.session.validation import write_validation

SAMPLES = 100
EVALUATIONS = 12
STEPS = 10
"""Between two evaluations."""

TOLD = (0.01, 0.02)
"""Deviations over seeds and by sample with which a difference of 0.1 is told by set and seeds."""


def levels_of(
    height: float, seeds: Sequence[int], deviations: tuple[float, float] = TOLD, n: int = SAMPLES
) -> npt.NDArray[np.float64]:
    """Return levels (seeds, n) around `height`: a deviation of each seed, exactly, and by seed and sample."""
    of_seed, by_sample = deviations
    apart = np.linspace(-1, 1, len(seeds)) if len(seeds) > 1 else np.zeros(1)
    if len(seeds) > 1:
        apart /= apart.std(ddof=1)
    chance = np.random.default_rng([round(1000 * height), *seeds])
    own = chance.standard_normal((len(seeds), n))
    own -= own.mean(axis=1, keepdims=True)
    return np.asarray(height + np.linspace(0, 0.5, n) + of_seed * apart[:, None] + by_sample * own)


def log_levels(
    writer: RunWriter,
    levels: npt.NDArray[np.float64],
    evaluations: int = EVALUATIONS,
    status: str | None = "done",
) -> None:
    """Log evaluations that jump around `levels` (seeds, n), with a mean of exactly that over any ten."""
    for row, seed in enumerate(writer.spec.seeds):
        for number in range(evaluations):
            step = STEPS * (number + 1)
            losses = (levels[row] + 0.01 * (-1) ** number).astype(np.float32)
            writer.train.append(train_record(step, seed))
            record = val_record(step, seed, val_loss=float(losses.mean(dtype=np.float64)))
            record.row, record.crc = writer.rows.append(losses)
            writer.val.append(record)
    writer.beat(STEPS * evaluations)
    if status is not None:
        writer.finish(status, STEPS * evaluations)


def begin_run(
    session: SessionPaths, spec: RunSpec, n: int = SAMPLES, digest: str = "abcdef0123456789"
) -> RunWriter:
    """Begin the first attempt of a run, on a validation set of `n` samples."""
    add_run(session, spec)
    run = session.run(spec.id)
    return begin_attempt(run, spec, val_size=n, validation_digest=digest, total_steps=120)


def make_levels(
    home: Path,
    heights: dict[str, float],
    seeds: Sequence[int] = (0, 1, 2),
    deviations: tuple[float, float] = TOLD,
    described: bool = True,
    **options: Any,
) -> tuple[SessionPaths, list[RunSpec]]:
    """Make a session of ended runs, one a preset, each around its height."""
    presets = {name: Preset(batch_size=32 * 2**k) for k, name in enumerate(heights)}
    session, specs = new_session(home, presets, seeds, **options)
    for spec in specs:
        log_levels(begin_run(session, spec), levels_of(heights[spec.id], seeds, deviations))
    if described:
        describe_set(session)
    return session, specs


def describe_set(
    session: SessionPaths,
    digest: str = "abcdef0123456789",
    samples: npt.NDArray[np.uint64] | None = None,
) -> None:
    """Write the description of a validation set of these samples."""
    known = np.arange(SAMPLES, dtype=np.uint64) if samples is None else samples
    write_validation(session, digest, describe_samples(len(known), sample_digest=known))
