"""When things happen in a run: steps of an epoch, evaluations, epoch ends, rungs of the ladder."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass

from valtui_trainer.presets import spacing
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.records import Fork

LADDER = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Timetable:
    """The steps at which a run does something.

    Attributes:
        steps_per_epoch: optimizer steps of one pass over the training set.
        total: optimizer steps of the whole run.
        between: steps between two evaluations, on average.
        evaluations: the steps after which the validation set is evaluated.
        train_evaluations: those at which the training subset is evaluated too, once an epoch.
        ladder: those at which a checkpoint is kept for good.
        schedule: the steps that the learning rate's schedule spans.
        begin: the step at which the run begins: 0, or that of its fork.
        holds_rate: whether the learning rate stays what the schedule gave at `begin`: after a fork, so
            that arm and control can be compared beyond the schedule's end.
    """

    steps_per_epoch: int
    total: int
    between: float
    evaluations: frozenset[int]
    train_evaluations: frozenset[int]
    ladder: frozenset[int]
    schedule: int
    begin: int = 0
    holds_rate: bool = False

    def scheduled(self, step: int) -> int:
        """Return the step whose learning rate `step` has."""
        return self.begin if self.holds_rate else step


def make_timetable(preset: Preset, train_size: int, fork: Fork | None = None) -> Timetable:
    """Return the timetable of `preset` on `train_size` images, from scratch or from a fork on.

    An evaluation falls on the first step at or past its mark; the last step is always evaluated.
    After a fork the first comes a whole interval later, give or take half a one.

    Raises:
        ValueError: the batch is larger than the training set and `drop_last` leaves nothing.
    """
    steps_per_epoch = spacing.steps_per_epoch(preset, train_size)
    if steps_per_epoch == 0:
        raise ValueError(
            f"batch_size {preset.batch_size} is larger than the training set ({train_size} images), and "
            "drop_last leaves nothing of it. Choose a smaller batch_size, or drop_last = false."
        )
    total = max(1, round(preset.epochs * steps_per_epoch))
    between = spacing.steps_between(preset, train_size)
    marks = range(1, math.floor(total / between + 1e-9) + 1)
    begin = round(fork.epoch * steps_per_epoch) if fork is not None else 0
    after = begin + between / 2 if fork is not None else 0
    evaluations = sorted({math.ceil(mark * between - 1e-9) for mark in marks} | {total})
    evaluations = [step for step in evaluations if step > after]
    span = fork.epochs if fork is not None else preset.epochs
    return Timetable(
        steps_per_epoch=steps_per_epoch,
        total=total,
        between=between,
        evaluations=frozenset(evaluations),
        train_evaluations=first_at_or_past(
            evaluations,
            [epoch * steps_per_epoch for epoch in range(1, math.ceil(preset.epochs) + 1)],
        ),
        ladder=first_at_or_past(evaluations, [begin + part * (total - begin) for part in LADDER]),
        schedule=max(1, round(span * steps_per_epoch)),
        begin=begin,
        holds_rate=fork is not None,
    )


def first_at_or_past(evaluations: list[int], marks: list[float] | list[int]) -> frozenset[int]:
    """Return, for each mark, the first of the sorted `evaluations` at or past it."""
    places = (bisect.bisect_left(evaluations, mark) for mark in marks)
    return frozenset(evaluations[place] for place in places if place < len(evaluations))
