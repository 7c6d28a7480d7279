"""What the loop asks of a data set, wherever its images lie."""

from __future__ import annotations

from typing import Protocol

import torch


class Batches(Protocol):
    """Images on, or streamed to, a device.

    Attributes:
        device: where batches come out.
        index_device: where indices are best kept: others would have to be waited for.
    """

    device: torch.device
    index_device: torch.device

    def batch(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return normalised images (b, c, h, w) and labels (b,) of `index` (b,), without waiting."""
        ...

    def __len__(self) -> int:
        """Return the number of images."""
        ...
