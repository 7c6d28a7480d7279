"""Batches for the loop: what it asks of a data set on the device, and which kind a set becomes."""

from __future__ import annotations

from typing import Protocol

import torch


class Batches(Protocol):
    """Images on, or streamed to, a device."""

    def batch(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return normalised images (b, c, h, w) and labels (b,) of `index` (b,), without waiting."""
        ...

    def __len__(self) -> int:
        """Return the number of images."""
        ...
