"""Models of a user's own that misbehave in training, each at its hundredth step. For tests only."""

from __future__ import annotations

import threading

import torch
from torch import nn

STEPS = 100


class Linear(nn.Module):
    """The smallest model there is; `misbehave` is called at the hundredth training step."""

    def __init__(self, height: int, width: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(height * width, classes))
        self.steps = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.steps += 1
            if self.steps == STEPS:
                self.misbehave()
        return self.body(images)

    def misbehave(self) -> None:
        """Do nothing."""


class Hungry(Linear):
    """Asks for more memory than the device has."""

    def misbehave(self) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


class Greedy(Linear):
    """Takes memory of the host until there is none."""

    def misbehave(self) -> None:
        hoard = []
        while True:
            hoard.append(torch.ones(1 << 24))


class Hanging(Linear):
    """Waits for what never comes."""

    def misbehave(self) -> None:
        threading.Event().wait()
