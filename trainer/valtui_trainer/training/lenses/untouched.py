"""A context that gives a model and the global generators back to the bit, whatever was done in it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.autograd.grad_mode import _unsafe_preserve_version_counter


@contextmanager
def untouched(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Restore `model` and the generators of torch, numpy and Python afterwards, errors included.

    Of each module: its attributes (mode, momentum, a user's counters), what its dicts and lists
    hold (hooks, buffers), the contents of its tensors (buffers and others) and the states of its
    generators, among its attributes or one level down. Not the contents of parameters: nothing here
    may write those. What a model keeps outside of itself is not seen. A backward pass whose forward was
    before may follow: autograd is told that no tensor has changed.
    """
    kept = Kept(model)
    with same_generators(device), same_versions(kept.tensors):
        try:
            yield
        finally:
            kept.restore()


@contextmanager
def same_generators(device: torch.device) -> Iterator[None]:
    """Restore the global generators of torch (CPU and `device`), numpy and Python afterwards."""
    generators = random.getstate(), np.random.get_state(), torch.get_rng_state()
    on_device = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    try:
        yield
    finally:
        random.setstate(generators[0])
        np.random.set_state(generators[1])
        torch.set_rng_state(generators[2])
        if on_device is not None:
            torch.cuda.set_rng_state(on_device, device)


@contextmanager
def same_versions(tensors: Iterable[torch.Tensor]) -> Iterator[None]:
    """Give back the counters by which autograd tells whether a tensor was written in place."""
    with ExitStack() as stack:
        for tensor in tensors:
            if not tensor.is_inference():
                stack.enter_context(_unsafe_preserve_version_counter(tensor))
        yield


class Kept:
    """The state of a model's modules at one moment."""

    def __init__(self, model: nn.Module) -> None:
        """Take it; tensors are copied, parameters are not."""
        self._dicts: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
        self._lists: list[tuple[list[Any], list[Any]]] = []
        self._tensors: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._generators = KeptGenerators()
        with torch.inference_mode():
            for module in model.modules():
                attributes = vars(module)
                self._dicts.append((attributes, dict(attributes)))
                for value in attributes.values():
                    self._keep(value)

    @property
    def tensors(self) -> list[torch.Tensor]:
        """The tensors that are put back, which the model holds."""
        return [tensor for tensor, _ in self._tensors]

    def _keep(self, value: object) -> None:
        if isinstance(value, dict):
            self._dicts.append((value, dict(value)))
            for held in value.values():
                self._keep_one(held)
        elif isinstance(value, list):
            self._lists.append((value, list(value)))
            for held in value:
                self._keep_one(held)
        else:
            self._keep_one(value)

    def _keep_one(self, value: object) -> None:
        if isinstance(value, torch.Tensor) and not isinstance(value, nn.Parameter):
            if not is_expanded(value):
                self._tensors.append((value, value.clone()))
        else:
            self._generators.keep(value)

    def restore(self) -> None:
        """Put everything back."""
        for attributes, before in self._dicts:
            attributes.clear()
            attributes.update(before)
        for values, their_values in self._lists:
            values[:] = their_values
        with torch.inference_mode():
            for tensor, content in self._tensors:
                tensor.copy_(content)
        self._generators.restore()


class KeptGenerators:
    """The states of some generators at one moment."""

    def __init__(self) -> None:
        """Keep none yet."""
        self._states: list[tuple[Callable[[Any], object], Any]] = []

    def keep(self, value: object) -> None:
        """Take the state of `value`, where it is a generator."""
        if isinstance(value, torch.Generator):
            self._states.append((value.set_state, value.get_state()))
        elif isinstance(value, random.Random):
            self._states.append((value.setstate, value.getstate()))
        elif isinstance(value, np.random.RandomState):
            self._states.append((value.set_state, value.get_state()))
        elif isinstance(value, np.random.Generator):
            bits = value.bit_generator
            state = bits.state
            self._states.append((lambda before: setattr(bits, "state", before), state))

    def restore(self) -> None:
        """Put everything back."""
        for put_back, state in self._states:
            put_back(state)


def is_expanded(tensor: torch.Tensor) -> bool:
    """Tell whether cells of a tensor share their place, so that nothing can write it in place."""
    if tensor.layout != torch.strided:
        return False
    return any(
        step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True)
    )
