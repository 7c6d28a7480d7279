"""What a session keeps of somebody else's validation images: small pictures, labels, digests."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from valtui_trainer.training.data.arrays import Images
from valtui_trainer.training.data.validation_set import describe

MOST_PIXELS = 256_000_000


def described(
    images: list[torch.Tensor], labels: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
) -> dict[str, Any]:
    """Return what a session keeps of validation images (b, c, h, w), or of their labels alone.

    Values are spread over what the set holds from its least to its largest.
    """
    pixels = grey_or_colour(images)
    names = tuple(str(number) for number in range(int(labels.max(initial=0)) + 1))
    if pixels is None or len(pixels) != len(labels):
        blank = np.zeros((len(labels), 1, 1, 1), np.uint8)
        arrays = describe(Images(blank, labels, names), np.arange(len(labels)))
        del arrays["thumbnail"]
        return arrays
    return describe(Images(pixels, labels, names), np.arange(len(labels)))


def grey_or_colour(images: list[torch.Tensor]) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
    """Return images as uint8 (n, h, w, 1 or 3), or None where they are none, or too many to keep."""
    if not images or any(one.shape[1:] != images[0].shape[1:] for one in images):
        return None
    if images[0].ndim != 4 or images[0].shape[1] not in (1, 3):
        return None
    if sum(one.numel() for one in images) > MOST_PIXELS:
        return None
    values = torch.cat(images).float()
    least, largest = values.amin(), values.amax()
    scaled = (values - least) / (largest - least).clamp_min(1e-12)
    return (255 * scaled).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
