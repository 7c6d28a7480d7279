"""The figures of each run that tables show: level, best, volatility, ratio. One place for screen and commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from valtui.feed import RunFeed
from valtui.series import ValMatrix
from valtui_trainer.measure.best import best_evaluation, look_alikes
from valtui_trainer.measure.comparison import (
    Mean,
    Ratio,
    comparable_spacing,
    last_window_mean,
    student_mean,
    volatility_ratio,
)
from valtui_trainer.measure.volatility import Volatility, volatility
from valtui_trainer.session.described import described, varying
from valtui_trainer.session.records import Fork
from valtui_trainer.session.state import RunStatus

LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class Best:
    """The best evaluation of a run and how many cannot be told from it."""

    step: int
    epoch: float
    loss: float
    look_alikes: int | None


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What a row of the comparison says about one run.

    Attributes:
        differs: the settings in which the compared runs differ, as this run has them.
        level: mean over seeds of val_loss's mean over the last window, Student-t interval.
        accuracy: the same of the accuracy.
        absolute: volatility in loss units over the whole run.
        relative: volatility as a fraction of the loss.
        shared_device: it trained while another run of the session did, so images/s is a share.
        ratio: relative volatility against the first run's; None for the first, at unequal spacing, or
            between a run from scratch and one that continues a checkpoint.
        fork: the checkpoint that it goes on from; None: from scratch.
    """

    id: str
    preset: str
    status: RunStatus
    seeds: int
    evaluations: int
    differs: dict[str, Any]
    level: Mean
    accuracy: Mean
    balanced: bool
    best: Best | None
    absolute: Volatility
    relative: Volatility
    ratio: Ratio | None
    ratio_note: str
    images_per_second: float | None
    shared_device: bool
    fork: Fork | None = None


def compare(runs: Sequence[RunFeed], with_look_alikes: bool = True) -> list[RunFigures]:
    """Return the figures of `runs`, the first being what ratios refer to."""
    keys = [key for key in varying([run.spec for run in runs]) if key != "seeds"]
    spans = [span_of(run) for run in runs]
    found: list[RunFigures] = []
    for position, run in enumerate(runs):
        matrix = run.val_matrix()
        relative = volatility(matrix.loss, matrix.step, LEVEL, relative=True)
        ratio, note = against_first(runs[0], found[0] if found else None, run, relative)
        table = described(run.spec)
        found.append(
            RunFigures(
                id=run.id,
                preset=run.spec.preset_name,
                status=run.status,
                seeds=len(run.seeds),
                evaluations=matrix.loss.shape[1],
                differs={key: table.get(key) for key in keys},
                level=student_mean(last_window_mean(matrix.loss)),
                accuracy=student_mean(last_window_mean(matrix.accuracy)),
                balanced=run.start is None or run.start.balanced,
                best=best_of(run, matrix, with_look_alikes),
                absolute=volatility(matrix.loss, matrix.step, LEVEL),
                relative=relative,
                ratio=ratio,
                ratio_note=note,
                images_per_second=images_per_second(run),
                shared_device=shares(position, spans),
                fork=run.spec.fork,
            )
        )
    return found


def against_first(
    first: RunFeed, first_figures: RunFigures | None, run: RunFeed, relative: Volatility
) -> tuple[Ratio | None, str]:
    """Return the ratio of relative volatilities to the first run's, or why there is none."""
    if first_figures is None:
        return None, ""
    if first.start is None or run.start is None:
        return None, "not started"
    if (first.spec.fork is None) != (run.spec.fork is None):
        return None, "none: from a checkpoint"
    if not comparable_spacing(first.start.images_per_evaluation, run.start.images_per_evaluation):
        return None, "evaluated at another spacing"
    return volatility_ratio(relative, first_figures.relative, LEVEL), ""


def best_of(run: RunFeed, matrix: ValMatrix, with_look_alikes: bool) -> Best | None:
    """Return the best evaluation by the mean over seeds, and how many that mean cannot tell from it."""
    position = best_evaluation(matrix.loss)
    if position is None:
        return None
    loss = float(np.nanmean(matrix.loss[:, position]))
    alike = None
    if with_look_alikes:
        losses = run.mean_sample_losses(matrix.step)
        if losses.shape[1] > 1:
            strata = run.strata(losses.shape[1])
            alike = len(look_alikes(losses, position, labels=strata)) - 1
    return Best(int(matrix.step[position]), float(matrix.epoch[position]), loss, alike)


def span_of(run: RunFeed) -> tuple[float, float] | None:
    """Return begin and end of a run's last attempt in seconds of the wall clock, or None."""
    if run.start is None:
        return None
    try:
        begin = datetime.fromisoformat(run.start.started).timestamp()
    except (ValueError, OverflowError):  # the folder says no date
        return None
    times = [series.train["time"][-1] for series in run.seeds.values() if len(series.train)]
    return begin, begin + (max(times) - run.start.from_time if times else 0.0)


def shares(position: int, spans: Sequence[tuple[float, float] | None]) -> bool:
    """Tell whether a run trained while another one of its session did, on the same device."""
    mine = spans[position]
    others = [span for other, span in enumerate(spans) if other != position and span is not None]
    return mine is not None and any(mine[0] < end and begin < mine[1] for begin, end in others)


def images_per_second(run: RunFeed) -> float | None:
    """Return the median training speed of the run's process over its last records."""
    rates = np.concatenate(
        [series.train["images_per_second"][-20:] for series in run.seeds.values()]
    )
    known = rates[np.isfinite(rates)]
    return float(np.median(known)) if len(known) else None
