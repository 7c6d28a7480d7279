"""The phases of training that a profile tells apart, and labels for them that are there only meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch.profiler import record_function

DATA = "data"
AUGMENTATION = "augmentation"
FORWARD = "forward"
LOSS = "loss"
BACKWARD = "backward"
OPTIMIZER = "optimizer"
REPLAY = "replayed steps"
RECORD = "record"
EVALUATION = "evaluation"
LENSES = "lenses"
REST = "rest"

PHASES = (
    DATA, AUGMENTATION, FORWARD, LOSS, BACKWARD, OPTIMIZER, REPLAY, RECORD, EVALUATION, LENSES, REST,
)  # fmt: skip
"""In the order of a step, then what comes now and then."""

AT_RECORDS = (RECORD,)
AT_EVALUATIONS = (EVALUATION, LENSES)

CHECKPOINT = "checkpoint"
PAUSED = "paused"
WINDOW = "window"

PREFIX = "valtui."
"""Of our labels in a trace, so that none is mistaken for a user's own."""


class Part(NamedTuple):
    """A method of a step, and the phase that it is."""

    owner: object
    method: str
    phase: str


def label(phase: str) -> record_function:
    """Return a context in which the time is that of `phase`."""
    return record_function(PREFIX + phase)


def phase_of(name: str) -> str | None:
    """Return the phase that an event of that name labels, or None; torch labels optimizers itself."""
    if name.startswith(PREFIX):
        return name.removeprefix(PREFIX)
    return OPTIMIZER if name.startswith("Optimizer.") else None


@contextmanager
def labelled(parts: Sequence[Part]) -> Iterator[None]:
    """Let every one of `parts` run under the label of its phase.

    The methods are hidden by labelled ones on the very objects, so that a step that is not recorded
    pays nothing, and is the same code.
    """
    hidden = [(part, vars(part.owner).get(part.method)) for part in parts]
    for part in parts:
        setattr(part.owner, part.method, under(part.phase, getattr(part.owner, part.method)))
    try:
        yield
    finally:
        for part, own in hidden:
            if own is None:
                delattr(part.owner, part.method)
            else:
                setattr(part.owner, part.method, own)


def under(phase: str, inner: Callable[..., Any]) -> Callable[..., Any]:
    """Return `inner` under the label of `phase`."""

    def outer(*arguments: Any) -> Any:
        with label(phase):
            return inner(*arguments)

    return outer
