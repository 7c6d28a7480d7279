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
    """Return the training images between two evaluations."""
    return steps_between(preset, train_size) * preset.batch_size
