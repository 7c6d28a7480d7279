"""Keeps what runs beside a recorded one start from: checkpoints, and what was seen of its settings."""

from __future__ import annotations

import math
import os
import statistics
import time
from typing import Any

import msgspec
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader, SequentialSampler

from valtui_trainer.presets.types import Model, Optimizer, Preset
from valtui_trainer.session.built import Built, write_built
from valtui_trainer.session.checkpoints import checkpoint_files
from valtui_trainer.session.guest import GuestLog
from valtui_trainer.training import checkpoint

KEPT = 2
NAMES = {"Adam": "adam", "AdamW": "adamw", "SGD": "sgd"}
APART = ("params", "weight_decay", "param_names")
"""In which groups of weights may differ."""

PLAIN = ("amsgrad", "maximize", "dampening")
SPACINGS = 20


class Keeper:
    """Writes checkpoints of somebody's model and optimizer, seldom, and the two newest alone are kept."""

    def __init__(self, log: GuestLog, seconds: float) -> None:
        """Keep checkpoints of the run of `log`, one in so many seconds at most."""
        self._log = log
        self._seconds = seconds
        self._written_at = -math.inf
        self._steps: list[int] = []
        self._told: Built | None = None
        checkpoint.sweep(log.guest.run.checkpoints)

    def evaluated(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, train_loader: Any, step: int
    ) -> None:
        """Take note of an evaluation at `step`; write a checkpoint if it is time.

        Raises:
            OSError: nothing can be written.
        """
        self._steps = [*[one for one in self._steps if one < step][-SPACINGS:], step]
        if len(self._steps) < 2:
            return
        bare = unwrapped(model)
        optimizer = inner(optimizer)
        built = self._seen(bare, optimizer, train_loader)
        if built.problem:
            if self._written_at == -math.inf:  # else what was kept before goes on to hold
                self._tell(built)
        elif time.monotonic() - self._written_at >= self._seconds:
            self._tell(built)
            self._write(bare, optimizer, step)
            self._written_at = time.monotonic()

    def _tell(self, built: Built) -> None:
        if built != self._told:
            write_built(self._log.guest.run, built)
            self._told = built

    def _write(self, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Write a checkpoint; nothing is copied on the device, for no step is taken meanwhile."""
        folder = self._log.guest.run.checkpoints
        written = checkpoint.write(
            folder,
            {
                "format": checkpoint.FORMAT, "step": step, "time": self._log.seconds, "log_every": 1,
                "replicas": [
                    {
                        "seed": self._log.guest.spec.seeds[0],
                        "model": dict(model.state_dict()),
                        "optimizer": state_of(optimizer, model),
                    }
                ],
                "best_step": None, "best_loss": math.inf,
            },
        )  # fmt: skip
        self._log.event(
            "checkpoint", "", step, step=step, file=written.name, sha256=written.sha256, size=written.size
        )  # fmt: skip
        for path in checkpoint_files(folder)[:-KEPT]:
            path.unlink(missing_ok=True)

    def _seen(self, model: nn.Module, optimizer: torch.optim.Optimizer, train_loader: Any) -> Built:
        """Return what was seen of the training's settings."""
        device = next((weight.device for weight in model.parameters()), torch.device("cpu"))
        place = f"cuda:{device.index or 0}" if device.type == "cuda" else "cpu"
        per_epoch = self._log.start.steps_per_epoch
        problem = why_not(optimizer, model, train_loader, per_epoch)
        if problem:
            return Built(preset=Preset(data=""), device=place, problem=problem)
        spacing = statistics.median(
            after - before for before, after in zip(self._steps, self._steps[1:], strict=False)
        )
        preset = preset_of(self._log.guest.spec.builder, model, optimizer, train_loader)
        undecayed = undecayed_in(optimizer, model)
        size = len(train_loader.dataset)
        self._log.describe(
            train_size=size, eval_every=round(spacing),
            images_per_evaluation=spacing / per_epoch * size,
        )  # fmt: skip
        preset = msgspec.structs.replace(preset, eval_every=spacing / per_epoch)
        return Built(preset=preset, device=place, undecayed=undecayed)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model within what compiles or distributes it."""
    for name in ("_orig_mod", "module"):
        inner = getattr(model, name, None)
        if isinstance(inner, nn.Module):
            return unwrapped(inner)
    return model


def inner(optimizer: Any) -> torch.optim.Optimizer:
    """Return the optimizer within what a framework wraps around it."""
    found: torch.optim.Optimizer = optimizer
    while type(found).__name__ not in NAMES and hasattr(found, "optimizer"):
        found = found.optimizer
    return found


def why_not(
    optimizer: torch.optim.Optimizer, model: nn.Module, train_loader: Any, steps_per_epoch: int
) -> str:
    """Return why nothing can be tried on such a training, a sentence; empty where it can."""
    name = type(optimizer).__name__
    group, *others = optimizer.param_groups
    if name not in NAMES:
        return f"its optimizer is {name}; probes and proofs train with Adam, AdamW or SGD."
    differ = [
        key for key, value in group.items()
        if key not in APART and any(one.get(key) != value for one in others)
    ]  # fmt: skip
    if differ:
        return (
            f"its optimizer has groups of weights that differ in {', '.join(differ)}; probes and proofs "
            "know those alone that weight decay leaves alone."
        )
    if len({one["weight_decay"] for one in optimizer.param_groups} - {0}) > 1:
        return "its optimizer has groups of weights with several weight decays, none of which is 0."
    if any(group.get(one) for one in PLAIN):
        return f"its optimizer sets {', '.join(one for one in PLAIN if group.get(one))}, which probes do not."  # fmt: skip
    held = {id(weight) for one in optimizer.param_groups for weight in one["params"]}
    if any(id(weight) not in held for weight in model.parameters() if weight.requires_grad):
        return "its optimizer does not hold all weights of the model that are trained."
    if not isinstance(train_loader, DataLoader) or batches_of(train_loader) is None:
        return "evaluate() was given no train_loader that is a DataLoader with a batch_size."
    if not steps_per_epoch:
        return "Recorder() was not told steps_per_epoch, which evaluations are counted by."
    together = round(len(train_loader) / steps_per_epoch)
    if together > 1:
        return f"each of its steps takes {together} batches together; probes and proofs take one."
    if os.environ.get("WORLD_SIZE", "1") not in ("", "1"):
        return "it trains in several processes at once; probes and proofs train in one."
    if not group["lr"] > 0:
        return "the learning rate of its optimizer is 0."
    return ""


def batches_of(loader: DataLoader[Any]) -> Any:
    """Return what knows the batch_size: the loader, or the sampler of batches that it was made with; or None."""
    found = loader if loader.batch_size else loader.batch_sampler
    return found if getattr(found, "batch_size", None) else None


def preset_of(
    builder: str, model: nn.Module, optimizer: torch.optim.Optimizer, train_loader: Any
) -> Preset:
    """Return the settings of a training as a preset."""
    group = optimizer.param_groups[0]
    betas = group.get("betas", (0.9, 0.999))
    rates = {
        one.p for one in model.modules() if isinstance(one, nn.modules.dropout._DropoutNd) and one.p
    }
    momenta = {one.momentum for one in model.modules() if isinstance(one, _BatchNorm)}
    same = next(iter(momenta)) if len(momenta) == 1 else None
    batches = batches_of(train_loader)
    return Preset(
        data="",
        batch_size=batches.batch_size,
        drop_last=bool(getattr(batches, "drop_last", False)),
        shuffle=not isinstance(getattr(batches, "sampler", None), SequentialSampler),
        learning_rate=float(group["lr"]),
        weight_decay=max(float(one["weight_decay"]) for one in optimizer.param_groups),
        optimizer=Optimizer(
            name=NAMES[type(optimizer).__name__],  # type: ignore[arg-type]
            momentum=float(group.get("momentum", 0.0)),
            nesterov=bool(group.get("nesterov", False)),
            beta1=float(betas[0]),
            beta2=float(betas[1]),
            epsilon=float(group.get("eps", 1e-8)),
        ),
        model=Model(
            name=builder,
            dropout=rates.pop() if len(rates) == 1 else 0.0,
            batchnorm_momentum=same if same is not None and 0 < same <= 1 else 0.1,
        ),
    )


def undecayed_in(optimizer: torch.optim.Optimizer, model: nn.Module) -> list[str]:
    """Return the names of the trained weights that weight decay leaves alone, while it takes others."""
    decays = {
        id(weight): group["weight_decay"]
        for group in optimizer.param_groups
        for weight in group["params"]
    }
    if not any(decays.values()):
        return []
    return [
        name
        for name, weight in model.named_parameters()
        if weight.requires_grad and not decays.get(id(weight))
    ]


def state_of(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Any]:
    """Return the optimizer's state as that of the replicas' over the same weights.

    Weights come in the model's order, those that weight decay leaves alone in a group behind the others.
    """
    trained = {name: one for name, one in model.named_parameters() if one.requires_grad}
    alone = [trained.pop(name) for name in undecayed_in(optimizer, model)]
    groups = [list(trained.values()), *([alone] if alone else [])]
    held = [weight for group in groups for weight in group]
    state = {
        place: {key: on_cpu_step(key, value) for key, value in optimizer.state[weight].items()}
        for place, weight in enumerate(held)
        if weight in optimizer.state
    }
    settings = {key: value for key, value in optimizer.param_groups[0].items() if key not in APART}
    decay = max(one["weight_decay"] for one in optimizer.param_groups)
    written, begin = [], 0
    for number, group in enumerate(groups):
        places = list(range(begin, begin + len(group)))
        written.append({**settings, "weight_decay": 0.0 if number else decay, "params": places})
        begin += len(group)
    return {"state": state, "param_groups": written}


def on_cpu_step(key: str, value: Any) -> Any:
    """Return an entry of the state; steps that are counted as plain numbers become tensors."""
    return torch.tensor(float(value)) if key == "step" and not torch.is_tensor(value) else value
