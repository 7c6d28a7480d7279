"""Start from a checkpoint of another run: its weights, buffers and optimizer, under settings of one's own."""

from __future__ import annotations

from pathlib import Path

from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.records import Fork
from valtui_trainer.training import checkpoint
from valtui_trainer.training.checkpoint import State
from valtui_trainer.training.models import reason
from valtui_trainer.training.replica import Replica


def read_start(path: Path, fork: Fork) -> State:
    """Return the state that a fork starts from.

    Raises:
        SessionError: the file is gone, damaged, or not the one that was linked.
    """
    if not path.exists():
        raise SessionError(f"{path} is gone; what starts from it cannot begin.")
    if checkpoint.sha256_of(path) != fork.sha256:
        raise SessionError(
            f"{path} is damaged: it is not {fork.file} of {fork.run} as it was linked here."
        )
    state = checkpoint.read(path)
    if state is None:
        raise SessionError(f"{path} cannot be read: it is a checkpoint of another valtui.")
    return state


def take_over(replica: Replica, state: State, number: int) -> None:
    """Give `replica` weights, buffers and optimizer of a seed in `state`; its own randomness stays.

    Args:
        replica: fresh, under settings and a seed of its own.
        state: of the checkpoint.
        number: of the replica, from 0; seeds of the checkpoint are taken in turn.

    Raises:
        SessionError: the checkpoint does not fit the model.
    """
    theirs = state["replicas"][number % len(state["replicas"])]
    try:
        replica.continue_from(theirs)
    except (RuntimeError, ValueError, KeyError) as error:
        raise SessionError(
            f"The checkpoint does not fit the model any more ({reason(error)})."
        ) from None
