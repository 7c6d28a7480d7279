"""Tensors of several replicas in one, a row each; and the word for what cannot be stacked."""

from __future__ import annotations

from collections.abc import Sequence

import torch


class CannotStackError(Exception):
    """These replicas cannot be trained in one go; the text says why."""


def rows_like(one: torch.Tensor, count: int, device: torch.device) -> torch.Tensor:
    """Return memory (count, …) on `device` of which each row has shape, type and memory order of `one`.

    `one` must be dense: no gaps, nothing overlapping.
    """
    return torch.empty_strided(
        (count, *one.shape), (one.numel(), *one.stride()), dtype=one.dtype, device=device
    )


def stacked(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return `tensors` in one (K, …), each row in the memory order of the first, detached."""
    first = tensors[0].detach()
    whole = rows_like(torch.empty_like(first), len(tensors), first.device)
    for row, tensor in zip(whole, tensors, strict=True):
        row.copy_(tensor.detach())
    return whole
