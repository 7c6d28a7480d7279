"""Dropout masks of stacked replicas: drawn outside the forward, each from its own replica's generator.

The draws are those that a replica alone would make, in the same order and memory order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from valtui_trainer.training.dropout import Dropout, masked
from valtui_trainer.training.lenses.untouched import untouched
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.stacking import CannotStackError, rows_like


class GivenDropout(nn.Module):
    """Dropout by a mask that stands in its buffer `kept`: what `Dropout` is in a stack."""

    def __init__(self, p: float) -> None:
        """Take the probability, between 0 and 1."""
        super().__init__()
        self.p = p
        self.kept: torch.Tensor
        self.register_buffer("kept", torch.empty(0), persistent=False)

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        """Return `activations` with those that are not kept set to zero."""
        return masked(activations, self.kept, self.p)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a dropout layer in a forward.

    Attributes:
        layer: the layer's name.
        blank: a mask without memory: its shape, type and memory order.
    """

    layer: str
    p: float
    blank: torch.Tensor


class Masks:
    """Knows which masks a forward of these replicas needs, for each size of batch, and draws them."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        """Look for the dropout layers of `replicas`, which are of one architecture."""
        self._replicas = replicas
        self._layers = {
            name: module
            for name, module in replicas[0].model.named_modules()
            if isinstance(module, Dropout) and 0.0 < module.p < 1.0
        }
        self._calls: dict[int, list[Call]] = {}

    def exchanged(self) -> dict[int, nn.Module]:
        """Return what stands for each dropout layer of the first replica in a stack, by the layer's id."""
        return {id(layer): GivenDropout(layer.p) for layer in self._layers.values()}

    def draw(self, images: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the masks (K, …) of the next forward on `images` (K, b, …), by name of the buffer.

        Raises:
            CannotStackError: a layer is called several times in one forward.
        """
        if not self._layers:
            return {}
        size = images.shape[1]
        if size not in self._calls:
            self._calls[size] = self._recorded(images[0], labels[0])
        drawn = {}
        for call in self._calls[size]:
            kept = rows_like(call.blank, len(self._replicas), images.device)
            for row, replica in zip(kept, self._replicas, strict=True):
                _, generator, _ = replica.streams
                row.bernoulli_(1.0 - call.p, generator=generator)
            drawn[f"{call.layer}.kept"] = kept
        return drawn

    def _recorded(self, images: torch.Tensor, labels: torch.Tensor) -> list[Call]:
        """Return the calls of a forward of the first replica on one batch, which changes nothing."""
        model = self._replicas[0].model
        calls: list[Call] = []

        def note(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            assert isinstance(layer, Dropout)
            calls.append(Call(names[id(layer)], layer.p, layer.blank(inputs[0]).to("meta")))

        names = {id(layer): name for name, layer in self._layers.items()}
        with torch.no_grad(), untouched(model, images.device):
            model.train()
            for layer in self._layers.values():
                layer.register_forward_pre_hook(note)  # `untouched` takes it away again
            self._replicas[0].loss(images, labels)
        if len({call.layer for call in calls}) < len(calls):
            raise CannotStackError("a dropout layer is called several times in one forward")
        return calls
