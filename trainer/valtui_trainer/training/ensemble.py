"""The seeds of a run, or the replicas of a probe's arm, trained in lock-step: here one after another.

`graphed.Graphed` does the same from captures, `stacked.Stacked` in one go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.profiling.phases import Part
from valtui_trainer.training.replica import Replica

Engine = Literal["loop", "graph", "stack", "graph-stack"]


class Ensemble:
    """Replicas that take each step together; each is to the bit what it would be alone.

    Attributes:
        name: of the engine that takes the steps.
        reason: why so, a sentence; empty where there was nothing to choose.
        replicas: in the order of all figures.
    """

    name: Engine = "loop"

    def __init__(self, replicas: Sequence[Replica], reason: str = "") -> None:
        """Take `replicas`, one or more, that have taken the same number of steps."""
        self.replicas = list(replicas)
        self.reason = reason

    def train_mode(self) -> None:
        """Bring every model into train mode."""
        for replica in self.replicas:
            replica.model.train()

    def begin_epoch(self, batches: Batches) -> None:
        """Draw each replica's order of the next epoch over `batches`."""
        for replica in self.replicas:
            replica.begin_epoch(batches)

    def step(self, batches: Batches, position: int, rate: float) -> None:
        """Take the optimizer step of every replica on its batch that begins at `position`.

        Nothing here waits for the device.
        """
        for replica in self.replicas:
            replica.step(batches, position, rate)

    def figures(self) -> torch.Tensor:
        """Return each replica's mean, smallest and largest loss since the last record, and gradient norm.

        Shape (K, 4), on the device; the accumulators are empty afterwards.
        """
        return torch.stack([replica.figures() for replica in self.replicas])

    def parts(self) -> list[Part]:
        """Return what a step consists of, for a profile to name its phases."""
        return [part for replica in self.replicas for part in replica.parts()]

    @property
    def trouble(self) -> str:
        """Why steps are not taken as its name says after all, part of a sentence; empty where they are."""
        return ""

    @property
    def taken_by(self) -> Engine:
        """The engine that takes the steps by now: that of its name, or what it fell back to."""
        return self.name

    @property
    def open_steps(self) -> int:
        """Steps taken since the last record."""
        return self.replicas[0].open_steps
