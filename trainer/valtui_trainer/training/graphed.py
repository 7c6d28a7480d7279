"""Replicas that take each step by replaying a capture of it: one launch in place of dozens.

The first steps on a size of batch are launched kernel by kernel; then the step on that size is captured,
from the gather of the images to the optimizer. Weights, averages and generators are the replica's,
wherever a step comes from, so that states and checkpoints are those of the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch.optim import Optimizer

from valtui_trainer.training.captured_steps import CapturedSteps
from valtui_trainer.training.capturing import Capturer, CudaCapturer
from valtui_trainer.training.ensemble import Engine, Ensemble
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.profiling.phases import REPLAY, Part
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.stacked import Stacked


class Graphed(Ensemble):
    """Replicas that take each step one after another, each by a replay of its own captures.

    Whether their model bears it is for `choose_engine` to ask. Where capturing fails after all, steps go
    on as they were, and the run's log says why (`Loop.tell_trouble`).
    """

    name: Engine = "graph"
    launched: Engine = "loop"

    def __init__(
        self, replicas: Sequence[Replica], reason: str = "", capturer: Capturer | None = None
    ) -> None:
        """Take over `replicas`; `capturer`: None: CUDA graphs on their device."""
        super().__init__(replicas, reason)
        capturer = CudaCapturer(self.replicas[0].device) if capturer is None else capturer
        self._steps = self._captured_by(capturer)
        self._batches: Batches | None = None
        self._loaded: list[bool] = []
        for replica in self.replicas:
            replica.optimizer.register_load_state_dict_post_hook(partial(note, self._loaded))

    def _captured_by(self, capturer: Capturer) -> list[CapturedSteps]:
        return [
            CapturedSteps(
                replica,
                replica.optimizer,
                replica.model.parameters(),
                replica.streams[1:],
                capturer,
            )
            for replica in self.replicas
        ]

    def step(self, batches: Batches, position: int, rate: float) -> None:
        """Take the optimizer step of every replica on its batch that begins at `position`.

        Nothing here waits for the device, but for the step that captures.
        """
        if self._loaded or batches is not self._batches:
            self._forget(batches)
        for steps in self._steps:
            steps.step(batches, position, rate)

    def parts(self) -> list[Part]:
        """Return what a step consists of: of a replay, which runs nothing that could be named, one part."""
        return [*self._launched_parts(), *(Part(steps, "_replay", REPLAY) for steps in self._steps)]

    def _launched_parts(self) -> list[Part]:
        return super().parts()

    @property
    def trouble(self) -> str:
        """Why a step could not be captured, part of a sentence; empty where all could."""
        return next((steps.cannot for steps in self._steps if steps.cannot), "")

    @property
    def taken_by(self) -> Engine:
        """The engine that takes the steps by now: where not all are replayed, the one that launches them."""
        return self.launched if self.trouble else self.name

    def _forget(self, batches: Batches) -> None:
        """Begin anew, as an optimizer that is loaded holds other tensors than those captured.

        All replicas do so together: their captures share memory in the order in which they were made.
        """
        self._batches = batches
        self._loaded.clear()
        for steps in self._steps:
            steps.forget()


class GraphedStack(Graphed):
    """Replicas in a stack whose steps are replayed: one launch for all of them."""

    name: Engine = "graph-stack"
    launched: Engine = "stack"

    def _captured_by(self, capturer: Capturer) -> list[CapturedSteps]:
        self._stack = Stacked(self.replicas)
        generators = [one for replica in self.replicas for one in replica.streams[1:]]
        stack = self._stack
        return [CapturedSteps(stack, stack.optimizer, stack.weights, generators, capturer)]

    def figures(self) -> torch.Tensor:
        """Return each replica's figures (K, 4), as the stack does."""
        return self._stack.figures()

    def _launched_parts(self) -> list[Part]:
        return self._stack.parts()


def note(loaded: list[bool], _: Optimizer) -> None:
    """Take note that an optimizer was loaded."""
    loaded.append(True)
