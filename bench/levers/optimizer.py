"""Levers of the optimizer: one kernel, several, or a loop; and torch's own wrappers around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from bench.levers.lever import Lever, assembled
from bench.presets import SMALL_CNN
from bench.timing import Timed, alternating
from valtui_trainer.presets.types import Optimizer, Preset
from valtui_trainer.training.assemble import build_model
from valtui_trainer.training.optimization import build_optimizer

OTHERS: dict[str, dict[str, Any]] = {
    "foreach": {"foreach": True},
    "a loop": {"foreach": False, "fused": False},
    "fused, as torch has it": {"fused": True},
}


def levers() -> Iterator[Lever]:
    """Yield what was measured: a step of the optimizer alone, and letting go of the gradients."""
    for name in ("adam", "sgd"):
        preset = Preset(model=SMALL_CNN, optimizer=Optimizer(name=name, momentum=0.9))  # type: ignore[arg-type]
        spec, material, device = assembled(preset)

        def updater(settings: dict[str, Any] | None) -> Any:
            model = build_model(spec, 0, material.shape, material.classes).to(device)  # noqa: B023
            weights = list(model.parameters())
            optimizer = build_optimizer(weights, preset, device)  # noqa: B023
            if settings is not None and name == "adam":  # noqa: B023
                optimizer = torch.optim.Adam(weights, lr=1e-3, **settings)
            elif settings is not None:
                optimizer = torch.optim.SGD(weights, lr=1e-3, momentum=0.9, **settings)
            gradients = [torch.full_like(weight, 1e-3) for weight in weights]

            def update() -> None:
                for weight, gradient in zip(weights, gradients, strict=True):
                    weight.grad = gradient
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)

            return update

        ours: Timed = updater(None)
        for other, settings in OTHERS.items():
            pairs = alternating([ours, updater(settings)], device, seconds=0.1)
            yield Lever(
                f"optimizer step alone, {name}, small-cnn + BatchNorm",
                "fused, without the compiler's wrappers", other, pairs,
            )  # fmt: skip
