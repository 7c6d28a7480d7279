"""What the lenses of a run would cost, tried on a throw-away replica before the first step."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.assemble import Material, build_replica
from valtui_trainer.training.evaluate import evaluate
from valtui_trainer.training.lenses.averaging import Average
from valtui_trainer.training.lenses.batchnorm import TOO_SMALL, norm_layers
from valtui_trainer.training.lenses.calibration import calibrate
from valtui_trainer.training.lenses.passes import Passes
from valtui_trainer.training.lenses.plan import CALIBRATED, EXACT, Trial, wanted
from valtui_trainer.training.models import reason
from valtui_trainer.training.replica import Replica

MOST_PASSES = 3
ENOUGH_SECONDS = 3.0
ONE_IS_ENOUGH_SECONDS = 20.0
NO_BATCHNORM = "this model has no BatchNorm"


def try_out(
    spec: RunSpec, material: Material, device: torch.device, step_seconds: float
) -> dict[str, Trial]:
    """Return what was found about each lens that the preset wants.

    Args:
        spec: the run.
        material: its data.
        device: where it trains.
        step_seconds: a training step of one seed.
    """
    names = wanted(spec.preset.lenses)
    if not names:
        return {}
    replica = build_replica(spec, spec.seeds[0], material, device, log_every=1)
    passes = Passes(spec.preset, material.train_set, material.val_set)
    between = material.timetable.between
    found = {}
    for name in names:
        if name == EXACT and not norm_layers(replica.model):
            found[name] = Trial(problem=NO_BATCHNORM)
            continue
        try:
            seconds = seconds_of(name, replica, passes, material)
        except Exception as error:  # whatever a lens fails on must not fail the run
            found[name] = Trial(problem=failing(name, error, spec.preset.batch_size))
            continue
        found[name] = Trial(cost=seconds / (between * step_seconds))
    return found


def seconds_of(name: str, replica: Replica, passes: Passes, material: Material) -> float:
    """Return the seconds a lens takes from one evaluation to the next.

    Raises:
        Exception: whatever the model raises under it.
    """
    model = replica.model
    if name == CALIBRATED:
        autocast = passes.preset.precision == "bfloat16"
        with passes.undisturbed(model):
            seen = evaluate(model, passes.val_set, passes.everything, autocast, keep_logits=True)
        return shortest(lambda: calibrate(*seen.outputs()))
    if name == EXACT:
        return shortest(lambda: passes.exact(model))
    average = Average(model, half_life=material.timetable.steps_per_epoch / 2)
    update = shortest(lambda: waited_for(average, material.train_set.device))
    return shortest(lambda: passes.averaged(model, average)) + material.timetable.between * update


def waited_for(average: Average, device: torch.device) -> None:
    """Update `average`, and wait for the device to have done it."""
    average.update()
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def shortest(work: Callable[[], object]) -> float:
    """Return the least seconds of up to three runs of `work`, which waits for the device itself.

    Long work is not repeated: the first run alone loads kernels, a small part of it then.
    """
    taken: list[float] = []
    while len(taken) < MOST_PASSES:
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
        if taken[0] > ONE_IS_ENOUGH_SECONDS or (len(taken) > 1 and sum(taken) > ENOUGH_SECONDS):
            break
    return min(taken)


def failing(name: str, error: Exception, batch_size: int) -> str:
    """Return why a lens cannot be used on a model that raised `error` under it."""
    if isinstance(error, ValueError) and str(error).startswith(TOO_SMALL):
        return (
            f"a batch of {batch_size} leaves BatchNorm a single value per channel, of which it can "
            "make no statistics"
        )
    return f"the model fails under {name} ({reason(error)})"
