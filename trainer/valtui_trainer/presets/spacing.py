"""How far apart evaluations are, in steps and in images."""

from __future__ import annotations

import math

from valtui_trainer.presets.types import Preset


def steps_per_epoch(preset: Preset, train_size: int) -> int:
    """Return the optimizer steps of one pass over `train_size` images; 0 if `drop_last` leaves nothing."""
    rounded = math.floor if preset.drop_last else math.ceil
    return rounded(train_size / preset.batch_size)


def steps_between(preset: Preset, train_size: int) -> float:
    """Return the steps between two evaluations, at least one."""
    every, in_epoch = preset.eval_every, steps_per_epoch(preset, train_size)
    if isinstance(every, str):
        number, unit = every.split()
        steps = float(number) if unit.startswith("step") else float(number) * in_epoch
    else:
        steps = every * in_epoch
    return max(1.0, steps)


def images_between(preset: Preset, train_size: int) -> float:
    """Return the training images between two evaluations, on average; rest batches are counted as they are."""
    in_epoch = steps_per_epoch(preset, train_size)
    if not in_epoch:
        return steps_between(preset, train_size) * preset.batch_size
    seen = in_epoch * preset.batch_size if preset.drop_last else train_size
    return steps_between(preset, train_size) / in_epoch * seen
