"""What a tool under measurement does, and the figures that all of them write."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

Row = dict[str, float]
Arrays = dict[str, np.ndarray]

FIGURES = (
    "time", "epoch", "train_loss", "train_loss_min", "train_loss_max", "learning_rate", "grad_norm",
    "images_per_second",
)  # fmt: skip
SERIES = ("train_loss", "learning_rate", "grad_norm", "images_per_second")


class Tool(Protocol):
    """One way to keep a log.

    Attributes:
        precision: how much of a figure may be lost; 0: nothing.
    """

    name: str
    precision: float

    def begin(self, folder: Path) -> None:
        """Open a new log in `folder`."""

    def add(self, row: Row) -> None:
        """Log one step."""

    def end(self) -> None:
        """Close the log."""

    def read(self, folder: Path) -> Arrays:
        """Return the columns of the log in `folder`."""

    def size(self, folder: Path) -> int:
        """Return the bytes of the log."""


def write(tool: Tool, rows: Iterable[Row], folder: Path) -> float:
    """Write `rows` one by one; return the seconds, its closing with them, its opening not."""
    tool.begin(folder)
    began = time.perf_counter()
    for row in rows:
        tool.add(row)
    tool.end()
    return time.perf_counter() - began


def read(tool: Tool, figures: Arrays, count: int, folder: Path) -> float:
    """Return the seconds that reading took, if the `count` first of `figures` came back."""
    began = time.perf_counter()
    found = tool.read(folder)
    seconds = time.perf_counter() - began
    for name, values in found.items():
        wanted = figures[name][:count]
        if len(values) != count or not np.allclose(values, wanted, rtol=tool.precision, atol=0.0):
            raise AssertionError(f"{tool.name}: {name} did not come back as it was written")
    return seconds


def make_figures(count: int) -> Arrays:
    """Return made-up figures of `count` steps, shape (count,) each."""
    chance = np.random.default_rng(0)
    step = np.arange(1, count + 1)
    loss = 2.3 * chance.lognormal(0.0, 0.1, count)
    return {
        "step": step, "time": step / 50, "epoch": step / 125, "train_loss": loss,
        "train_loss_min": 0.9 * loss, "train_loss_max": 1.1 * loss,
        "learning_rate": 1e-3 * (1 - step / (count + 1)), "grad_norm": chance.random(count),
        "images_per_second": 1500 + chance.random(count),
    }  # fmt: skip


def rows_of(figures: Arrays, count: int) -> Iterator[Row]:
    """Yield the first `count` rows, as plain numbers."""
    for begin in range(0, count, 10_000):
        part = [figures[name][begin : min(begin + 10_000, count)].tolist() for name in figures]
        for values in zip(*part, strict=True):
            yield dict(zip(figures, values, strict=True))


def bytes_in(folder: Path) -> int:
    """Return the bytes of all files in `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
