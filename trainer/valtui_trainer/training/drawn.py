"""Masks of dropout within a compiled network: drawn by an operator that the compiler leaves as it is.

A generator cannot be traced; without this a network would fall apart into pieces at each dropout layer.
"""

from __future__ import annotations

import itertools
from weakref import WeakValueDictionary

import torch

from valtui_trainer.training.dropout import Dropout, blank

LAYERS: WeakValueDictionary[int, Dropout] = WeakValueDictionary()
NUMBERS = itertools.count()


def number_layers(model: torch.nn.Module) -> None:
    """Let the dropout layers of `model`, which is about to be compiled, draw by way of the operator."""
    weight = next(model.parameters(), None)
    turn = torch.zeros((), device=None if weight is None else weight.device)
    for layer in model.modules():
        if isinstance(layer, Dropout):
            number = next(NUMBERS)
            LAYERS[number] = layer
            # A tensor, for a plain number would be compiled in, and each layer anew.
            layer.mask_of = torch.tensor(number), turn


# Said to change `turn`, which it does not: so the compiler makes every call, and keeps their order.
# Taken for a function of its arguments, two calls on the same activations would give one mask.
@torch.library.custom_op("valtui::mask", mutates_args=("turn",))
def mask(
    activations: torch.Tensor, channelwise: bool, layer: torch.Tensor, turn: torch.Tensor
) -> torch.Tensor:
    """Return a mask of zeros and ones for `activations`, from the generator of the numbered `layer`."""
    del channelwise, turn  # the layer knows the one; the compiler has to know both
    return LAYERS[int(layer)].draw(activations)


@mask.register_fake
def like_mask(
    activations: torch.Tensor, channelwise: bool, layer: torch.Tensor, turn: torch.Tensor
) -> torch.Tensor:
    """Return memory of the kind that `mask` returns."""
    del layer, turn
    return blank(activations, channelwise)
