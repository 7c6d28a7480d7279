"""What arrays must satisfy before anything trains on them; each failure is one sentence."""

from __future__ import annotations

import numpy as np

from valtui_trainer.training.data.arrays import AnyArray, Images, Integers, Parts, Pixels
from valtui_trainer.training.data.errors import DataError, some

LARGEST_LABEL = 100_000


def as_pixels(array: AnyArray, where: str) -> Pixels:
    """Return images as uint8 (n, h, w, c).

    Args:
        array: (n, h, w) or (n, h, w, 1 or 3), uint8, or floats from 0 to 1.
        where: file and array, for the sentence.

    Raises:
        DataError: another shape, type or range.
    """
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in (1, 3):
        hint = ""
        if array.ndim == 4 and array.shape[1] in (1, 3):
            hint = " The channels come first here: save images.transpose(0, 2, 3, 1)."
        raise DataError(
            f"{where} has the shape {tuple(array.shape)}; images must be (n, height, width) or "
            f"(n, height, width, 1 or 3).{hint}"
        )
    if 0 in array.shape:
        raise DataError(f"{where} has the shape {tuple(array.shape)}: it holds no images.")
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f":
        raise DataError(
            f"{where} has the type {array.dtype}; images must be uint8 (0 to 255) or floats from 0 "
            "to 1. Save them with .astype('uint8')."
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and high <= 1.0):
        found = "values that are not numbers" if np.isnan(low) else f"values {low:g} to {high:g}"
        raise DataError(
            f"{where} holds floats with {found}; floats must lie between 0 and 1. "
            "Rescale them, or save uint8 from 0 to 255."
        )
    return np.rint(array * 255.0).astype(np.uint8)


def as_labels(array: AnyArray, count: int, where: str) -> Integers:
    """Return labels as int64 (n,).

    Args:
        array: integers (n,) or (n, 1).
        count: images of the same part.
        where: file and array, for the sentence.

    Raises:
        DataError: another shape or type, a negative label, or not one label an image.
    """
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        hint = " For one-hot rows save labels.argmax(1)." if array.ndim == 2 else ""
        raise DataError(
            f"{where} has the shape {tuple(array.shape)}; labels must be (n,) or (n, 1).{hint}"
        )
    if array.dtype.kind not in "iub":
        raise DataError(
            f"{where} has the type {array.dtype}; labels must be integers. "
            "Save them with .astype('int64')."
        )
    if len(array) != count:
        raise DataError(f"{where} has {len(array):,} labels for {count:,} images; they must match.")
    labels = array.astype(np.int64)
    if labels.min() < 0:
        first = int(np.argmax(labels < 0))
        raise DataError(
            f"{where} has the label {labels[first]} at index {first}; labels count from 0."
        )
    if labels.max() > LARGEST_LABEL:
        first = int(np.argmax(labels > LARGEST_LABEL))
        raise DataError(
            f"{where} has the label {labels[first]} at index {first}; classes are numbered from 0 "
            "without gaps."
        )
    return labels


def check_parts(parts: Parts) -> Parts:
    """Return `parts` if their sizes, channels and classes go together.

    Raises:
        DataError: they do not, or the training part lacks a class.
    """
    source, train = parts.source, parts.train
    counts = np.bincount(train.labels)
    if len(counts) < 2:
        raise DataError(
            f"{source}: the training part holds one class only; a classifier needs at least two."
        )
    absent = np.flatnonzero(counts == 0)
    if len(absent):
        raise DataError(
            f"{source}: training labels run up to {len(counts) - 1}, but no training image has the "
            f"label {some([str(label) for label in absent])}. Number the classes from 0 without "
            "gaps."
        )
    if len(train.names) != len(counts):
        raise DataError(
            f"{source}: there are {len(train.names)} class names for {len(counts)} classes in the "
            "training part; name each class once."
        )
    for name, part in parts.given()[1:]:
        _check_beside(source, train, name, part)
    return parts


def _check_beside(source: str, train: Images, name: str, part: Images) -> None:
    if part.shape != train.shape:
        raise DataError(
            f"{source}: {name} images are {size_text(part)}, training images {size_text(train)}; "
            "bring them to one size."
        )
    unknown = np.flatnonzero(part.labels >= len(train.names))
    if len(unknown):
        first = int(unknown[0])
        raise DataError(
            f"{source}: the {name} part has the label {part.labels[first]} at index {first}, a class "
            f"that is absent from the training part (labels 0 to {len(train.names) - 1}). Add "
            f"training images of it, or remove it from {name}."
        )


def size_text(part: Images) -> str:
    """Return height, width and kind of images, for a sentence."""
    height, width, channels = part.shape
    return f"{height}x{width} {'grey' if channels == 1 else 'colour'}"
