"""Which engine trains several replicas: one after another, or stacked where that is possible and faster."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn.utils import parametrize

from valtui_trainer.training.dropout import OURS, uses_global_random
from valtui_trainer.training.ensemble import Ensemble
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.lenses.untouched import same_generators
from valtui_trainer.training.models import reason
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.stacked import Stacked
from valtui_trainer.training.stacking import CannotStackError

Wanted = Literal["auto", "loop", "stack"]

ONE = "there is one replica"
ON_CPU = "on the CPU each is to the bit what it would be alone, and most nets are no faster stacked"
"""A rule, measured by `python -m bench replicas`: only tiny nets gain."""

MOST_TRIED = 4
"""How many are tried: where four are faster stacked, eight are, and copies take time and memory."""

WARM_UP_STEPS = 3
TIMED_STEPS = 10
WORTH = 1.1
"""How many times as fast as the loop a stack must be: below, the loop's exact bits are worth more."""

TOLERANCES = {"float32": 0.02, "bfloat16": 0.1}
"""How far losses and gradient norms of the two may be apart: TF32 carries three digits, bfloat16 two."""


def make_ensemble(
    replicas: Sequence[Replica], batches: Batches, engine: Wanted = "auto"
) -> Ensemble:
    """Return the ensemble that trains `replicas` on `batches`.

    "auto": on CUDA both are tried for a few steps on copies of the replicas, whose own state and
    generators are left as they are; one replica is always a loop.

    Raises:
        CannotStackError: the engine "stack" was asked for, and these replicas cannot be stacked.
    """
    if len(replicas) == 1:
        return Ensemble(replicas, ONE)
    if engine == "loop":
        return Ensemble(replicas)
    if engine == "stack":
        why_not = cannot_be_stacked(replicas[0].model)
        if why_not:
            raise CannotStackError(why_not)
        return Stacked(replicas)
    if batches.device.type == "cpu":
        return Ensemble(replicas, ON_CPU)
    faster, why = tried(replicas, batches)
    return Stacked(replicas, why) if faster else Ensemble(replicas, why)


def engine_in_words(ensemble: Ensemble) -> str:
    """Return which engine trains an ensemble, and why, a sentence."""
    how = "in one go" if ensemble.name == "stack" else "one after another"
    why = f": {ensemble.reason}" if ensemble.reason else ""
    return f"{len(ensemble.replicas)} replicas take each step {how}{why}."


def tried(replicas: Sequence[Replica], batches: Batches) -> tuple[bool, str]:
    """Return whether a stack of `replicas` is right and worth it, and why (not), part of a sentence."""
    why_not = cannot_be_stacked(replicas[0].model)
    if why_not:
        return False, why_not
    with same_generators(batches.device):
        try:
            slow, expected = measured(Ensemble(twins(replicas)), batches)
            fast, found = measured(Stacked(twins(replicas)), batches)
        except Exception as error:  # whatever it fails on, memory for copies too, the loop does not
            return False, f"it cannot be tried on this model ({reason(error)})"
        finally:
            forget(batches.device)
    tolerance = TOLERANCES[replicas[0].preset.precision]
    if not torch.allclose(found, expected, rtol=tolerance, atol=1e-3, equal_nan=True):
        return False, "stacked, this model has other losses"
    times = (
        f"a step of {len(found)} takes {1e3 * fast:.3g} ms stacked, "
        f"{1e3 * slow:.3g} ms one after another"
    )
    return slow > WORTH * fast, times


def twins(replicas: Sequence[Replica]) -> list[Replica]:
    """Return copies of `replicas` to try things with."""
    return [replica.twin(max(WARM_UP_STEPS, TIMED_STEPS)) for replica in replicas[:MOST_TRIED]]


def measured(ensemble: Ensemble, batches: Batches) -> tuple[float, torch.Tensor]:
    """Return the seconds of a step, and the figures (K, 4) of a few, whose learning rate is zero."""
    ensemble.train_mode()
    ensemble.begin_epoch(batches)
    for _ in range(WARM_UP_STEPS):
        ensemble.step(batches, 0, 0.0)
    ensemble.figures()
    wait(batches.device)
    began = time.perf_counter()
    for _ in range(TIMED_STEPS):
        ensemble.step(batches, 0, 0.0)
    wait(batches.device)
    seconds = (time.perf_counter() - began) / TIMED_STEPS
    return seconds, ensemble.figures()


def wait(device: torch.device) -> None:
    """Wait for what is queued on the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def forget(device: torch.device) -> None:
    """Give back the memory of a trial, which does not count for the peak."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def cannot_be_stacked(model: nn.Module) -> str:
    """Return why `model` cannot be stacked, part of a sentence; empty where nothing speaks against it."""
    for name, module in model.named_modules():
        why_not = layer_cannot(module)
        if why_not:
            return f"{type(module).__name__}{f' ({name})' if name else ''} {why_not}"
    return "the model draws from torch's own generator" if uses_global_random(model) else ""


def layer_cannot(module: nn.Module) -> str:
    """Return what keeps one layer from being stacked; empty where nothing does."""
    if not f"{type(module).__module__}.".startswith(OURS):
        return "is code of your own, which may keep state"
    if "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks:
        return "has hooks, which may keep state"
    if parametrize.is_parametrized(module):
        return "has weights that are made anew in each forward"
    if isinstance(module, nn.SyncBatchNorm | nn.RNNBase):
        return "cannot be stacked"
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.momentum is None:
        return "averages over all steps since the start, which is no stacked operation"
    return ""
