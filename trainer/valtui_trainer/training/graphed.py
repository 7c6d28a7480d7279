"""Replicas that take each step by replaying a recording of it: one launch in place of dozens.

The first steps on a size of batch are the loop's own; then the step on that size is recorded, from the
gather of the images to the optimizer. Weights, averages and generators are the replica's, wherever a
step comes from, so that states and checkpoints are the loop's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.optim import Optimizer

from valtui_trainer.training.control import say
from valtui_trainer.training.ensemble import Engine, Ensemble
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.models import reason as reason_of
from valtui_trainer.training.recording import CudaRecorder, Recorder, Recording
from valtui_trainer.training.replica import Replica

WARM_UP_STEPS = 3
"""Steps on a size of batch before it is recorded, as torch advises; they bring the optimizer's averages."""


class Graphed(Ensemble):
    """Replicas that take each step one after another, each by a replay of its own recordings.

    Whether their model bears it is for `choose_engine` to ask. Where recording fails after all, steps go
    on as those of the loop, and the trainer's log says why.
    """

    name: Engine = "graph"

    def __init__(
        self, replicas: Sequence[Replica], reason: str = "", recorder: Recorder | None = None
    ) -> None:
        """Take over `replicas`; `recorder`: None: CUDA graphs on their device."""
        super().__init__(replicas, reason)
        recorder = CudaRecorder(self.replicas[0].device) if recorder is None else recorder
        self._steps = [RecordedSteps(replica, recorder) for replica in self.replicas]
        self._batches: Batches | None = None
        self._loaded: list[bool] = []
        for replica in self.replicas:
            replica.optimizer.register_load_state_dict_post_hook(partial(note, self._loaded))

    def step(self, batches: Batches, position: int, rate: float) -> None:
        """Take the optimizer step of every replica on its batch that begins at `position`.

        Nothing here waits for the device, but for the step that records.
        """
        if self._loaded or batches is not self._batches:
            self._forget(batches)
        for steps in self._steps:
            steps.step(batches, position, rate)

    @property
    def trouble(self) -> str:
        """Why a step could not be recorded, part of a sentence; empty where all could."""
        return next((steps.cannot for steps in self._steps if steps.cannot), "")

    def _forget(self, batches: Batches) -> None:
        """Begin anew, as an optimizer that is loaded holds other tensors than those recorded.

        All replicas do so together: their recordings share memory in the order in which they were made.
        """
        self._batches = batches
        self._loaded.clear()
        for steps in self._steps:
            steps.forget()


@dataclass(frozen=True, slots=True, eq=False)
class RecordedStep:
    """The step on batches of one size.

    Attributes:
        index: the images (b,) that the next replay takes.
        recording: of the step; its result is the loss.
        gradients: of each weight that has one, in the memory that a replay writes.
    """

    index: torch.Tensor
    recording: Recording
    gradients: list[tuple[nn.Parameter, torch.Tensor]]


class RecordedSteps:
    """The steps of one replica.

    Attributes:
        cannot: why a step could not be recorded, part of a sentence; empty where none failed.
    """

    def __init__(self, replica: Replica, recorder: Recorder) -> None:
        """Begin with steps of the loop."""
        self._replica = replica
        self._recorder = recorder
        self._generators = replica.streams[1:]  # those on the device
        self._seen: Counter[int] = Counter()
        self._recorded: dict[int, RecordedStep] = {}
        self._last: RecordedStep | None = None
        self.cannot = ""
        self._rate = torch.zeros((), dtype=torch.float32, device=replica.device)
        self._rate_there = 0.0

    def step(self, batches: Batches, position: int, rate: float) -> None:
        """Take the step on the batch that begins at `position` of the epoch's order."""
        index = self._replica.batch_indices(position)
        step = self._recorded.get(len(index)) or self._record(batches, index)
        if step is None:
            self._last = None
            self._recorder.warm_up(lambda: self._replica.step(batches, position, rate))
        else:
            self._replay(step, index, rate)

    def forget(self) -> None:
        """Drop what was recorded; the next steps are the loop's."""
        self._last = None
        self._recorded.clear()
        self._seen.clear()

    def _replay(self, step: RecordedStep, index: torch.Tensor, rate: float) -> None:
        step.index.copy_(index)
        if rate != self._rate_there:
            self._rate.fill_(rate)
            self._rate_there = rate
        for group in self._replica.optimizer.param_groups:
            group["lr"] = rate  # which a checkpoint shows
        step.recording.replay()
        if step is not self._last:
            for weight, gradient in step.gradients:
                weight.grad = gradient
            self._last = step
        self._replica.keep(step.recording.result)

    def _record(self, batches: Batches, index: torch.Tensor) -> RecordedStep | None:
        """Return the step on batches as large as `index`, recorded, if it is time for that."""
        size = len(index)
        self._seen[size] += 1
        if self.cannot or self._seen[size] <= WARM_UP_STEPS:
            return None
        replica, own = self._replica, index.clone()
        replica.optimizer.zero_grad(set_to_none=True)  # gradients are to be the recording's own
        work = partial(descend, replica, batches, own, self._rate)
        try:
            recording = self._recorder.record(work, self._generators)
        except Exception as error:  # whatever it fails on, memory too, the loop's steps do not
            self.cannot = f"a step cannot be recorded ({reason_of(error)})"
            say(f"{self.cannot}; steps on batches of {size} go on as the loop's")
            return None
        weights = replica.model.parameters()
        gradients = [(weight, weight.grad) for weight in weights if weight.grad is not None]
        self._recorded[size] = RecordedStep(own, recording, gradients)
        return self._recorded[size]


def descend(
    replica: Replica, batches: Batches, index: torch.Tensor, rate: torch.Tensor
) -> torch.Tensor:
    """Take a step at the learning rate that stands in `rate`; return the loss, a scalar."""
    with recordable(replica.optimizer, rate):
        return replica.descend(batches, index)


@contextmanager
def recordable(optimizer: Optimizer, rate: torch.Tensor) -> Iterator[None]:
    """Let `optimizer` read its learning rate from `rate`, a scalar on the device, and be recorded."""
    before = [dict(group) for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = rate
        if "capturable" in group:
            group["capturable"] = True
    try:
        yield
    finally:
        for group, settings in zip(optimizer.param_groups, before, strict=True):
            group.update(settings)


def note(loaded: list[bool], _: Optimizer) -> None:
    """Take note that an optimizer was loaded."""
    loaded.append(True)
