"""The exponential average of a model's weights over the steps of training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class Average:
    """The average of one model's trained weights, the newest weighing most; bias-corrected.

    After t updates it is Σ d^(t−s)·w_s / Σ d^(t−s), d = 0.5^(1/half_life): the weights before the first
    update have no part in it (the correction of Adam, Kingma and Ba 2015, applied as it goes).
    """

    def __init__(self, model: nn.Module, half_life: float) -> None:
        """Begin to average the weights of `model`; `half_life` in steps."""
        self._live = [weight for weight in model.parameters() if weight.requires_grad]
        self._mean = [weight.detach().clone() for weight in self._live]
        self._decay = 0.5 ** (1.0 / half_life)
        self._steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are after a step; never waits for the device."""
        self._steps += 1
        share = (1.0 - self._decay) / (1.0 - self._decay**self._steps)
        torch._foreach_lerp_(self._mean, [weight.detach() for weight in self._live], share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the averaged weights meanwhile; its own come back untouched."""
        own = [weight.data for weight in self._live]
        try:
            for weight, mean in zip(self._live, self._mean, strict=True):
                weight.data = mean
            yield
        finally:
            for weight, data in zip(self._live, own, strict=True):
                weight.data = data

    def state(self) -> dict[str, Any]:
        """Return what the next update depends on, cloned, in types that load safely."""
        return {"steps": self._steps, "mean": [mean.clone() for mean in self._mean]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken."""
        self._steps = state["steps"]
        for mean, theirs in zip(self._mean, state["mean"], strict=True):
            mean.copy_(theirs)
