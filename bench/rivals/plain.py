"""The plain loop as people write it: NCHW, Adam, a DataLoader, the loss printed now and then."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from bench.rivals.network import loaders, network
from bench.rivals.task import EVALUATIONS_AN_EPOCH, WARM_UP_STEPS, Answer, give, read_task

PRINTED_EVERY = 50


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@torch.inference_mode()
def evaluated(
    model: nn.Module, loader: DataLoader[Any], device: torch.device
) -> tuple[float, float]:
    """Return mean loss and accuracy over the images of `loader`."""
    model.eval()
    loss, right, count = 0.0, 0, 0
    for images, labels in loader:
        images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        logits = model(images)
        loss += functional.cross_entropy(logits, labels, reduction="sum").item()
        right += int((logits.argmax(1) == labels).sum())
        count += len(labels)
    model.train()
    return loss / count, right / count


def main() -> None:
    """Train, and tell the times."""
    task = read_task()
    device = torch.device(task.device)
    torch.manual_seed(0)
    train, val = loaders(task)
    model = network(task.model).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    every = max(1, len(train) // EVALUATIONS_AN_EPOCH)
    steps, images_seen, evaluating, evaluations, accuracy = 0, 0, 0.0, 0, 0.0
    began = time.perf_counter()
    for epoch in range(task.epochs):
        for number, (images, labels) in enumerate(train):
            images = images.to(device, non_blocking=True)
            labels = labels.to(device, non_blocking=True)
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            steps += 1
            images_seen += len(labels)
            if steps == WARM_UP_STEPS:
                synchronise(device)
                began, images_seen = time.perf_counter(), 0
            if steps % PRINTED_EVERY == 0:
                print(f"epoch {epoch} step {number} loss {loss.item():.4f}", flush=True)
            if (number + 1) % every == 0:
                synchronise(device)
                before = time.perf_counter()
                val_loss, accuracy = evaluated(model, val, device)
                evaluating += time.perf_counter() - before
                evaluations += 1
                print(f"epoch {epoch} val_loss {val_loss:.4f} accuracy {accuracy:.4f}", flush=True)
    synchronise(device)
    training = time.perf_counter() - began - evaluating
    count = evaluations * len(val.dataset)  # type: ignore[arg-type]
    give(task, Answer(training, images_seen, evaluating, count, accuracy))


if __name__ == "__main__":
    main()
