"""torch.compile of a run's networks: all of it before a run begins, for every size of batch.

A network is compiled in place, so that its state, its copies and its checkpoints are those of any other;
its copies are not compiled.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch

from valtui_trainer.presets.types import Preset
from valtui_trainer.training.assemble import Material
from valtui_trainer.training.checks.unchanged import unchanged
from valtui_trainer.training.control import LONG_DEADLINE
from valtui_trainer.training.drawn import number_layers
from valtui_trainer.training.evaluate import batch_size, evaluate
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.journal import Clock, Journal
from valtui_trainer.training.lenses.passes import all_of
from valtui_trainer.training.models import reason
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.uncompiled import stance

BACKEND = "inductor"
MOST_GRAPHS = 64
"""Of one function: each size of batch has one, in train and in eval mode, and each break of a graph more."""

HEADERS = "cpp_cache_precompile_headers"
"""A setting of the compiler, off here: the headers that it prepares lie in /tmp, wherever its cache is."""


def compile_networks(
    replicas: Sequence[Replica], material: Material, journal: Journal, clock: Clock
) -> AbstractContextManager[object]:
    """Compile the networks of `replicas` if their preset says so; return the context that they are to run in.

    There nothing is compiled any more: what would have to be is done uncompiled, as all is where
    compiling fails.
    """
    preset = replicas[0].preset
    if not preset.compile:
        return nullcontext()
    journal.phase("compiling", preset.deadline or LONG_DEADLINE)
    began = time.monotonic()
    problem = None
    try:
        sizes = compile_all(preset, replicas, material)
    except Exception as error:  # whatever a compiler fails on, the network itself does not
        problem = reason(getattr(error, "inner_exception", error))  # which torch wraps
    seconds = time.monotonic() - began
    clock.leave_out(seconds)  # before anything is logged, whose time it would be in
    if problem is not None:
        journal.event(
            "warning",
            f"The network could not be compiled ({problem}); it is trained uncompiled.",
            about="compile",
        )
        return stance("force_eager")
    journal.event(
        "compile",
        f"The network was compiled for {sizes} sizes of batch in {seconds:.0f} s.",
        sizes=sizes,
        seconds=seconds,
    )
    return stance("eager_on_recompile")


def compile_all(preset: Preset, replicas: Iterable[Replica], material: Material) -> int:
    """Compile the network of each replica for all batches that come; return how many sizes these have.

    Nothing of the replicas is changed but that.

    Raises:
        Exception: whatever the compiler fails on.
    """
    import torch._dynamo.config as dynamo
    import torch._inductor.config as inductor

    # What a model draws by functions of torch it draws as it does uncompiled, not by the compiler's own.
    own: dict[str, object] = {"fallback_random": True}
    if hasattr(inductor, HEADERS):
        own[HEADERS] = False
    if material.train_set.device.type == "cpu":
        own["compile_threads"] = 1
    steps, passes = sizes_of_steps(preset, material), sizes_of_passes(material)
    autocast = preset.precision == "bfloat16"
    with dynamo.patch(recompile_limit=MOST_GRAPHS), inductor.patch(own):
        for replica in replicas:
            compile_network(replica)
            with unchanged(replica, material.val_set):
                replica.model.train()
                for index in steps:
                    replica.gradient(material.train_set, index)
                for data, index in passes:
                    evaluate(replica.model, data, index, autocast)
    return len(steps) + len(passes)


def compile_network(replica: Replica) -> None:
    """Have the network of `replica` run compiled, if its preset says so: as those like it are already."""
    if replica.preset.compile:
        number_layers(replica.model)
        replica.model.compile(backend=BACKEND, dynamic=False)


def sizes_of_steps(preset: Preset, material: Material) -> list[torch.Tensor]:
    """Return the first images (b,), as many as each size of training batch has."""
    everything = all_of(material.train_set)
    rest = 0 if preset.drop_last else len(everything) % preset.batch_size
    sizes = {min(preset.batch_size, len(everything)), rest} - {0}
    return [everything[:size] for size in sorted(sizes, reverse=True)]


def sizes_of_passes(material: Material) -> list[tuple[Batches, torch.Tensor]]:
    """Return images of the sets that are evaluated, as many as each size of batch there has."""
    sets = [
        (material.val_set, all_of(material.val_set)),
        (material.train_set, material.train_subset),
    ]
    if material.test_set is not None:
        sets.append((material.test_set, all_of(material.test_set)))
    found: dict[int, tuple[Batches, torch.Tensor]] = {}
    for data, index in sets:
        most = batch_size(data, index)
        for size in (min(most, len(index)), len(index) % most):
            if size:
                found.setdefault(size, (data, index[:size]))
    return list(found.values())
