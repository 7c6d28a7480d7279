"""The extra passes over the validation set, each leaving the model as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from valtui_trainer.presets.types import Preset
from valtui_trainer.training import faults
from valtui_trainer.training.evaluate import Evaluation, evaluate
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.lenses.averaging import Average
from valtui_trainer.training.lenses.batchnorm import (
    fixed_batches,
    norm_layers,
    set_exact_statistics,
)
from valtui_trainer.training.lenses.untouched import untouched


@dataclass(frozen=True)
class Passes:
    """What the passes of all seeds run on."""

    preset: Preset
    train_set: Batches
    val_set: Batches

    @cached_property
    def batches(self) -> tuple[torch.Tensor, ...]:
        """The fixed training batches that statistics are estimated on."""
        return fixed_batches(self.train_set, self.preset.split_seed, self.preset.batch_size)

    @cached_property
    def everything(self) -> torch.Tensor:
        """The index of the whole validation set."""
        return all_of(self.val_set)

    @contextmanager
    def undisturbed(self, model: nn.Module) -> Iterator[None]:
        """Give back `model`, the generators and a planted fault's stream as they were."""
        fault = faults.state_of(self.val_set)
        try:
            with untouched(model, self.val_set.device):
                yield
        finally:
            faults.load_state(self.val_set, fault)

    def exactly(self, model: nn.Module, data: Batches, keep_logits: bool = False) -> Evaluation:
        """Return the figures on all of `data` with BatchNorm statistics that depend on the weights alone."""
        autocast = self.preset.precision == "bfloat16"
        with self.undisturbed(model):
            if norm_layers(model):
                set_exact_statistics(model, self.train_set, self.batches, autocast)
            return evaluate(model, data, all_of(data), autocast, keep_logits)

    def exact(self, model: nn.Module) -> float:
        """Return the validation loss with BatchNorm statistics that depend on the weights alone."""
        return self.exactly(model, self.val_set).loss

    def averaged(self, model: nn.Module, average: Average) -> float:
        """Return the validation loss of the averaged weights, with BatchNorm statistics of their own."""
        with average.in_place():
            return self.exact(model)


def all_of(data: Batches) -> torch.Tensor:
    """Return the index of all of `data`."""
    return torch.arange(len(data), device=data.index_device)
