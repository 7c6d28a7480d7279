"""Models of a user's own: some misbehave in training at their hundredth step. For tests only."""

from __future__ import annotations

import random
import threading

import numpy as np
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


class Functional(Linear):
    """Drops activations by a function, not by a layer."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.body(nn.functional.dropout(images, 0.5, self.training))


class Remembering(nn.Module):
    """Keeps state of every kind in each forward, eval mode included, and draws from every generator.

    What it learns depends on all of it.
    """

    def __init__(self, height: int, width: int, classes: int) -> None:
        super().__init__()
        self.first = nn.Linear(height * width, 16)
        self.norm = nn.BatchNorm1d(16)
        self.last = nn.Linear(16, classes)
        self.register_buffer("in_place", torch.zeros(16))
        self.register_buffer("exchanged", torch.zeros(16))
        self.plain = torch.zeros(16)
        self.calls = 0
        self.history: list[float] = []
        self.by_mode: dict[bool, int] = {}
        self.held = {"sum": torch.zeros(16)}
        self.own = torch.Generator().manual_seed(1)
        self.dice = random.Random(1)
        self.numbers = [np.random.default_rng(1)]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        inner = self.norm(self.first(images.flatten(1)))
        with torch.no_grad():
            mean = inner.mean(0)
            self.in_place.add_(0.01 * mean)
            self.exchanged = 0.9 * self.exchanged + 0.1 * mean
            self.plain += 0.01 * mean
            self.held["sum"] += 0.01 * mean
        self.calls += 1
        self.history.append(float(mean[0]))
        self.by_mode[self.training] = self.by_mode.get(self.training, 0) + 1
        chance = torch.rand(16) + np.random.rand() + random.random()
        chance = chance + torch.rand(16, generator=self.own) + self.dice.random()
        chance = chance + self.numbers[0].random()
        counted = 0.001 * (self.calls + len(self.history) + self.by_mode[self.training])
        moved = (
            self.in_place + self.exchanged.clone() + self.plain.clone() + self.held["sum"].clone()
        )
        return self.last(inner * (1 + 0.01 * chance) + moved + counted)
