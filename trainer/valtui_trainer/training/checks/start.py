"""The checks that every run makes before its first step, and the one at its second evaluation."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from valtui_trainer.presets.types import Preset
from valtui_trainer.session.checks import KIND
from valtui_trainer.session.records import Check
from valtui_trainer.training import faults
from valtui_trainer.training.assemble import Material
from valtui_trainer.training.checks.batchnorm import batchnorm_memory, last_batch
from valtui_trainer.training.checks.frozen import frozen
from valtui_trainer.training.checks.overlap import overlap
from valtui_trainer.training.checks.sampling import averaging, order, resolution
from valtui_trainer.training.checks.unchanged import unchanged
from valtui_trainer.training.evaluate import batch_size
from valtui_trainer.training.journal import Journal
from valtui_trainer.training.lenses.batchnorm import norm_layers
from valtui_trainer.training.loop import Loop
from valtui_trainer.training.models import reason
from valtui_trainer.training.replica import Replica


def begin_with_checks(loop: Loop, material: Material) -> None:
    """Make and log the checks of a run before its first step, and see to the one that comes later."""
    first = loop.replicas[0]
    for check in checks_at_start(first, material, loop.preset):
        record(loop.journal, check, 0, first.seed)
    faults.rewind(material.val_set)
    loop.on_losses = FirstTwo(loop.journal)


def go_on_with_checks(
    loop: Loop, material: Material, known: list[Check], split_digest_before: str | None
) -> None:
    """See to the checks of a run that goes on: those of the data anew, if these are no longer the same.

    Args:
        loop: at the checkpoint.
        material: the data as they are now.
        known: what was checked before.
        split_digest_before: of the last attempt; None where it is not known.
    """
    first = loop.replicas[0]
    if split_digest_before not in (None, material.split_digest):
        loop.journal.event(
            "warning",
            "The data are not those that this run began with; what came before and what comes now "
            "cannot be compared.",
            step=loop.step,
            about="other data",
        )
        with unchanged(first, material.val_set):
            checks = quick_checks(first, material, loop.preset)
        for check in checks:
            record(loop.journal, check, loop.step, first.seed)
    if all(check.check != "resolution" for check in known):
        loop.on_losses = FirstTwo(loop.journal)


def checks_at_start(replica: Replica, material: Material, preset: Preset) -> list[Check]:
    """Return the checks of a run that has not begun; weights, buffers and generators stay as they are.

    Two passes over the validation set; all else is arithmetic.
    """
    with unchanged(replica, material.val_set):
        return [
            made("frozen", lambda: frozen(replica, material.val_set, preset)),
            *quick_checks(replica, material, preset),
        ]


def quick_checks(replica: Replica, material: Material, preset: Preset) -> list[Check]:
    """Return the checks that need no pass over any images; `replica` is about to begin an epoch."""
    layers, timetable = norm_layers(replica.model), material.timetable
    index = torch.arange(len(material.val_set), device=material.val_set.index_device)
    labels = material.train_labels[replica.next_order(material.train_set).numpy()]
    size = len(material.train_set)
    return [
        made("averaging", lambda: averaging(len(index), batch_size(material.val_set, index))),
        made("last-batch", lambda: last_batch(layers, preset, timetable, size)),
        made("batchnorm-memory", lambda: batchnorm_memory(layers, timetable)),
        made("order", lambda: order(labels, preset, timetable)),
        made("overlap", lambda: overlap(material.common, len(index))),
    ]


def made(name: str, check: Callable[[], Check]) -> Check:
    """Return what `check` gives; whatever it fails on must not fail a run."""
    try:
        return check()
    except Exception as error:
        message = f"This check could not be made ({reason(error)})."
        return Check(check=name, outcome="unknown", message=message)


def record(journal: Journal, check: Check, step: int, seed: int) -> None:
    """Log a check as an event."""
    journal.event(KIND, check.message, step=step, seed=seed, **msgspec.to_builtins(check))


class FirstTwo:
    """Makes the check `resolution` of the first two evaluations that it is told of."""

    def __init__(self, journal: Journal) -> None:
        """Log into `journal`."""
        self._journal = journal
        self._first: npt.NDArray[np.float32] | None = None
        self._done = False

    def __call__(self, losses: npt.NDArray[np.float32], step: int, seed: int) -> None:
        """Take the losses (n,) of an evaluation of one seed."""
        if self._done:
            return
        if self._first is None:
            self._first = losses.copy()
            return
        first, self._first, self._done = self._first, None, True
        record(
            self._journal,
            made("resolution", lambda: resolution(first, losses, early=True)),
            step,
            seed,
        )
