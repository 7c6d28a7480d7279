"""Dropout that draws from a generator of its own, and the exchange of torch's layers for it."""

from __future__ import annotations

import torch
from torch import nn

CHANNELWISE = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
OURS = ("torch.nn.", "torchvision.", "valtui_trainer.")


class Dropout(nn.Module):
    """Inverted dropout, as nn.Dropout, with masks from `generator`.

    Attributes:
        p: probability that an activation (a whole channel, if `channelwise`) becomes zero.
        generator: where masks come from, on the activations' device; None: torch's own.
        mask_of: its number and what the layers of its network take turns by, where that is
            compiled (`drawn`).
    """

    def __init__(
        self, p: float = 0.5, *, channelwise: bool = False, generator: torch.Generator | None = None
    ) -> None:
        """Take the probability.

        Raises:
            ValueError: `p` is not between 0 and 1.
        """
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"A dropout probability lies between 0 and 1, not at {p}.")
        self.p = p
        self.channelwise = channelwise
        self.generator = generator
        self.mask_of: tuple[torch.Tensor, torch.Tensor] | None = None

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        """Return activations of any shape with some set to zero and the rest scaled by 1/(1-p).

        In eval mode and at p = 0 they come back untouched and nothing is drawn.
        """
        if not self.training or self.p == 0.0:
            return activations
        if self.p == 1.0:
            return activations * 0.0
        if self.mask_of is not None and torch.compiler.is_compiling():
            kept = torch.ops.valtui.mask(activations.detach(), self.channelwise, *self.mask_of)
        else:
            kept = self.draw(activations)
        return masked(activations, kept, self.p)

    def draw(self, activations: torch.Tensor) -> torch.Tensor:
        """Return a new mask of zeros and ones for `activations`."""
        return self.blank(activations).bernoulli_(1.0 - self.p, generator=self.generator)

    def blank(self, activations: torch.Tensor) -> torch.Tensor:
        """Return memory for the mask of `activations`, with nothing drawn into it yet."""
        return blank(activations, self.channelwise)

    def extra_repr(self) -> str:
        """Return the probability, for printing."""
        return f"p={self.p}" + (", channelwise" if self.channelwise else "")


def blank(activations: torch.Tensor, channelwise: bool) -> torch.Tensor:
    """Return memory for a mask of `activations`, one value a channel if `channelwise`."""
    if channelwise:
        ones = (1,) * (activations.ndim - 2)
        return activations.new_empty(*activations.shape[:2], *ones)
    return torch.empty_like(activations)


def masked(activations: torch.Tensor, kept: torch.Tensor, p: float) -> torch.Tensor:
    """Return `activations` times the mask `kept` of zeros and ones, over 1-p."""
    # Scaled by a number, not by the mask: 1/(1-p) would be rounded to three digits in bfloat16.
    return (activations * kept).mul_(1.0 / (1.0 - p))


def set_generator(model: nn.Module, generator: torch.Generator | None) -> None:
    """Let every dropout layer of `model` draw from `generator`, which must be on its device."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator


def set_probability(model: nn.Module, p: float) -> int:
    """Set the probability of every dropout layer, torch's or ours; return how many there are."""
    layers = [m for m in model.modules() if isinstance(m, Dropout | nn.modules.dropout._DropoutNd)]
    for layer in layers:
        layer.p = p
    return len(layers)


def replace_dropout(model: nn.Module) -> bool:
    """Exchange torch's dropout layers inside `model` for ours, in place; modes are kept.

    Subclasses stay as they are: nobody knows what they do. Returns `uses_global_random(model)`.
    """
    ours: dict[int, Dropout] = {}
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            channelwise = type(child) in CHANNELWISE
            if type(child) is not nn.Dropout and not channelwise:
                continue
            assert isinstance(child, nn.modules.dropout._DropoutNd)
            new = ours.setdefault(id(child), Dropout(child.p, channelwise=channelwise))
            setattr(parent, name, new.train(child.training))
    return uses_global_random(model)


def uses_global_random(model: nn.Module) -> bool:
    """Tell whether a training step of `model` may draw from torch's own generator.

    True for random layers that are not ours, and for any layer from outside torch and torchvision:
    its forward may draw without a layer that shows it. Our dropout is taken to have its generator.
    """
    return any(_may_draw(module) for module in model.modules())


def _may_draw(module: nn.Module) -> bool:
    if isinstance(module, Dropout):
        return False
    if not f"{type(module).__module__}.".startswith(OURS):
        return True
    if isinstance(module, nn.RReLU | nn.FractionalMaxPool2d | nn.FractionalMaxPool3d):
        return True
    if isinstance(module, nn.MultiheadAttention | nn.RNNBase):
        return module.dropout > 0.0
    if (
        isinstance(module, nn.modules.dropout._DropoutNd)
        or type(module).__name__ == "StochasticDepth"
    ):
        return float(getattr(module, "p", 1.0)) > 0.0
    # DenseNet's and Swin's functional dropout keep their probability in plain attributes.
    rates = ("drop_rate", "dropout", "attention_dropout", "stochastic_depth_prob")
    return any(_positive(getattr(module, rate, 0.0)) for rate in rates)


def _positive(rate: object) -> bool:
    return isinstance(rate, float) and rate > 0.0
