"""Steps that are replayed: the stepper's own at first, captured for each size of batch from then on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import nn
from torch.optim import Optimizer

from valtui_trainer.training.capturing import Capture, Capturer
from valtui_trainer.training.control import say
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.models import reason

WARM_UP_STEPS = 3
"""Steps on a size of batch before it is captured, as torch advises; they bring the optimizer's averages."""


class Stepper(Protocol):
    """What takes optimizer steps: a replica, or a stack of them."""

    def batch_indices(self, position: int) -> torch.Tensor:
        """Return the images of the batch that begins at `position` of the epoch's order."""
        ...

    def step(self, batches: Batches, position: int, rate: float) -> None:
        """Take the step on that batch, and keep its loss."""
        ...

    def descend(self, batches: Batches, index: torch.Tensor) -> torch.Tensor:
        """Take the step on the images `index` as the optimizer is set; return the loss."""
        ...

    def keep(self, loss: torch.Tensor) -> None:
        """Keep the loss of a step that was taken."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class CapturedStep:
    """The step on batches of one size.

    Attributes:
        index: the images (b,) that the next replay takes.
        capture: of the step; its result is the loss (or losses).
        gradients: of each weight that has one, in the memory that a replay writes.
    """

    index: torch.Tensor
    capture: Capture
    gradients: list[tuple[nn.Parameter, torch.Tensor]]


class CapturedSteps:
    """The steps of one stepper.

    Attributes:
        cannot: why a step could not be captured, part of a sentence; empty where none failed.
    """

    def __init__(
        self,
        stepper: Stepper,
        optimizer: Optimizer,
        weights: Iterable[nn.Parameter],
        generators: Sequence[torch.Generator],
        capturer: Capturer,
    ) -> None:
        """Begin with the stepper's own steps.

        Args:
            stepper: that takes the steps.
            optimizer: with which it does.
            weights: that may have gradients.
            generators: on the device, that it draws from.
            capturer: of its steps.
        """
        self._stepper = stepper
        self._optimizer = optimizer
        self._weights = list(weights)
        self._generators = generators
        self._capturer = capturer
        self._seen: Counter[int] = Counter()
        self._captured: dict[int, CapturedStep] = {}
        self._last: CapturedStep | None = None
        self.cannot = ""
        self._rate = torch.zeros((), dtype=torch.float32, device=self._weights[0].device)
        self._rate_there = 0.0

    def step(self, batches: Batches, position: int, rate: float) -> None:
        """Take the step on the batch that begins at `position` of the epoch's order."""
        index = self._stepper.batch_indices(position)
        step = self._captured.get(len(index)) or self._capture(batches, index)
        if step is not None:
            self._replay(step, index, rate)
            return
        self._last = None
        if self.cannot:  # no size of batch is captured any more, so there is nothing to warm up for
            self._stepper.step(batches, position, rate)
        else:
            self._capturer.warm_up(lambda: self._stepper.step(batches, position, rate))

    def forget(self) -> None:
        """Drop what was captured; the next steps are the loop's."""
        self._last = None
        self._captured.clear()
        self._seen.clear()

    def _replay(self, step: CapturedStep, index: torch.Tensor, rate: float) -> None:
        step.index.copy_(index)
        if rate != self._rate_there:
            self._rate.fill_(rate)
            self._rate_there = rate
        for group in self._optimizer.param_groups:
            group["lr"] = rate  # which a checkpoint shows
        step.capture.replay()
        if step is not self._last:
            for weight, gradient in step.gradients:
                weight.grad = gradient
            self._last = step
        self._stepper.keep(step.capture.result)

    def _capture(self, batches: Batches, index: torch.Tensor) -> CapturedStep | None:
        """Return the step on batches as large as `index`, captured, if it is time for that."""
        size = len(index)
        self._seen[size] += 1
        if self.cannot or self._seen[size] <= WARM_UP_STEPS:
            return None
        own = index.clone()
        self._optimizer.zero_grad(set_to_none=True)  # gradients are to be the capture's own
        work = partial(descend, self._stepper, self._optimizer, batches, own, self._rate)
        try:
            capture = self._capturer.capture(work, self._generators)
        except Exception as error:  # whatever it fails on, memory too, the loop's steps do not
            why = reason(error)
        else:
            return self._noted(own, capture)
        self.cannot = f"a step cannot be captured ({why}){self._recover()}"
        say(f"{self.cannot}; those on {size} images go on as they were")
        return None

    def _noted(self, index: torch.Tensor, capture: Capture) -> CapturedStep:
        gradients = [(one, one.grad) for one in self._weights if one.grad is not None]
        self._captured[len(index)] = step = CapturedStep(index, capture, gradients)
        return step

    def _recover(self) -> str:
        """Undo what a failed capture left; return why that cannot be, part of a sentence, or nothing."""
        try:
            self._capturer.recover(self._generators)
        except Exception as error:  # whatever it is: the first reason is to be told, too
            return f", and the device does not recover from that ({reason(error)})"
        return ""


def descend(
    stepper: Stepper,
    optimizer: Optimizer,
    batches: Batches,
    index: torch.Tensor,
    rate: torch.Tensor,
) -> torch.Tensor:
    """Take a step at the learning rate that stands in `rate`; return its loss."""
    with capturable(optimizer, rate):
        return stepper.descend(batches, index)


@contextmanager
def capturable(optimizer: Optimizer, rate: torch.Tensor) -> Iterator[None]:
    """Let `optimizer` read its learning rate from `rate`, a scalar on the device, and be captured."""
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
