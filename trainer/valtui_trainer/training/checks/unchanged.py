"""A context that gives a replica and the validation set back as they were, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from valtui_trainer.training import faults
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.lenses.untouched import untouched
from valtui_trainer.training.replica import Replica


@contextmanager
def unchanged(replica: Replica, val_set: Batches) -> Iterator[None]:
    """Restore buffers and attributes of the model, and every generator, errors included."""
    states = [stream.get_state() for stream in replica.streams]
    global_state = replica.global_state
    fault = faults.state_of(val_set)
    try:
        with untouched(replica.model, val_set.device):
            yield
    finally:
        for stream, state in zip(replica.streams, states, strict=True):
            stream.set_state(state)
        replica.global_state = global_state
        faults.load_state(val_set, fault)
