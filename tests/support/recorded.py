"""Training loops as people write them, on a few real digits, with a Recorder in them or without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, TensorDataset

from valtui_trainer import Recorder

Step = Callable[["Loop", int], None]


class Augmented(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Images with noise that torch's own generator draws each time they are asked for."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.images[row]
        return image + 0.1 * torch.randn(image.shape), self.labels[row]


def parts(digits: Path) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return the parts of the digits as tensors."""
    arrays = np.load(digits)
    found = {}
    for part in ("train", "val"):
        images = torch.from_numpy(arrays[f"{part}_images"]).float() / 255
        labels = arrays[f"{part}_labels"].reshape(-1).astype(np.int64)
        found[part] = images.unsqueeze(1), torch.from_numpy(labels)
    return found


class Loop:
    """Trains a tiny network with BatchNorm and dropout, and calls `each` after every step."""

    def __init__(self, digits: Path, *, augmented: bool = False, seed: int = 0) -> None:
        torch.manual_seed(seed)
        data = parts(digits)
        kind = Augmented if augmented else TensorDataset
        self.train_loader = DataLoader(kind(*data["train"]), batch_size=32, shuffle=True)
        self.val_loader = DataLoader(TensorDataset(*data["val"]), batch_size=50)
        body = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()
        )
        width = body(data["val"][0][:2]).shape[1]
        self.model = nn.Sequential(body, nn.Dropout(0.3), nn.Linear(width, 10))
        self.optimizer = torch.optim.Adam(self.model.parameters(), 3e-3)
        self.losses: list[float] = []

    def run(self, epochs: int, each: Step = lambda _, __: None) -> list[float]:
        """Train; return the loss of each step."""
        for _ in range(epochs):
            for images, labels in self.train_loader:
                self.model.train()
                loss = functional.cross_entropy(self.model(images), labels)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.losses.append(loss.item())
                each(self, len(self.losses))
        return self.losses


def recording(recorder: Recorder, every: int = 5) -> Step:
    """Return what a loop does after each step to be recorded."""

    def each(loop: Loop, step: int) -> None:
        recorder.log_train(step, loop.losses[-1], learning_rate=3e-3, images=32)
        if step % every == 0:
            recorder.evaluate(
                loop.model, loop.val_loader, step=step, train_loader=loop.train_loader
            )

    return each
