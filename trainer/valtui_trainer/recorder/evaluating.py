"""Evaluates somebody else's model on their loader, with the lenses, and gives everything back as it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import is_lazy

from valtui_trainer.measure.soundness import repeat
from valtui_trainer.recorder.guard import in_words, say
from valtui_trainer.session.records import Check, LensPlan
from valtui_trainer.training.built.batches import (
    Part,
    fixed_part,
    images_and_labels,
    logits_of,
    to_device,
)
from valtui_trainer.training.built.describing import MOST_PIXELS, described
from valtui_trainer.training.built.kept_loaders import undisturbed
from valtui_trainer.training.checks import frozen
from valtui_trainer.training.evaluate import Evaluation, balanced
from valtui_trainer.training.lenses.batchnorm import in_eval_mode, norm_layers, set_statistics
from valtui_trainer.training.lenses.calibration import calibrate
from valtui_trainer.training.lenses.plan import AVERAGED, CALIBRATED, EXACT
from valtui_trainer.training.lenses.untouched import untouched
from valtui_trainer.training.uncompiled import uncompiled

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""From logits (b, c) and labels (b,) to the losses (b,) of the samples."""
TRAIN_LOSS = "the training loss in eval mode"
NO_LOADER = "no train_loader was given to evaluate()"


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the losses (b,) of the samples."""
    return functional.cross_entropy(logits, labels, reduction="none")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one evaluation found; None where a lens is off.

    Attributes:
        first: whether it is the first that worked.
        described: the arrays of the validation set (`session.validation`), at the first evaluation.
        train_loss: on the fixed part of the training set, in eval mode.
    """

    found: Evaluation
    labels: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    seconds: float
    exact: float | None = None
    calibrated: float | None = None
    temperature: float | None = None
    train_loss: float | None = None
    lens_seconds: float | None = None
    described: dict[str, Any] | None = None
    first: bool = False


class Pictures:
    """The images of a validation set, unless they are more than are kept of it."""

    def __init__(self) -> None:
        """Keep none yet."""
        self.batches: list[torch.Tensor] = []
        self._pixels = 0

    def add(self, images: torch.Tensor) -> None:
        """Keep a batch; none at all where they are too many."""
        self._pixels += images.numel()
        if self._pixels > MOST_PIXELS:
            self.batches.clear()
        else:
            self.batches.append(images.cpu())


def single(model: nn.Module) -> nn.Module:
    """Return the model within what trains it in several processes, whose forward would wait for the others."""
    several = nn.parallel.DistributedDataParallel, nn.DataParallel
    return single(model.module) if isinstance(model, several) else model


def refuse_lazy(model: nn.Module) -> None:
    """Refuse a model whose weights are made by its first forward.

    Raises:
        ValueError: its training has not made them yet.
    """
    if any(map(is_lazy, model.parameters())):
        raise ValueError("the model has lazy layers; evaluate it after its first training step")


def counted(labels: torch.Tensor) -> torch.Tensor:
    """Return labels as int64 where they are whole numbers of another kind."""
    return labels if labels.is_floating_point() else labels.long()


def classes_of(labels: torch.Tensor) -> torch.Tensor:
    """Return labels (b,) as classes, int64.

    Raises:
        ValueError: they are fractions.
    """
    if labels.is_floating_point() and not torch.equal(labels, labels.floor()):
        raise ValueError("the labels are fractions, and no classes")
    return labels.long()


def chosen(logits: torch.Tensor) -> torch.Tensor:
    """Return the classes (b,) that logits (b, c) stand for; one logit alone tells two classes apart."""
    return (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)


