"""How fast a run trains, found on a throw-away replica before the clock runs: how often it is to record."""

from __future__ import annotations

import time

import torch

from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.assemble import Material, build_replica
from valtui_trainer.training.compiling import compile_network

WARM_UP_STEPS = 8
WARM_UP_SECONDS = 1.5
RECORDS_A_SECOND = 3.0


def warm_up(
    spec: RunSpec, material: Material, device: torch.device, seconds: float | None = None
) -> int:
    """Take a few steps with a throw-away replica; return the steps between two training records.

    The pace decides `log_every = "auto"`: about three records a second, in steps of 1, 2, 5, and one an
    evaluation at the least, which waits for the device anyway. The warm-up also brings the first kernels
    and the peak of memory before the clock runs.

    Args:
        spec: of the run.
        material: data on the device.
        device: to train on.
        seconds: that a step of all seeds takes, where that is known; None: as long as here, for each.
    """
    trial = build_replica(spec, spec.seeds[0], material, device, log_every=WARM_UP_STEPS)
    compile_network(trial)
    trial.begin_epoch(material.train_set)
    trial.model.train()
    taken = 0
    began = time.monotonic()
    for number in range(WARM_UP_STEPS):
        trial.step(material.train_set, 0, 0.0)
        float(trial.figures()[0])
        if number == 0:  # the first step loads kernels
            began = time.monotonic()
            continue
        taken += 1
        if time.monotonic() - began > WARM_UP_SECONDS:
            break
    if spec.preset.log_every != "auto":
        return spec.preset.log_every
    if seconds is None:
        seconds = (time.monotonic() - began) / taken * len(spec.seeds)
    return min(
        nice(1 / (RECORDS_A_SECOND * max(seconds, 1e-6))), max(1, int(material.timetable.between))
    )


def nice(steps: float) -> int:
    """Return the largest of 1, 2, 5, 10, 20, … that is not above `steps`, at least 1."""
    scale = 1
    while steps >= 10 * scale:
        scale *= 10
    return max(1, scale * (5 if steps >= 5 * scale else 2 if steps >= 2 * scale else 1))
