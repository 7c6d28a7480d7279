"""Levers of a training step: memory order, threads, gradients set to none, precision, torch.compile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import torch
from torch import nn

from bench.levers.lever import Lever, assembled
from bench.presets import SMALL_CNN
from bench.timing import alternating
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.training.assemble import build_model
from valtui_trainer.training.models import reason
from valtui_trainer.training.optimization import build_optimizer
from valtui_trainer.training.replica import training_loss

CASES = {
    "seed-cnn, batch 32": Preset(),
    "small-cnn + BatchNorm, batch 32": Preset(model=SMALL_CNN),
    "small-cnn + BatchNorm, batch 512": Preset(model=SMALL_CNN, batch_size=512),
}
RESNET = Preset(model=Model(name="resnet18"))
Step = Callable[[], None]


def stepper(
    preset: Preset,
    order: torch.memory_format = torch.channels_last,
    autocast: bool = False,
    to_none: bool = True,
    compiled: bool = False,
) -> tuple[Step, torch.device]:
    """Return a step of `preset` on one batch that is on the device, in the given `order`."""
    spec, material, device = assembled(preset)
    model: nn.Module = build_model(spec, 0, material.shape, material.classes).to(device).train()
    if order == torch.contiguous_format:
        model = model.to(memory_format=order)
    if compiled:
        model.compile(dynamic=False)
    optimizer = build_optimizer(model.parameters(), preset, device)
    first = torch.arange(preset.batch_size, device=material.train_set.index_device)
    images, labels = material.train_set.batch(first)
    images = torch.empty(images.shape, device=device).copy_(images)
    if order == torch.channels_last:
        images, labels = material.train_set.batch(first)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
            logits = model(images)
        loss = training_loss(logits, labels, 0.0)
        optimizer.zero_grad(set_to_none=to_none)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step, device


def levers() -> Iterator[Lever]:
    """Yield what was measured."""
    nchw = torch.contiguous_format
    for name, preset in CASES.items():
        (a, device), (b, _) = stepper(preset), stepper(preset, order=nchw)
        yield Lever(f"memory order, {name}", "channels_last", "NCHW", alternating([a, b], device))
    for name, preset in list(CASES.items())[:2]:
        (a, device), (b, _) = stepper(preset), stepper(preset, to_none=False)
        yield Lever(f"zero_grad, {name}", "to none", "to zeros", alternating([a, b], device))
        (a, device), (b, _) = stepper(preset), stepper(preset, autocast=True)
        yield Lever(
            f"precision, {name}", "float32", "bfloat16 autocast", alternating([a, b], device, 3)
        )
    yield compiling("seed-cnn, batch 32", CASES["seed-cnn, batch 32"])


def compiling(name: str, preset: Preset) -> Lever:
    """Return what torch.compile brings, and the seconds of compiling."""
    a, device = stepper(preset)
    b, _ = stepper(preset, compiled=True)
    began = time.perf_counter()
    try:
        b()
    except Exception as error:  # no C++ compiler, or one it cannot work with
        return Lever(f"torch.compile, {name}", "as written", "compiled", [], reason(error))
    seconds = time.perf_counter() - began
    return Lever(
        f"torch.compile, {name}", "as written", "compiled", alternating([a, b], device, 5),
        f"compiling took {seconds:.0f} s",
    )  # fmt: skip
