"""Replicas on a few random images, without a run around them; in float64, so that engines compare."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.training import generators, models
from valtui_trainer.training.augment import build as build_augmentation
from valtui_trainer.training.data.arrays import Images
from valtui_trainer.training.data.feeder import DeviceSet, place
from valtui_trainer.training.replica import Replica

CPU = torch.device("cpu")
SIDE, CLASSES = 10, 3


def small_preset(**settings: object) -> Preset:
    """Return a preset of batches of 32 and a net of width 4."""
    defaults: dict[str, object] = {"batch_size": 32, "model": Model(width=4)}
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


def random_images(
    count: int = 80, device: torch.device = CPU, dtype: torch.dtype = torch.float64
) -> DeviceSet:
    """Return random grey images of three classes; 80 are two and a half batches."""
    dice = np.random.default_rng(0)
    pixels = dice.integers(0, 256, (count, SIDE, SIDE, 1), dtype=np.uint8)
    labels = dice.integers(0, CLASSES, count)
    found = place(Images(pixels, labels, ("a", "b", "c")), device, [0.5], [0.3], None, dtype)
    assert isinstance(found, DeviceSet)
    return found


def replica_of(
    model: nn.Module,
    preset: Preset,
    seed: int,
    device: torch.device = CPU,
    dtype: torch.dtype = torch.float64,
    undecayed: tuple[str, ...] = (),
) -> Replica:
    """Return `model` in training."""
    augmentation = build_augmentation(preset.augmentation)
    return Replica(seed, model.to(dtype), preset, augmentation, device, 50, undecayed)


def build_replica(
    preset: Preset, seed: int, device: torch.device = CPU, dtype: torch.dtype = torch.float64
) -> Replica:
    """Return a replica with the preset's model."""
    with generators.seeded_init(seed):
        model = models.build(preset.model, channels=1, height=SIDE, width=SIDE, classes=CLASSES)
    return replica_of(model, preset, seed, device, dtype)