class Eyes:
    """Evaluates one model again and again, always on the same training samples for what needs some.

    Attributes:
        plans: which lenses are on, and why the others are not.
        checks: what the first evaluation found of the measurement.
        notes: sentences about what was taken, from the first evaluation.
    """

    def __init__(self, loss: Loss | None = None) -> None:
        """Score samples by `loss`; None: cross-entropy."""
        self._loss = loss or cross_entropy
        self._part: Part | None = None
        self._looked = False
        self._failed: set[str] = set()
        self.plans: list[LensPlan] = []
        self.checks: list[Check] = []
        self.notes: list[str] = []

    def look(self, model: nn.Module, val_loader: Iterable[Any], train_loader: Any = None) -> Seen:
        """Return what `model` does on `val_loader`; model, loaders and generators are left as they were.

        Raises:
            ValueError: batches or outputs are not those of a classifier.
        """
        device = next((weight.device for weight in model.parameters()), torch.device("cpu"))
        first = not self._looked
        if first:  # or the one before failed
            self.plans, self.checks, self.notes, self._part = [], [], [], None
        model = single(model)
        refuse_lazy(model)
        moving = [layer for layer in norm_layers(model) if layer.training or not model.training]
        with undisturbed(val_loader, train_loader), untouched(model, device):
            began = time.monotonic()
            images = Pictures() if first else None
            buffers = {name: one.clone() for name, one in model.named_buffers()} if first else {}
            found = self._evaluate(model, val_loader, device, images)
            seconds = time.monotonic() - began
            if first:
                self._check_frozen(model, val_loader, device, found, buffers)
                self._decide(moving, train_loader)
            lens_began = time.monotonic()
            calibration = calibrate(*found.outputs())
            train_loss = self._lens(TRAIN_LOSS, lambda: self._train_loss(model, device))
            exact = self._lens(EXACT, lambda: self._exact(model, moving, val_loader, device))
            lens_seconds = time.monotonic() - lens_began
        _, labels = found.outputs()
        known = labels.cpu().numpy()
        pictures = described(images.batches, known) if images is not None else None
        self._looked = True
        return Seen(
            found=found,
            labels=known,
            seconds=seconds,
            exact=exact,
            calibrated=calibration.loss if calibration else None,
            temperature=calibration.temperature if calibration else None,
            train_loss=train_loss,
            lens_seconds=lens_seconds,
            described=pictures,
            first=first,
        )

    def _evaluate(
        self,
        model: nn.Module,
        loader: Iterable[Any],
        device: torch.device,
        images: Pictures | None = None,
    ) -> Evaluation:
        """Return the figures of `model` in eval mode on all of `loader`; its images go to `images`."""
        in_eval_mode(model)
        losses, outputs, targets = [], [], []
        with torch.no_grad(), uncompiled(model):  # inference_mode would spoil what a model caches
            for batch in loader:
                inputs, labels = images_and_labels(batch)
                if images is not None and isinstance(inputs, torch.Tensor):
                    images.add(inputs)
                labels = counted(labels)
                logits = logits_of(model(to_device(inputs, device))).float()
                self._refuse_labels(labels, logits.shape[1])
                labels = labels.to(device)
                losses.append(self._loss(logits, labels).float().reshape(-1))
                outputs.append(logits)
                targets.append(classes_of(labels))
        if not losses:
            raise ValueError("the validation loader gave no batch")
        logits, labels = torch.cat(outputs), torch.cat(targets)
        samples = torch.cat(losses).cpu().numpy()
        if len(samples) != len(labels):
            raise ValueError(f"the loss gave {len(samples)} values for {len(labels)} samples")
        hits = (chosen(logits) == labels).cpu().numpy()
        return Evaluation(
            losses=samples,
            loss=float(samples.mean(dtype=np.float64)),
            accuracy=float(hits.mean()),
            balanced_accuracy=balanced(hits, labels.cpu().numpy()),
            logits=logits,
            labels=labels,
        )

    def _refuse_labels(self, labels: torch.Tensor, classes: int) -> None:
        """Refuse labels that no logit stands for, which on a GPU would end the whole process.

        Raises:
            ValueError: with the label.
        """
        if classes == 1 and self._loss is cross_entropy:
            raise ValueError("one logit needs a loss of your own: Recorder(…, loss=…)")
        for label in (labels.min().item(), labels.max().item()) if len(labels) else ():
            if not 0 <= label < max(2, classes):
                raise ValueError(
                    f"the label {label} is no class of {max(2, classes)}; leave such samples out of val_loader, "
                    "or log their losses with log_val"
                )

    def _check_frozen(
        self,
        model: nn.Module,
        val_loader: Iterable[Any],
        device: torch.device,
        found: Evaluation,
        before: dict[str, torch.Tensor],
    ) -> None:
        """Evaluate again with the weights and buffers of `found`: is validation itself random?"""
        moved = frozen.moved_buffers(model, before)
        with torch.inference_mode():
            for name in moved:
                model.get_buffer(name).copy_(before[name])
        again = self._evaluate(model, val_loader, device)
        try:
            twice = repeat(found.losses, again.losses)
        except ValueError:  # not finite, or another number of samples: nothing to compare
            return
        self.checks.append(frozen.in_words(found.loss, again.loss, twice, moved))

    def _lens(self, name: str, look: Callable[[], float | None]) -> float | None:
        """Return what a lens sees; one that fails is off from then on, and costs no evaluation."""
        if name in self._failed:
            return None
        try:
            return look()
        except Exception as error:  # whatever their model or set raises
            self._failed.add(name)
            say(f"{name} is off: {in_words(error)}. The evaluation is recorded.")
            self.plans = [
                msgspec.structs.replace(plan, on=False, reason=in_words(error))
                if plan.name == name
                else plan
                for plan in self.plans
            ]
            return None

    def _decide(self, moving: list[_BatchNorm], train_loader: Any) -> None:
        """Decide about the lenses, and take the training samples that they need."""
        why_not = "this model has no BatchNorm that training moves" if not moving else ""
        if any(isinstance(layer, nn.SyncBatchNorm) for layer in moving):
            why_not = "SyncBatchNorm would wait for the other processes"
        try:
            if train_loader is None:
                raise ValueError(NO_LOADER)
            self._part = fixed_part(train_loader)
        except Exception as error:  # whatever their set raises
            why_not = why_not or (NO_LOADER if train_loader is None else in_words(error))
        self.plans = [
            LensPlan(name=EXACT, on=not why_not, reason=why_not),
            LensPlan(name=CALIBRATED, on=True),
            LensPlan(name=AVERAGED, on=False, reason="the Recorder does not average weights"),
        ]
        if self._part is not None:
            self.notes.append(
                f"Training loss in eval mode, and exact BatchNorm statistics, are of "
                f"{sum(len(labels) for _, labels in self._part.batches):,} fixed training samples"
                + (
                    ", which your training set changes at random (augments): one draw of them, always "
                    "the same; the loss on them is above that on the images themselves."
                    if self._part.random
                    else "."
                )
            )

    def _train_loss(self, model: nn.Module, device: torch.device) -> float | None:
        return self._evaluate(model, self._part.batches, device).loss if self._part else None

    def _exact(
        self,
        model: nn.Module,
        moving: list[_BatchNorm],
        val_loader: Iterable[Any],
        device: torch.device,
    ) -> float | None:
        """Return the loss with BatchNorm statistics of the fixed training samples, which ends changed."""
        if self._part is None or not any(plan.on for plan in self.plans if plan.name == EXACT):
            return None
        batches = (to_device(images, device) for images, _ in self._part.batches)
        set_statistics(model, batches, layers=moving)
        return self._evaluate(model, val_loader, device).loss
