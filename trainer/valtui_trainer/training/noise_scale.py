"""Gradients of small and large batches at fixed weights; what they say is for `measure.noise_scale`."""

from __future__ import annotations

import torch

from valtui_trainer.training.checks.unchanged import unchanged
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.lenses.batchnorm import norm_layers
from valtui_trainer.training.replica import Replica

SMALL_IN_LARGE = 8


def gradient_pairs(
    replica: Replica,
    batches: Batches,
    batch_size: int,
    draws: int,
    generator: torch.Generator,
    small_in_large: int = SMALL_IN_LARGE,
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Return squared gradient norms of small and large batches, and how many images a large one has.

    A large batch is several small ones, all drawn without replacement, so that the norms' expectations
    are those of independent images from where the training set came from, however small it is. Images
    are augmented and activations dropped as in training; BatchNorm is frozen (eval mode). Nothing of
    the replica is changed.

    Args:
        replica: at the weights in question.
        batches: the training set.
        batch_size: images of a small batch.
        draws: M, how many large batches.
        generator: of the draws, on the CPU.
        small_in_large: small batches of a large one; fewer where the set has not so many.

    Returns:
        small (M,), averaged over the small batches of each large one, and large (M,), float64 on the
        CPU; and the images of a large batch.

    Raises:
        ValueError: the set does not hold two small batches.
    """
    parts = min(small_in_large, len(batches) // batch_size)
    if parts < 2:
        raise ValueError(
            f"{len(batches)} training images are less than two batches of {batch_size}."
        )
    small, large = [], []
    with unchanged(replica, batches):
        replica.model.train()
        for layer in norm_layers(replica.model):
            layer.eval()
        for _ in range(draws):
            order = torch.randperm(len(batches), generator=generator)[: parts * batch_size]
            chosen = order.to(batches.index_device).view(parts, batch_size)
            gradients = (replica.gradient(batches, index) for index in chosen)
            total = next(gradients)
            squares = [square(total)]
            for gradient in gradients:
                squares.append(square(gradient))
                total = [mine + theirs for mine, theirs in zip(total, gradient, strict=True)]
            small.append(torch.stack(squares).mean())
            large.append(square(total) / parts**2)
    return torch.stack(small).cpu(), torch.stack(large).cpu(), parts * batch_size


def square(gradient: list[torch.Tensor]) -> torch.Tensor:
    """Return the squared norm of a gradient, in float64."""
    return torch.stack([part.double().square().sum() for part in gradient]).sum()
