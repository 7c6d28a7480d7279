"""What people write before they train: the network, the data set, its transforms and loaders. No valtui."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from bench.rivals.task import EVALUATED_AT_ONCE, Task


def network(name: str) -> nn.Sequential:
    """Return the network of a task for grey images of 28x28 and ten classes."""
    if name == "seed-cnn":
        return nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(5408, 10)
        )
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1568, 10),
    )  # fmt: skip


class Digits(Dataset[tuple[torch.Tensor, int]]):
    """One part of the data, an image at a time, as torchvision's MNIST gives it."""

    def __init__(self, data: Any, part: str, transform: transforms.Compose) -> None:
        """Take the `part` of `data`."""
        self._images = data[f"{part}_images"][..., 0]
        self._labels = data[f"{part}_labels"]
        self._transform = transform

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Return an image (1, 28, 28) and its label."""
        return self._transform(Image.fromarray(self._images[index])), int(self._labels[index])


def loaders(task: Task) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Return the loaders of training and validation part."""
    data = np.load(task.data)
    tensor = [
        transforms.ToTensor(),
        transforms.Normalize([float(data["mean"])], [float(data["deviation"])]),
    ]
    changes = [
        transforms.RandomAffine(degrees=20, translate=(0.2, 0.2)),
        transforms.RandomHorizontalFlip(),
    ]
    augmented = changes if task.augmented else []
    settings: dict[str, Any] = {
        "num_workers": task.workers,
        "persistent_workers": task.workers > 0,
        "pin_memory": task.device != "cpu",
    }
    train = Digits(data, "train", transforms.Compose([*augmented, *tensor]))
    val = Digits(data, "val", transforms.Compose(tensor))
    return (
        DataLoader(train, batch_size=task.batch_size, shuffle=True, **settings),
        DataLoader(val, batch_size=EVALUATED_AT_ONCE, **settings),
    )
