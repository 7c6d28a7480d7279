"""Does it fit the memory: what one replica takes, and in parts of which sizes several are trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from valtui_trainer.training.devices import synchronise
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.replica import Replica

USABLE = 0.8
"""Share of the free memory that is planned with: allocators round up, and evaluations come on top."""

STACKED = 1.75
"""How much more a stack keeps for its backward: rearranged copies of activations.

Measured on the CPU: 1.52 (resnet18) to 1.72 (small-cnn, depth 3, BatchNorm and dropout).
"""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes that a replica takes.

    Attributes:
        state: weights, buffers, gradients, the optimizer's averages: as long as it is there.
        step: what a step needs beside: activations kept for the backward, workspace.
    """

    state: int
    step: int


def fit(replicas: int, one: Footprint, free: int, *, stacked: bool = True) -> list[int]:
    """Return the sizes of the parts in which `replicas` are trained, one part after another.

    As few parts as possible, of sizes as even as possible, the larger ones first: 8 may become [8],
    [4, 4] or [3, 3, 2]. Empty: not even one fits.

    Args:
        replicas: how many there are, at least one.
        one: what each takes.
        free: bytes of memory that are free.
        stacked: whether a part may take its steps in one go, each replica with activations of its own;
            in the loop they come one after another, and share the memory for those.
    """
    room = int(USABLE * free)
    if stacked:
        most = room // max(1, one.state + math.ceil(STACKED * one.step))
    else:
        most = (room - one.step) // max(1, one.state)
    if most < 1:
        return []
    parts = -(-replicas // most)
    size, larger = divmod(replicas, parts)
    return [size + 1] * larger + [size] * (parts - larger)


def estimate(replica: Replica, batches: Batches) -> Footprint:
    """Return what `replica`, which is thrown away afterwards, takes in training on `batches`.

    On CUDA a step's part is the peak over it, on the CPU the sizes of what autograd keeps.
    """
    replica.model.train()
    replica.begin_epoch(batches)
    replica.step(batches, 0, 0.0)  # brings gradients and averages, and loads kernels
    state = bytes_of(held_by(replica))
    if batches.device.type == "cuda":
        return Footprint(state, peak_over(lambda: replica.step(batches, 0, 0.0), batches.device))
    own = {tensor.untyped_storage().data_ptr() for tensor in held_by(replica)}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        replica.step(batches, 0, 0.0)
    return Footprint(state, sum(kept.values()))


def held_by(replica: Replica) -> list[torch.Tensor]:
    """Return all tensors that a replica holds between steps."""
    weights = list(replica.model.parameters())
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    averages = tensors_in(replica.optimizer.state_dict()["state"])
    return [*weights, *replica.model.buffers(), *gradients, *averages]


def tensors_in(value: Any) -> list[torch.Tensor]:
    """Return the tensors in nested dicts."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [tensor for item in value.values() for tensor in tensors_in(item)]
    return []


def bytes_of(tensors: Iterable[torch.Tensor]) -> int:
    """Return the bytes of `tensors`."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def peak_over(work: Callable[[], object], device: torch.device) -> int:
    """Return how many bytes beyond those held before `work` took at its peak, on a CUDA device."""
    synchronise(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    work()
    synchronise(device)
    return max(0, torch.cuda.max_memory_allocated(device) - before)
