"""Our optimizers are torch's to the bit, and leave torch's compiler where it is."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from valtui_trainer.presets.types import Optimizer, Preset
from valtui_trainer.training.optimization import build_optimizer

A_STEP = """
import sys
import torch
from valtui_trainer.presets.types import Optimizer, Preset
from valtui_trainer.training.optimization import build_optimizer

weight = torch.nn.Parameter(torch.ones(3))
preset = Preset(optimizer=Optimizer(name=sys.argv[1]))
for _ in range(2):
    optimizer = build_optimizer([weight], preset, torch.device("cpu"))
    weight.sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.zero_grad()
print("torch._dynamo" in sys.modules)
"""
SETTINGS = {"lr": 0.01, "weight_decay": 0.1, "fused": True}
NAMES = ("sgd", "adam", "adamw")


def torchs_own(name: str, model: nn.Module) -> torch.optim.Optimizer:
    if name == "sgd":
        return torch.optim.SGD(model.parameters(), momentum=0.9, nesterov=True, **SETTINGS)  # type: ignore[arg-type]
    kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
    return kind(model.parameters(), **SETTINGS)  # type: ignore[arg-type]


def trained(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    images = torch.rand(8, 20, generator=torch.Generator().manual_seed(1))
    for _ in range(5):
        optimizer.zero_grad(set_to_none=True)
        model(images).square().mean().backward()
        optimizer.step()
    return [weight.detach() for weight in model.parameters()]


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 3))


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_to_the_bit_those_of_torchs_own(name: str) -> None:
    ours, theirs = model(), model()
    settings = Optimizer(name=name, momentum=0.9, nesterov=True)  # type: ignore[arg-type]
    preset = Preset(optimizer=settings, learning_rate=0.01, weight_decay=0.1)

    mine = trained(ours, build_optimizer(ours.parameters(), preset, torch.device("cpu")))

    for weight, expected in zip(mine, trained(theirs, torchs_own(name, theirs)), strict=True):
        assert torch.equal(weight, expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_does_not_load_torchs_compiler(name: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", A_STEP, name], capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "False"


def test_hooks_around_a_step_are_called() -> None:
    net = model()
    optimizer = build_optimizer(net.parameters(), Preset(), torch.device("cpu"))
    called: list[str] = []
    optimizer.register_step_pre_hook(lambda *_: called.append("before"))
    optimizer.register_step_post_hook(lambda *_: called.append("after"))

    trained(net, optimizer)

    assert called == ["before", "after"] * 5
