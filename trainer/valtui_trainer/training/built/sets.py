"""Somebody's data sets as batches by index: kept on the device where items never change, else asked for each time."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch.utils.data import DataLoader

from valtui_trainer.training.built.batches import SEED, differs, images_and_labels
from valtui_trainer.training.built.load import size_of
from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.feeding import Batches

LOOKED_AT = 4
CHUNK = 256


class TensorSet:
    """Images that live on the device as they were made."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, device: torch.device) -> None:
        """Put `images` (n, c, h, w) and `labels` (n,) on `device`."""
        self.device = self.index_device = device
        self.images, self.labels = images.to(device), labels.to(device)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def batch(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return images (b, c, h, w) and labels (b,) of `index` (b,)."""
        index = index.to(self.device, non_blocking=True)
        return self.images.index_select(0, index), self.labels.index_select(0, index)


class ItemSet:
    """Images that are asked for item by item, as those of a set that augments; torch's generator draws."""

    def __init__(self, loader: DataLoader[Any], device: torch.device) -> None:
        """Ask the set of `loader`, put items together as it does, and bring them to `device`."""
        self.device = device
        self.index_device = torch.device("cpu")
        self._loader = loader
        torch.manual_seed(SEED)

    def __len__(self) -> int:
        """Return the number of images."""
        return size_of(self._loader)

    def batch(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return images (b, c, h, w) and labels (b,) of `index` (b,)."""
        images, labels = taken(self._loader, index.tolist())
        return images.to(self.device), labels.to(self.device)


def taken(loader: DataLoader[Any], rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the items `rows` of a loader's set as its `collate_fn` puts them together.

    Raises:
        DataError: they are no images with labels.
    """
    data = cast(Any, loader.dataset)
    try:
        images, labels = images_and_labels(loader.collate_fn([data[row] for row in rows]))
    except ValueError as error:
        raise DataError(f"The data set cannot be used: {error}.") from None
    if not isinstance(images, torch.Tensor) or images.ndim != 4:
        raise DataError("The data set gives no images (channels, height, width) as tensors.")
    return images, labels.long()


def whole(loader: DataLoader[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all items of a loader's set, in their order."""
    count = size_of(loader)
    if not count:
        raise DataError("A data set is empty.")
    parts = [
        taken(loader, list(range(at, min(at + CHUNK, count)))) for at in range(0, count, CHUNK)
    ]
    return torch.cat([images for images, _ in parts]), torch.cat([labels for _, labels in parts])


def training_batches(loader: DataLoader[Any], device: torch.device, room: int) -> Batches:
    """Return the training set of `loader`, on the device where it fits `room` bytes and nothing changes."""
    rows = list(range(min(LOOKED_AT, size_of(loader))))
    first, _ = taken(loader, rows)
    bytes_in_all = first.nbytes // max(1, len(rows)) * size_of(loader)
    if differs(loader, rows, first) or bytes_in_all > room:
        return ItemSet(loader, device)
    return TensorSet(*whole(loader), device)
