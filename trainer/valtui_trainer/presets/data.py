"""What a preset calls its data: a set by its name, or a path."""

from __future__ import annotations

from pathlib import Path

NAMED_DATA = ("mnist5k", "MNIST", "FashionMNIST", "CIFAR10", "CIFAR100", "SVHN")
"""Data sets that a preset names, in any case; each wins over a file or folder of that name."""


def from_anywhere(data: str) -> str:
    """Return `data` so that it means the same in every folder: a name, or the full path of what is there."""
    if data.strip().lower() in map(str.lower, NAMED_DATA):
        return data
    try:
        path = Path(data.strip()).expanduser()
        return str(path.resolve()) if data.strip() and path.exists() else data
    except (OSError, ValueError, RuntimeError):  # no path at all; the reader of the data says so
        return data
