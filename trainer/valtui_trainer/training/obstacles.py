"""What speaks against capturing or stacking the steps of a model, told before it is tried."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torch.nn.utils import parametrize

from valtui_trainer.training.capturing import CannotCaptureError
from valtui_trainer.training.data.feeder import DeviceSet
from valtui_trainer.training.dropout import OURS, uses_global_random
from valtui_trainer.training.ensemble import Engine
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.stacking import CannotStackError


def cannot_be_captured(replica: Replica, batches: Batches) -> str:
    """Return why a step of `replica` cannot be captured, part of a sentence; empty where it can be tried.

    A replay does on the device what was captured, and nothing on the host.
    """
    if not isinstance(batches, DeviceSet):
        return "the images do not fit the device, and are sent to it batch by batch"
    return first_obstacle(replica.model, on_the_host)


def cannot_be_stacked(model: nn.Module) -> str:
    """Return why `model` cannot be stacked, part of a sentence; empty where nothing speaks against it."""
    return first_obstacle(model, not_for_a_stack)


def refuse_what_cannot_be(engine: Engine, replica: Replica, batches: Batches) -> None:
    """Refuse an engine that is not for replicas like this one.

    Raises:
        CannotCaptureError: a step cannot be captured.
        CannotStackError: it cannot be stacked.
    """
    if "graph" in engine and (why_not := cannot_be_captured(replica, batches)):
        raise CannotCaptureError(why_not)
    if "stack" in engine and (why_not := cannot_be_stacked(replica.model)):
        raise CannotStackError(why_not)


def first_obstacle(model: nn.Module, obstacle: Callable[[nn.Module], str]) -> str:
    """Return the first obstacle in `model`: that of a layer, or that it draws from torch's generator."""
    for name, module in model.named_modules():
        why_not = obstacle(module)
        if why_not:
            return f"{type(module).__name__}{f' ({name})' if name else ''} {why_not}"
    return "the model draws from torch's own generator" if uses_global_random(model) else ""


def on_the_host(module: nn.Module) -> str:
    """Return what a layer may do on the host in each forward; empty where nothing is known."""
    if not f"{type(module).__module__}.".startswith(OURS):
        return "is code of your own, which may keep state"
    if "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks:
        return "has hooks, which may keep state"
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.momentum is None:
        return "averages over all steps since the start, which the host counts"
    return ""


def not_for_a_stack(module: nn.Module) -> str:
    """Return what keeps one layer from being stacked; empty where nothing does."""
    if parametrize.is_parametrized(module):
        return "has weights that are made anew in each forward"
    if isinstance(module, nn.SyncBatchNorm | nn.RNNBase):
        return "cannot be stacked"
    return on_the_host(module)
