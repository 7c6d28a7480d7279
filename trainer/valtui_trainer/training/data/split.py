"""Training, validation and test part of a source: seeded, stratified, and the same for ever.

The order within a class comes from the raw words of PCG64, whose stream numpy guarantees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from valtui_trainer.training.data.arrays import Images, Integers, Parts
from valtui_trainer.training.data.digests import digest_of
from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.generators import seed_of

SHARE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The three parts a run works with; the indices are ascending.

    Attributes:
        train: what is trained on; the same for every `val_size`.
        val: what the run is judged by.
        test: what the best checkpoint is judged by at the end, if there is any.
        train_index: int64, rows of `train` in the source's training part.
        val_index: rows of `val` in the source's validation part, or in its training part where the
            source gives no validation part.
        test_index: likewise for `test`; None without one.
        digest: 16 hexadecimal digits of all three, in order.
    """

    train: Images
    val: Images
    test: Images | None
    train_index: Integers
    val_index: Integers
    test_index: Integers | None
    digest: str


def split(parts: Parts, *, split_seed: int, val_size: int | None = None) -> Split:
    """Split `parts`: what the source gives is kept; otherwise a tenth each of the training part.

    Args:
        parts: only training images: 80, 10 and 10 %. With a test part: a tenth for validation.
        split_seed: another seed, another split.
        val_size: so many of the validation images, stratified; a smaller choice lies within a larger.

    Raises:
        DataError: `val_size` is below 1 or above what there is, or there are too few images.
    """
    everything = np.arange(len(parts.train), dtype=np.int64)
    train_index, val_index, test_index = everything, None, None
    if parts.val is None:
        train_index, val_index, test_index = _carve(parts, split_seed, parts.test is None)
    val_source = parts.train if parts.val is None else parts.val
    if val_index is None:
        val_index = np.arange(len(val_source), dtype=np.int64)
    if val_size is not None:
        _check_size(val_size, len(val_index), parts.source)
        order = nested_order(val_source.labels[val_index], split_seed)
        val_index = np.sort(val_index[order[:val_size]])
    test = parts.test
    if test_index is not None:
        test = parts.train.take(test_index)
    elif test is not None:
        test_index = np.arange(len(test), dtype=np.int64)
    train = parts.train if parts.val is not None else parts.train.take(train_index)
    val = val_source.take(val_index)
    named = [("train", train), ("val", val), *([("test", test)] if test is not None else [])]
    return Split(train, val, test, train_index, val_index, test_index, digest_of(named))


def apportion(counts: Integers, size: int, most: Integers) -> Integers:
    """Divide `size` among classes in proportion to `counts`, by largest remainder.

    Each class gets at least one where `size` suffices and `most` allows it, and never more than
    `most`. All int64 (classes,); the result sums to `size`, or to `most` if that is less.
    """
    size = min(size, int(most.sum()))
    quota = size * counts / max(1, int(counts.sum()))
    least = np.minimum(most, 1)
    if least.sum() > size:
        least = np.zeros_like(least)
    given = np.clip(np.floor(quota).astype(np.int64), least, most)
    while given.sum() < size:
        lack = np.where(given < most, quota - given, -np.inf)
        given[np.argmax(lack)] += 1
    while given.sum() > size:
        surplus = np.where(given > least, given - quota, -np.inf)
        given[np.argmax(surplus)] -= 1
    return given


def nested_order(labels: Integers, split_seed: int) -> Integers:
    """Return an order of the rows of `labels` (n,) of which every beginning is stratified.

    First one image of each class, the most frequent first; then always the class that Webster's
    method gives the next seat. Largest remainders would not nest.
    """
    counts = np.bincount(labels)
    key = np.empty(len(labels))
    shuffled = shuffled_rows(len(labels), split_seed, "split:val_size")
    for label in np.flatnonzero(counts):
        rows = shuffled[labels[shuffled] == label]
        key[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
        key[rows[0]] = -counts[label]
    return np.lexsort((labels, key)).astype(np.int64)


def shuffled_rows(count: int, split_seed: int, source: str) -> Integers:
    """Return the numbers below `count` in an order fixed by seed and source, the same for ever."""
    words = np.random.PCG64(seed_of(split_seed, source)).random_raw(count)
    return np.argsort(words, kind="stable").astype(np.int64)


def _carve(
    parts: Parts, split_seed: int, with_test: bool
) -> tuple[Integers, Integers, Integers | None]:
    """Return ascending rows of the training part for training, validation and (if asked) test."""
    labels = parts.train.labels
    counts = np.bincount(labels, minlength=len(parts.train.names)).astype(np.int64)
    size = max(1, round(SHARE * len(labels)))
    val_counts = apportion(counts, size, np.maximum(counts - 1, 0))
    left = counts - val_counts
    test_counts = apportion(counts, size, np.maximum(left - 1, 0)) if with_test else None
    if val_counts.sum() < 1 or (test_counts is not None and test_counts.sum() < 1):
        raise DataError(
            f"{parts.source}: {len(labels)} images are too few to split; a validation part needs a "
            "class with three images or more. Add images, or give a validation part."
        )
    shuffled = shuffled_rows(len(labels), split_seed, "split")
    which = np.zeros(len(labels), dtype=np.int8)
    for label in np.flatnonzero(counts):
        rows = shuffled[labels[shuffled] == label]
        end = int(val_counts[label])
        which[rows[:end]] = 1
        if test_counts is not None:
            which[rows[end : end + int(test_counts[label])]] = 2
    train, val, test = (np.flatnonzero(which == part).astype(np.int64) for part in range(3))
    return train, val, test if with_test else None


def _check_size(val_size: int, available: int, source: str) -> None:
    if not 1 <= val_size <= available:
        raise DataError(
            f"val_size is {val_size:,}, but {source} gives {available:,} validation images; choose 1 "
            f"to {available:,}, or leave it out for all."
        )
