"""torch's optimizers, the same to the bit, without torch's compiler.

As they come, their first use loads `torch._dynamo` (some 900 modules: a second, and tens of megabytes),
only to keep the compiler out of them. Nobody compiles an optimizer here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer


def bare(method: Callable[..., Any]) -> Any:
    """Return `method` of torch's optimizers as it is written, without what torch wraps around it."""
    return inspect.unwrap(method)


class Uncompiled(Optimizer):
    """What all optimizers share, as it is written."""

    add_param_group = bare(Optimizer.add_param_group)
    zero_grad = bare(Optimizer.zero_grad)
    state_dict = bare(Optimizer.state_dict)
    load_state_dict = bare(Optimizer.load_state_dict)


# Of what torch wraps around a step, gradients switched off count; hooks come with the class.
class SGD(Uncompiled, torch.optim.SGD):
    """torch.optim.SGD."""

    step = torch.no_grad()(bare(torch.optim.SGD.step))


class Adam(Uncompiled, torch.optim.Adam):
    """torch.optim.Adam."""

    step = torch.no_grad()(bare(torch.optim.Adam.step))


class AdamW(Uncompiled, torch.optim.AdamW):
    """torch.optim.AdamW."""

    step = torch.no_grad()(bare(torch.optim.AdamW.step))
