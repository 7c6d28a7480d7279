"""torchvision's sets by name, from a local root, downloaded where the network allows. Loads torch late."""

from __future__ import annotations

import contextlib
import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from valtui_trainer.session.safe import safe
from valtui_trainer.training.data.arrays import Images, Parts
from valtui_trainer.training.data.checks import check_parts
from valtui_trainer.training.data.errors import DataError

LIES_AT = {
    "MNIST": "MNIST/raw/train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, "
    "t10k-labels-idx1-ubyte",
    "FashionMNIST": "FashionMNIST/raw/train-images-idx3-ubyte, train-labels-idx1-ubyte, "
    "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte",
    "CIFAR10": "cifar-10-batches-py/",
    "CIFAR100": "cifar-100-python/",
    "SVHN": "train_32x32.mat, test_32x32.mat",
}
TIMEOUT_SECONDS = 10.0


def load_torchvision(name: str, root: Path, *, download: bool = True) -> Parts:
    """Return the training and test part of the set `name` (a key of LIES_AT).

    Raises:
        DataError: its files are not under `root` and cannot be downloaded, or they are damaged.
    """
    parts = {}
    for part, train in (("train", True), ("test", False)):
        parts[part] = _convert(name, _dataset(name, root, train, download))
    return check_parts(Parts(parts["train"], None, parts["test"], name))


def _dataset(name: str, root: Path, train: bool, download: bool) -> Any:
    try:
        return _open(name, root, train, download=False)
    except DataError:
        raise
    except Exception as missing:
        if not download:
            raise DataError(_absent(name, root, "and downloading is off", missing)) from None
    try:
        with _short_timeout(), _private():
            return _open(name, root, train, download=True)
    except Exception as error:
        raise DataError(
            _absent(name, root, "and it cannot be downloaded from here", error)
        ) from None


def _open(name: str, root: Path, train: bool, *, download: bool) -> Any:
    try:
        from torchvision import datasets
    except ImportError as error:
        raise DataError(f"{name} needs torchvision, which cannot be imported ({error}).") from None
    which: dict[str, Any] = {"train": train}
    if name == "SVHN":
        which = {"split": "train" if train else "test"}
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        return getattr(datasets, name)(str(root), download=download, **which)


def _convert(name: str, dataset: Any) -> Images:
    pixels = np.asarray(dataset.data)
    labels = np.asarray(dataset.labels if name == "SVHN" else dataset.targets).astype(np.int64)
    if name == "SVHN":
        pixels = pixels.transpose(0, 2, 3, 1)
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    digits = tuple(str(digit) for digit in range(10))
    names = digits if name in ("SVHN", "MNIST") else tuple(str(entry) for entry in dataset.classes)
    return Images(np.ascontiguousarray(pixels, dtype=np.uint8), labels, names)


def _absent(name: str, root: Path, why: str, error: Exception) -> str:
    reason = safe(str(error).strip().split("\n")[0], 160) or type(error).__name__
    return (
        f"{name} is not under {root}, {why} ({reason}). Put its files there: {LIES_AT[name]}; "
        "or use mnist5k, which needs no download."
    )


@contextlib.contextmanager
def _short_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def _private() -> Iterator[None]:
    """Let what is downloaded into our home be for this user alone, whatever the umask."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
