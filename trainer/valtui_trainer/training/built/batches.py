"""Batches of somebody else's loaders: taken apart, and a fixed part of a training set beside its loader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from valtui_trainer.training.lenses.batchnorm import SUBSET

IMAGES = ("pixel_values", "image", "images", "img", "x", "input", "inputs", "data")
LABELS = ("labels", "label", "target", "targets", "y")
SEED = 20_261_126
"""Of the part of the training set, and of what its items draw: the same at each evaluation."""


@dataclass(frozen=True, slots=True)
class Part:
    """A fixed part of a training set, in the loader's own batches.

    Attributes:
        batches: images and labels, on the CPU.
        random: whether its items differ from one time to the next, as augmented ones do.
    """

    batches: list[tuple[Any, torch.Tensor]]
    random: bool


def images_and_labels(batch: Any) -> tuple[Any, torch.Tensor]:
    """Return the two parts of a loader's batch: a pair, or a mapping with names that say it.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(batch, Mapping):
        images = next((batch[name] for name in IMAGES if name in batch), None)
        labels = next((batch[name] for name in LABELS if name in batch), None)
        if images is not None and labels is not None:
            return images, torch.as_tensor(labels).reshape(-1)
        raise ValueError(
            f"a batch has no images and labels; its keys are {sorted(map(str, batch))}"
        )
    if isinstance(batch, Sequence) and len(batch) >= 2:
        return batch[0], torch.as_tensor(batch[1]).reshape(-1)
    raise ValueError("a batch is neither (images, labels) nor a mapping with both")


def to_device(images: Any, device: torch.device) -> Any:
    """Return images on `device`: a tensor, or whatever else with a `to`."""
    return images.to(device, non_blocking=True) if hasattr(images, "to") else images


def logits_of(output: Any) -> torch.Tensor:
    """Return the logits (b, classes) that a model's output holds.

    Raises:
        ValueError: it holds none.
    """
    if isinstance(output, Mapping):
        output = output.get("logits")
    elif not isinstance(output, torch.Tensor):
        output = getattr(output, "logits", output[0] if isinstance(output, tuple) else None)
    if not isinstance(output, torch.Tensor) or output.ndim != 2:
        raise ValueError("the model's output is no tensor of logits (batch, classes)")
    return output


def fixed_part(loader: Iterable[Any]) -> Part:
    """Return 512 samples of a loader's training set, or all, chosen once, without touching the loader itself.

    A loader that is in use, or keeps its workers, would be disturbed by a second iteration; so the items
    are taken from its set, put together by its own `collate_fn`, in batches of its size.

    Raises:
        ValueError: it is no `DataLoader` over a set with items that can be asked for.
    """
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        raise ValueError(
            "the training loader is no DataLoader over a set whose items can be asked for"
        )
    data = cast(Any, loader.dataset)
    size = loader.batch_size or getattr(loader.batch_sampler, "batch_size", None) or 32
    chosen = np.random.default_rng(SEED).permutation(len(data))[:SUBSET]
    used = len(chosen) // size * size or len(chosen)
    torch.default_generator.manual_seed(SEED)  # torch.manual_seed would seed every GPU as well
    batches = [
        images_and_labels(loader.collate_fn([data[int(row)] for row in chosen[at : at + size]]))
        for at in range(0, used, size)
    ]
    return Part(batches, random=differs(loader, chosen[: min(size, 4)].tolist(), batches[0][0]))


def differs(loader: DataLoader[Any], rows: Sequence[int], before: Any) -> bool:
    """Tell whether the same rows come back as other images."""
    items = [loader.dataset[int(row)] for row in rows]
    again, _ = images_and_labels(loader.collate_fn(items))
    if not (isinstance(again, torch.Tensor) and isinstance(before, torch.Tensor)):
        return False
    first = before[: len(rows)]
    return first.shape != again.shape or not torch.equal(first, again)
