"""BatchNorm statistics that depend on the weights alone: re-estimated on fixed training batches.

PreciseBN, Wu and Johnson 2021 (arXiv 2105.07576), section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from valtui_trainer.training.data.split import shuffled_rows
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.uncompiled import uncompiled

SUBSET = 512
TOO_SMALL = "Expected more than 1 value per channel when training"
"""How torch begins to say that a batch is too small for BatchNorm in train mode."""


def norm_layers(model: nn.Module) -> list[_BatchNorm]:
    """Return the BatchNorm layers of `model` that evaluate with running statistics."""
    return [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm)
        and module.track_running_stats
        and module.running_mean is not None
        and module.running_var is not None
    ]


def in_eval_mode(model: nn.Module) -> None:
    """Set the modes of all modules, and call no `eval` of somebody's own, which may do more than that."""
    for module in model.modules():
        module.training = False


def fixed_batches(train_set: Batches, split_seed: int, batch_size: int) -> tuple[torch.Tensor, ...]:
    """Return the indices (batch_size,) of the batches that statistics are estimated on.

    They hold 512 training samples, or all if there are fewer: the same for all seeds of a preset,
    in shuffled order, so that a set sorted by class gives mixed batches. A rest smaller than a batch
    is left out if there is at least one full one; 512 samples in batches of 300 are 300 samples.
    """
    rows = shuffled_rows(len(train_set), split_seed, "batchnorm-subset")[:SUBSET]
    index = torch.from_numpy(rows).to(train_set.index_device)
    used = len(index) // batch_size * batch_size or len(index)
    return tuple(index[place : place + batch_size] for place in range(0, used, batch_size))


def set_exact_statistics(
    model: nn.Module,
    train_set: Batches,
    batches: tuple[torch.Tensor, ...],
    autocast: bool = False,
) -> None:
    """Give the BatchNorm layers of `model` new buffers with the statistics of `batches` of the training set."""
    set_statistics(model, (train_set.batch(rows)[0] for rows in batches), autocast)


def set_statistics(
    model: nn.Module,
    batches: Iterable[torch.Tensor],
    autocast: bool = False,
    layers: list[_BatchNorm] | None = None,
) -> None:
    """Give BatchNorm layers of `model`, or `layers` of them alone, new buffers with statistics of `batches`.

    Their mean is E[μ_B], their variance E[σ²_B + μ²_B] − μ²; averaging σ²_B alone would be short by
    Var(μ_B). BatchNorm is in train mode meanwhile, everything else in eval mode; images are not
    augmented. Torch stores σ²_B with Bessel's correction, which is taken out again: what is wanted
    is the variance over all values of all batches, as train mode divides by it, and that is what eval
    mode then divides by. A layer that a forward calls several times averages over its calls; one that
    it never calls keeps its statistics.

    The old buffers are exchanged, not written. Modes, momenta and buffers stay changed: call this
    within `untouched`.

    Raises:
        ValueError: a batch leaves some layer with one value per channel.
    """
    in_eval_mode(model)
    layers = norm_layers(model) if layers is None else layers
    seen = [Moments(layer) for layer in layers]
    hooks = [
        layer.register_forward_hook(moments.hook())
        for layer, moments in zip(layers, seen, strict=True)
    ]
    try:
        for images in batches:
            autocasting = torch.autocast(images.device.type, torch.bfloat16, enabled=autocast)
            # Not inference_mode: what somebody's model caches meanwhile may serve its training.
            with torch.no_grad(), autocasting, uncompiled(model):
                model(images)
    finally:
        for handle in hooks:
            handle.remove()
    for moments in seen:
        moments.settle()
    in_eval_mode(model)


class Moments:
    """Collects mean and biased variance of every batch that one layer normalises."""

    def __init__(self, layer: _BatchNorm) -> None:
        """Let `layer` store the statistics of each batch as they are, in buffers of their own."""
        assert layer.running_mean is not None
        assert layer.running_var is not None
        self._layer = layer
        self._live = layer.running_mean, layer.running_var
        self._means: list[torch.Tensor] = []
        self._variances: list[torch.Tensor] = []
        layer.training = True
        layer.momentum = 1.0
        # Fresh zeros: 0 · NaN of a live buffer would stay NaN at a momentum of 1.
        layer.running_mean = torch.zeros_like(layer.running_mean)
        layer.running_var = torch.zeros_like(layer.running_var)

    def hook(self) -> Callable[[nn.Module, object, torch.Tensor], None]:
        """Return what is to be called after each forward of the layer."""

        def note(_: nn.Module, __: object, output: torch.Tensor) -> None:
            mean, variance = self._layer.running_mean, self._layer.running_var
            assert mean is not None
            assert variance is not None
            count = output.numel() // output.shape[1]
            self._means.append(mean.clone())
            self._variances.append(variance * ((count - 1) / count))

        return note

    def settle(self) -> None:
        """Set the layer's statistics to those of all batches; without any, to what they were."""
        mean, variance = self._live
        if self._means:
            means = torch.stack(self._means).double()
            second = (torch.stack(self._variances).double() + means.square()).mean(0)
            exact = means.mean(0)
            variance = (second - exact.square()).clamp_min(0.0).to(variance.dtype)
            mean = exact.to(mean.dtype)
        self._layer.running_mean, self._layer.running_var = mean, variance
