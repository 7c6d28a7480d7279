"""Optimizers and learning-rate schedules: from a preset's settings to the next step's rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from valtui_trainer.presets.types import Preset, Schedule
from valtui_trainer.training.optimizers import SGD, Adam, AdamW


def build_optimizer(
    parameters: Iterable[nn.Parameter],
    preset: Preset,
    device: torch.device,
    undecayed: Sequence[nn.Parameter] = (),
) -> torch.optim.Optimizer:
    """Return the preset's optimizer; fused, so that a step is one kernel and never waits for the host.

    Those of the parameters that are `undecayed` are a second group, which weight decay leaves alone.
    """
    settings = preset.optimizer
    kept: Any = [parameter for parameter in parameters if parameter.requires_grad]
    if undecayed:
        alone = {id(parameter) for parameter in undecayed}
        kept = [
            {"params": [one for one in kept if id(one) not in alone]},
            {"params": [one for one in kept if id(one) in alone], "weight_decay": 0.0},
        ]
    if settings.name == "sgd":
        return SGD(
            kept,
            lr=preset.learning_rate,
            momentum=settings.momentum,
            nesterov=settings.nesterov,
            weight_decay=preset.weight_decay,
            fused=True,
        )
    kind = AdamW if settings.name == "adamw" else Adam
    return kind(
        kept,
        lr=preset.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        weight_decay=preset.weight_decay,
        fused=True,
    )


def learning_rate(preset: Preset, step: int, total: int, steps_per_epoch: int) -> float:
    """Return the learning rate of `step` (from 0) in a run of `total` steps."""
    schedule = preset.schedule
    warmup = round(schedule.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return preset.learning_rate * (step + 1) / warmup
    return preset.learning_rate * factor(
        schedule, step - warmup, max(1, total - warmup), steps_per_epoch
    )


def factor(schedule: Schedule, step: int, total: int, steps_per_epoch: int) -> float:
    """Return the fraction of the preset's learning rate that the schedule gives after warm-up."""
    progress = min(1.0, step / total)
    if schedule.name == "cosine":
        return between(schedule.floor, 1.0, 0.5 * (1 + math.cos(math.pi * progress)))
    if schedule.name == "one-cycle":
        if progress < schedule.peak_at:
            rise = progress / schedule.peak_at
            return between(max(schedule.floor, 0.04), 1.0, 0.5 * (1 - math.cos(math.pi * rise)))
        fall = (progress - schedule.peak_at) / (1 - schedule.peak_at)
        return between(schedule.floor, 1.0, 0.5 * (1 + math.cos(math.pi * fall)))
    if schedule.name == "step":
        return schedule.gamma ** math.floor(step / (schedule.step_epochs * steps_per_epoch))
    return 1.0


def between(low: float, high: float, part: float) -> float:
    """Return the value `part` of the way from `low` to `high`."""
    return low + (high - low) * part
