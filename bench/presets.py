"""The presets, the device and the run that several parts measure on."""

from __future__ import annotations

import torch

from valtui_trainer.presets.types import Augmentation, Model, Preset
from valtui_trainer.session.records import RunSpec
from valtui_trainer.supervise.devices import threads_per_run

SMALL_CNN = Model(name="small-cnn", batchnorm=True)
AUGMENTED = Augmentation(rotation=20, shift_x=0.2, shift_y=0.2, flip=True)


def device_name() -> str:
    """Return the device that training is measured on."""
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def threads_alone() -> int:
    """Return the CPU threads of a run that has the machine to itself."""
    return threads_per_run(device_name(), 1)


def bench_run(preset: Preset, threads: int = 1, profile: bool = False) -> RunSpec:
    """Return the run of `preset`, seed 0, on that device."""
    return RunSpec(
        id="bench", preset_name="bench", preset=preset, seeds=[0], device=device_name(),
        threads=threads, position=0, session="bench", profile=profile,
    )  # fmt: skip
