"""A training as somebody writes it, with a function that builds it; run as a script it records itself."""

import os
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from valtui_trainer import Recorder

DIGITS = "DIGITS.npz"
DEVICE = os.environ.get("DEVICE", "cpu")


def part(name):
    arrays = np.load(DIGITS)
    images = torch.from_numpy(arrays[f"{name}_images"]).float().unsqueeze(1) / 255
    return TensorDataset(images, torch.from_numpy(arrays[f"{name}_labels"].astype(np.int64)))


def build():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2),
        nn.Linear(144, 10),
    ).to(DEVICE)  # fmt: skip
    return {
        "model": model,
        "train_loader": DataLoader(part("train"), batch_size=16, shuffle=True),
        "val_loader": DataLoader(part("val"), batch_size=50),
        "optimizer": torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-3),
    }


def train(recorder, made, epochs):
    model, optimizer, step = made["model"], made["optimizer"], 0
    for _ in range(epochs):
        for images, labels in made["train_loader"]:
            model.train()
            loss = functional.cross_entropy(model(images.to(DEVICE)), labels.to(DEVICE))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if recorder is not None:
                recorder.log_train(step, loss, images=len(labels))
                if step % 5 == 0:
                    recorder.evaluate(
                        model, made["val_loader"], step=step, train_loader=made["train_loader"],
                        optimizer=optimizer,
                    )  # fmt: skip


def main(epochs):
    torch.manual_seed(0)
    made = build()
    with Recorder(
        "mine", build=build, steps_per_epoch=len(made["train_loader"]), settings={"lr": 3e-3},
        checkpoint_seconds=0.0,
    ) as recorder:  # fmt: skip
        train(recorder, made, epochs)


if __name__ == "__main__":
    main(int(sys.argv[1]))
