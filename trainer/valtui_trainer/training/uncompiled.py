"""Contexts in which a compiled network runs as it is written: always, or where it would be compiled anew."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import nn


def stance(name: Literal["force_eager", "eager_on_recompile"]) -> AbstractContextManager[object]:
    """Return a context in which networks run uncompiled: always, or where compiling would be needed."""
    found: AbstractContextManager[object] = torch.compiler.set_stance(name)
    return found


def uncompiled(model: nn.Module) -> AbstractContextManager[object]:
    """Return a context in which `model` is uncompiled; it sees no hook that it got after compiling."""
    compiled = getattr(model, "_compiled_call_impl", None) is not None
    return stance("force_eager") if compiled else nullcontext()
