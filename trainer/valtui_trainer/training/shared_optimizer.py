"""One optimizer for stacked weights, of which each replica's own optimizer shows its share.

Optimizers here work element by element, so that one over (K, …) does what K do.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch.optim import Optimizer

from valtui_trainer.training.stacking import CannotStackError, stacked

State = dict[str, Any]
STEP = "step"
"""The count of steps, a scalar that all replicas share; all else in a state is of a weight's shape."""


class SharedOptimizer:
    """Steps the weights of all replicas.

    `state_dict` of a replica's optimizer is what it would be alone, and what is loaded into one counts
    from the next step on. To step one alone is an error.

    Attributes:
        whole: the optimizer of the stacked weights.
    """

    def __init__(self, own: Sequence[Optimizer], whole: Optimizer) -> None:
        """Go on from where the replicas' `own` optimizers are, with `whole`, over the stacked weights.

        Raises:
            CannotStackError: they differ in settings or in steps taken.
        """
        self._own = list(own)
        self.whole = whole
        self._loaded: set[int] = set()
        self._adopt()
        for number, optimizer in enumerate(own):
            optimizer.register_state_dict_pre_hook(partial(show, whole, self._loaded, number))
            optimizer.register_load_state_dict_post_hook(partial(note, self._loaded, number))
            optimizer.register_step_pre_hook(refuse)

    def zero_grad(self) -> None:
        """Let go of the gradients."""
        self.whole.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Take a step of every replica."""
        self.whole.step()

    def set_rate(self, rate: float) -> None:
        """Let the next step be at the learning rate `rate`, and from what was loaded since the last.

        Raises:
            CannotStackError: what was loaded into the replicas since the last step does not go together.
        """
        if self._loaded:
            self._adopt()
        for group in self.whole.param_groups:
            group["lr"] = rate

    def _adopt(self) -> None:
        self.whole.load_state_dict(merged([optimizer.state_dict() for optimizer in self._own]))
        self._loaded.clear()
        for number, optimizer in enumerate(self._own):  # which lets go of what it held itself
            show(self.whole, self._loaded, number, optimizer)


def merged(states: Sequence[State]) -> State:
    """Return the state of an optimizer over stacked weights from those of the replicas' own.

    Raises:
        CannotStackError: they differ in settings or in steps taken.
    """
    first = states[0]
    if any(state["param_groups"] != first["param_groups"] for state in states):
        raise CannotStackError("the replicas' optimizers have different settings")
    if any(layout(state) != layout(first) for state in states):
        raise CannotStackError("the replicas have taken different numbers of steps")
    return {
        "state": {
            weight: {
                key: stacked_values(key, [state["state"][weight][key] for state in states])
                for key in held
            }
            for weight, held in first["state"].items()
        },
        "param_groups": first["param_groups"],
    }


def layout(state: State) -> dict[Any, dict[str, float | None]]:
    """Return what an optimizer's state holds of each weight, with the steps taken."""
    return {
        weight: {key: float(value) if key == STEP else None for key, value in held.items()}
        for weight, held in state["state"].items()
    }


def stacked_values(key: str, values: list[Any]) -> Any:
    """Return one entry of a stacked state from those of the replicas."""
    if not isinstance(values[0], torch.Tensor):
        return values[0]
    return values[0].clone() if key == STEP else stacked(values)


def show(whole: Optimizer, loaded: set[int], number: int, own: Optimizer) -> None:
    """Let the optimizer of replica `number` hold its share of `whole`, unless it was loaded since."""
    if number in loaded:
        return
    for mine, theirs in zip(own.param_groups, whole.param_groups, strict=True):
        mine["lr"] = theirs["lr"]
        for weight, leaf in zip(mine["params"], theirs["params"], strict=True):
            held = whole.state.get(leaf, {})
            own.state[weight] = {key: share(key, value, number) for key, value in held.items()}
            if not held:
                del own.state[weight]


def share(key: str, value: Any, number: int) -> Any:
    """Return the part of one entry of a stacked state that replica `number` would hold."""
    if not isinstance(value, torch.Tensor):
        return value
    return value if key == STEP else value[number]


def note(loaded: set[int], number: int, _: Optimizer) -> None:
    """Take note that something was loaded into the optimizer of replica `number`."""
    loaded.add(number)


def refuse(*_: object) -> None:
    """Refuse to step a replica alone.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("A replica of a stack takes its steps with the others.")
