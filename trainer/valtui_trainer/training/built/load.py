"""Calls the function that builds somebody's training anew, and sees that it gives what is needed."""

from __future__ import annotations

import copy
import importlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from valtui_trainer.session.built import BUILDING
from valtui_trainer.session.records import RunSpec
from valtui_trainer.session.safe import safe
from valtui_trainer.training.built.batches import logits_of
from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.models import ModelError, fit_settings, reason

NEEDED = ("model", "train_loader", "val_loader")


@dataclass(frozen=True, slots=True)
class BuiltParts:
    """What a function gave: a model and the loaders of its training and validation sets."""

    model: nn.Module
    train_loader: DataLoader[Any]
    val_loader: DataLoader[Any]


def parts_of(spec: RunSpec) -> BuiltParts:
    """Return what the function of `spec` builds; it is called once in a process.

    Raises:
        ModelError: it cannot be imported or called, or gives something else.
    """
    return build(spec.builder, spec.code_path)


@cache
def build(builder: str, folder: str) -> BuiltParts:
    """Import `module:function`, looked for in `folder` after all that is installed, and call it."""
    os.environ[BUILDING] = "1"
    if folder and folder not in sys.path:
        sys.path.append(folder)
    shown = safe(builder, 120)
    module, _, name = builder.partition(":")
    try:
        function: Any = importlib.import_module(module)
        for part in name.split("."):
            function = getattr(function, part)
        made = function()
    except Exception as error:
        raise ModelError(
            f"{shown}, which builds this training, cannot be called ({reason(error)}). It was found "
            f"in {safe(folder)} when the run was recorded."
        ) from error
    return checked(made, shown)


def checked(made: Any, shown: str) -> BuiltParts:
    """Return what a function gave, by its names.

    Raises:
        ModelError: something is missing, or of another kind.
    """
    values = made if isinstance(made, Mapping) else vars(made) if hasattr(made, "__dict__") else {}
    missing = [name for name in NEEDED if values.get(name) is None]
    if missing:
        raise ModelError(
            f"{shown} must give a mapping with model, train_loader, val_loader and optimizer; "
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing."
        )
    if not isinstance(values["model"], nn.Module):
        raise ModelError(f"{shown}: model is a {type(values['model']).__name__}, no torch.nn.Module.")  # fmt: skip
    for name in ("train_loader", "val_loader"):
        loader = values[name]
        if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
            raise ModelError(f"{shown}: {name} is no DataLoader over a set whose items can be asked for.")  # fmt: skip
    return BuiltParts(values["model"], values["train_loader"], values["val_loader"])


def built_model(spec: RunSpec) -> nn.Module:
    """Return a copy of the model that was built, with the dropout and BatchNorm momentum of `spec`.

    It gives logits alone, also where what was built gives them among other things.

    Raises:
        ModelError: it cannot be built, or has no such layers.
    """
    model = copy.deepcopy(parts_of(spec).model)
    model.register_forward_hook(logits_alone)
    return fit_settings(model, spec.preset.model, insert=False)


def logits_alone(model: nn.Module, inputs: Any, output: Any) -> torch.Tensor:
    """Return the logits that a model's output holds, as a hook on its forward."""
    del model, inputs
    return logits_of(output)


def size_of(loader: DataLoader[Any]) -> int:
    """Return how many items a loader's set has.

    Raises:
        DataError: it does not know.
    """
    try:
        return len(cast(Any, loader.dataset))
    except TypeError:
        raise DataError("The training set does not know its size (it has no __len__).") from None
