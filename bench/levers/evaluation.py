"""Levers of an evaluation: inference mode, memory order, how many images at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

import torch
from torch import nn
from torch.nn import functional

from bench.levers.lever import Lever, assembled
from bench.presets import SMALL_CNN
from bench.timing import alternating
from valtui_trainer.presets.types import Preset
from valtui_trainer.training.assemble import build_model
from valtui_trainer.training.evaluate import batch_size

CASES = {"seed-cnn": Preset(), "small-cnn + BatchNorm": Preset(model=SMALL_CNN)}
SIZES = (64, 128, 256, 512, 1024, 2048, 4096)


def levers() -> Iterator[Lever]:
    """Yield what was measured of a pass over the validation set."""
    for name, preset in CASES.items():
        spec, material, device = assembled(preset)
        model = build_model(spec, 0, material.shape, material.classes).to(device).eval()
        everything = torch.arange(len(material.val_set), device=device)
        images, labels = material.val_set.batch(everything)
        nchw = torch.empty(images.shape, device=device).copy_(images)
        size = batch_size(material.val_set, everything)
        a = passing(model, images, labels, size, torch.inference_mode)
        yield Lever(
            f"evaluation, {name}", "inference_mode", "no_grad",
            alternating([a, passing(model, images, labels, size, torch.no_grad)], device),
        )  # fmt: skip
        yield Lever(
            f"evaluation, {name}", "channels_last", "NCHW",
            alternating([a, passing(model, nchw, labels, size, torch.inference_mode)], device),
        )  # fmt: skip


def passing(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    size: int,
    mode: Callable[[], torch.inference_mode | torch.no_grad],
) -> Callable[[], None]:
    """Return a pass over `images`, `size` at once."""

    def work() -> None:
        with mode():
            for place in range(0, len(images), size):
                logits = model(images[place : place + size])
                functional.cross_entropy(logits, labels[place : place + size], reduction="none")

    return work


def sizes() -> Iterator[str]:
    """Yield a table: images a second of evaluations of so many images at once."""
    chosen = 0
    lines = []
    for name, preset in CASES.items():
        spec, material, device = assembled(preset)
        model = build_model(spec, 0, material.shape, material.classes).to(device).eval()
        some = torch.arange(4000, device=device)
        chosen = batch_size(material.train_set, some)
        images, labels = material.train_set.batch(some)
        works = [passing(model, images, labels, size, torch.inference_mode) for size in SIZES]
        turns = alternating(works, device, 3, seconds=0.3)
        rates = [len(images) / median(seconds) for seconds in zip(*turns, strict=True)]
        cells = " | ".join(f"{rate:,.0f}" for rate in rates)
        lines.append(f"| {name} | {cells} | {rates[SIZES.index(chosen)] / max(rates):.2f} |")
    yield (
        f"| evaluation, images/s, at once: | {' | '.join(map(str, SIZES))} "
        f"| the trainer's ({chosen}) over the best |"
    )
    yield f"|{(len(SIZES) + 2) * ' --- |'}"
    yield from lines
