"""Gives somebody's loaders back: their generators, and what their sets keep of what was read."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from valtui_trainer.training.lenses.untouched import KeptGenerators

DEEPEST, MOST = 8, 2_000
"""Objects within one another that are looked into, and all of them."""

LONGEST = 200
"""Of longer lists, such as a set's samples, nothing is looked into."""

OPAQUE = (
    torch.Tensor, np.ndarray, nn.Module, type, types.ModuleType, types.FunctionType,
    types.BuiltinFunctionType, str, bytes, int, float,
)  # fmt: skip


@contextmanager
def undisturbed(*loaders: Any) -> Iterator[None]:
    """Restore generators that loaders reach, in samplers, sets and transforms, and the attributes of their sets.

    So a file that a set opened to be read goes again, and a counter counts on from where it was; what is
    changed within a list or an array of the set's is not seen. Of Hugging Face's accelerate, what it knows
    of the loader in use is restored too, which a loop that was left in the middle would leave behind.
    """
    generators = KeptGenerators()
    sets: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for one in reached(loaders):
        generators.keep(one)
        if isinstance(one, Dataset):
            sets.append((vars(one), dict(vars(one))))
    shared = gradient_state()
    before = {key: list(one) if isinstance(one, list) else one for key, one in shared.items()}
    try:
        yield
    finally:
        generators.restore()
        for attributes, kept in sets:
            for new in attributes.keys() - kept.keys():
                del attributes[new]
            attributes.update(kept)
        shared.clear()
        shared.update(before)


def reached(roots: tuple[Any, ...]) -> Iterator[object]:
    """Yield what can be reached from `roots` by attributes, lists, tuples and dicts, each once."""
    seen: set[int] = set()
    waiting: list[tuple[object, int]] = [(one, 0) for one in roots]
    while waiting and len(seen) < MOST:
        one, depth = waiting.pop()
        if id(one) in seen or isinstance(one, OPAQUE) or one is None:
            continue
        seen.add(id(one))
        yield one
        if depth < DEEPEST:
            waiting += [(held, depth + 1) for held in held_by(one)]


def held_by(one: object) -> list[object]:
    """Return what an object holds."""
    if isinstance(one, dict | list | tuple):
        if len(one) > LONGEST:
            return []
        return list(one.values()) if isinstance(one, dict) else list(one)
    return list(getattr(one, "__dict__", {}).values())


def gradient_state() -> dict[str, Any]:
    """Return what accelerate shares of the loader in use, where it is loaded; else an empty dict."""
    state = getattr(sys.modules.get("accelerate.state"), "GradientState", None)
    shared = getattr(state, "_shared_state", None)
    return shared if isinstance(shared, dict) else {}
