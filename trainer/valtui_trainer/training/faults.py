"""Mistakes made on purpose: what the `[fault]` table of a `planted-…` preset does to data and evaluation.

The diagnosis is tested against them. Each draws from streams of its own, so that a run with a fault
and one without see the same split, weights and orders.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from valtui_trainer.presets.types import Fault
from valtui_trainer.training import generators
from valtui_trainer.training.augment import Augmentation
from valtui_trainer.training.data.arrays import Images, Integers
from valtui_trainer.training.data.digests import digest_of
from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.data.split import Split, shuffled_rows
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.generators import seed_of

NONE = Fault()
CHANGE = Augmentation(rotation=20.0, shift_x=0.1, shift_y=0.1)
"""How far `validation = "augmented"` turns and shifts: a usual augmentation of training images."""


def inject(found: Split, fault: Fault, split_seed: int) -> Split:
    """Return the split with the mistakes of `fault` in its data, under its new digest.

    First overlap, then wrong labels, then order; the test part is never touched. An exchanged image
    keeps the index of the one whose place it took.

    Raises:
        DataError: labels are to be wrong where there is only one class.
    """
    if not (fault.overlap or fault.wrong_labels or fault.sorted_by_class):
        return found
    train, val, train_index = found.train, found.val, found.train_index
    if fault.overlap:
        val = overlapping(val, train, fault.overlap, split_seed)
    if fault.wrong_labels:
        val = mislabelled(val, fault, split_seed)
    if fault.sorted_by_class:
        order = np.argsort(train.labels, kind="stable")
        train, train_index = train.take(order), train_index[order]
    named = [("train", train), ("val", val)]
    if found.test is not None:
        named.append(("test", found.test))
    return replace(found, train=train, val=val, train_index=train_index, digest=digest_of(named))


def overlapping(val: Images, train: Images, share: float, split_seed: int) -> Images:
    """Return `val` with round(share·n) of its images, and their labels, exchanged for training images."""
    count = round(share * len(val))
    rows = shuffled_rows(len(val), split_seed, "fault:overlap")[:count]
    sources = shuffled_rows(len(train), split_seed, "fault:overlap:train")
    taken = np.resize(sources, count)  # a training set smaller than that is gone through again
    images, labels = val.images.copy(), val.labels.copy()
    images[rows], labels[rows] = train.images[taken], train.labels[taken]
    return Images(images, labels, val.names)


def wrong_rows(n: int, fault: Fault, split_seed: int) -> Integers:
    """Return which of `n` validation samples `fault` gives a wrong label, ascending, int64."""
    order = shuffled_rows(n, split_seed, "fault:wrong_labels")
    return np.sort(order[: round(fault.wrong_labels * n)])


def mislabelled(val: Images, fault: Fault, split_seed: int) -> Images:
    """Return `val` with another class, drawn evenly, as label of the samples in `wrong_rows`."""
    classes = len(val.names)
    if classes < 2:
        raise DataError("fault.wrong_labels needs two classes or more; these data have one.")
    rows = wrong_rows(len(val), fault, split_seed)
    stream = np.random.PCG64(seed_of(split_seed, "fault:wrong_labels:class"))
    words = np.asarray(stream.random_raw(len(rows)), dtype=np.uint64)
    labels = val.labels.copy()
    labels[rows] = (labels[rows] + 1 + (words % np.uint64(classes - 1)).astype(np.int64)) % classes
    return Images(val.images, labels, val.names)


class Faulty:
    """A validation set that is another each time it is asked: images changed, or samples drawn anew.

    `augmented`: each batch is turned and shifted at random. `resampled`: each batch is drawn from the
    whole set with replacement, whatever its index, so that an evaluation is a bootstrap sample and
    row i of its losses is no longer sample i. All seeds of a run draw from one stream.

    Attributes:
        device: where batches come out.
        index_device: where indices are best kept.
        generator: what it draws from, on the CPU; its state belongs into checkpoints.
    """

    def __init__(self, batches: Batches, fault: Fault, seed: int) -> None:
        """Change what `batches` gives, drawing from the source `fault` of `seed`."""
        self.device = batches.device
        self.index_device = batches.index_device
        self.generator = generators.named(seed, "fault")
        self._seed = seed
        self._batches = batches
        self._resampled = fault.validation == "resampled"

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._batches)

    def rewind(self) -> None:
        """Draw from the beginning of the stream again."""
        self.generator.set_state(generators.named(self._seed, "fault").get_state())

    def batch(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return as many images and labels as `index` (b,) has entries."""
        if self._resampled:
            drawn = torch.randint(len(self), (len(index),), generator=self.generator)
            return self._batches.batch(drawn.to(self.index_device))
        images, labels = self._batches.batch(index)
        return CHANGE(images, self.generator), labels


def evaluated(batches: Batches, fault: Fault, seed: int) -> Batches:
    """Return the validation set as a run with `fault` evaluates it: `batches` itself without one."""
    return batches if fault.validation == "sound" else Faulty(batches, fault, seed)


def rewind(batches: Batches) -> None:
    """Let the fault of a validation set, if it has one, begin anew: trials before a run count for nothing."""
    if isinstance(batches, Faulty):
        batches.rewind()


def state_of(batches: Batches) -> torch.Tensor | None:
    """Return what a checkpoint must hold for the fault of a validation set to go on: None without one."""
    return batches.generator.get_state() if isinstance(batches, Faulty) else None


def load_state(batches: Batches, state: torch.Tensor | None) -> None:
    """Let the fault of a validation set go on where `state` was taken."""
    if isinstance(batches, Faulty) and state is not None:
        batches.generator.set_state(state)
