"""One pass over a set in eval mode: per-sample losses, accuracy. Changes nothing in the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from valtui_trainer.training.feeding import Batches

Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
PIXELS_AT_ONCE = {"cpu": 256 * 28 * 28, "cuda": 1024 * 32 * 32}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one pass found.

    Attributes:
        losses: cross-entropy of each sample, shape (n,), float32.
        loss: their mean, in float64.
        accuracy: fraction of samples whose largest logit is their label's.
        balanced_accuracy: mean over the classes present of the accuracy within the class.
        logits: (n, classes) float32 on the device, where they were asked for.
        labels: (n,) int64 on the device, likewise.
    """

    losses: Array
    loss: float
    accuracy: float
    balanced_accuracy: float
    logits: torch.Tensor | None = None
    labels: torch.Tensor | None = None

    def outputs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits and labels.

        Raises:
            ValueError: they were not kept.
        """
        if self.logits is None or self.labels is None:
            raise ValueError("The evaluation was not asked to keep its logits.")
        return self.logits, self.labels


def evaluate(
    model: nn.Module,
    data: Batches,
    index: torch.Tensor,
    autocast: bool = False,
    keep_logits: bool = False,
) -> Evaluation:
    """Return the figures of `model` on the samples `index` (m,) of `data`, without label smoothing."""
    was_training = model.training
    model.eval()
    losses, correct, labels, outputs = [], [], [], []
    size = batch_size(data, index)
    for position in range(0, len(index), size):
        images, targets = data.batch(index[position : position + size])
        autocasting = torch.autocast(images.device.type, torch.bfloat16, enabled=autocast)
        with torch.inference_mode(), autocasting:
            logits = model(images).float()
            losses.append(functional.cross_entropy(logits, targets, reduction="none"))
            correct.append(logits.argmax(1) == targets)
        if keep_logits:
            outputs.append(logits)
        labels.append(targets)
    all_losses = torch.cat(losses).cpu().numpy()
    hits = torch.cat(correct).cpu().numpy()
    targets = torch.cat(labels)
    model.train(was_training)
    return Evaluation(
        losses=all_losses,
        loss=float(all_losses.mean(dtype=np.float64)),
        accuracy=float(hits.mean()),
        balanced_accuracy=balanced(hits, targets.cpu().numpy()),
        logits=torch.cat(outputs) if keep_logits else None,
        labels=targets if keep_logits else None,
    )


def batch_size(data: Batches, index: torch.Tensor) -> int:
    """Return how many images to evaluate at once, by the pixels of one."""
    image, _ = data.batch(index[:1])
    pixels = image.shape[-1] * image.shape[-2]
    return max(16, PIXELS_AT_ONCE.get(image.device.type, PIXELS_AT_ONCE["cpu"]) // pixels)


def balanced(
    hits: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    labels: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> float:
    """Return the mean over classes of the fraction of hits within the class."""
    counts = np.bincount(labels)
    right = np.bincount(labels, weights=hits)
    present = counts > 0
    return float((right[present] / counts[present]).mean())
