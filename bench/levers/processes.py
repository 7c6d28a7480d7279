"""Levers of a whole process: freed memory kept, threads a run, the copy of a batch ahead, imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch.nn import functional

from bench.levers.lever import Lever, assembled
from bench.levers.worker import at_once, command
from bench.timing import Timed, alternating, timed, turns
from valtui_trainer.presets.types import Preset
from valtui_trainer.supervise.devices import cores
from valtui_trainer.training.assemble import build_model
from valtui_trainer.training.optimization import build_optimizer

IMPORTS = ("import torch", "import torch, torch._dynamo")
STEPS = {32: 150, 512: 15}


def levers() -> Iterator[Lever]:
    """Yield what was measured, each turn in fresh processes."""
    if torch.cuda.is_available():
        yield ahead()
        return
    for batch_size, steps in STEPS.items():
        a, b = (one(batch_size, 1, steps, kept) for kept in (True, False))
        yield Lever(
            f"freed memory, seed-cnn, batch {batch_size}", "kept by the process",
            "given back (glibc's default)", turns([a, b], 3),
        )  # fmt: skip
    for model in ("seed-cnn", "small-cnn") if cores() >= 2 else ():
        a, b = (one(32, threads, STEPS[32], True, model) for threads in (1, 2))
        yield Lever(
            f"one run alone on two cores, {model}, batch 32", "1 thread", "2 threads",
            turns([a, b], 3),
        )  # fmt: skip
        yield Lever(
            f"two runs on two cores, a step of both, {model}, batch 32", "at once, 1 thread each",
            "one after another, 2 threads", turns([both(model), after(model)], 3),
        )  # fmt: skip
    yield Lever(
        "start of a run", "torch alone", "with its compiler (any optimizer of torch's own)",
        turns([partial(timed, partial(started, what), torch.device("cpu")) for what in IMPORTS], 4),
    )  # fmt: skip


def one(batch_size: int, threads: int, steps: int, kept: bool, model: str = "seed-cnn") -> Timed:
    """Return what trains in one fresh process, and gives the seconds of a step."""
    return lambda: at_once([command(model, batch_size, threads, steps, kept)])[0]


def both(model: str) -> Timed:
    """Return the same for two processes at once: the seconds in which each takes a step."""
    return lambda: max(at_once([command(model, 32, 1, STEPS[32], True)] * 2))


def after(model: str) -> Timed:
    """Return the same for two processes one after another."""
    return lambda: 2 * at_once([command(model, 32, 2, STEPS[32], True)])[0]


def started(imports: str) -> None:
    """Start a process that does nothing but these `imports`, and wait for its end."""
    subprocess.run([sys.executable, "-c", imports], check=True)


def ahead() -> Lever:
    """Return what copying the batch ahead on a stream of its own brings to a set that is streamed."""
    spec, material, device = assembled(Preset(batch_size=128), room=0)
    model = build_model(spec, 0, material.shape, material.classes).to(device).train()
    optimizer = build_optimizer(model.parameters(), spec.preset, device)
    order = torch.randperm(len(material.train_set))
    places = range(0, len(order) - 128, 128)

    def epoch(index_of: Callable[[int], torch.Tensor]) -> None:
        for place in places:
            images, labels = material.train_set.batch(index_of(place))
            loss = functional.cross_entropy(model(images), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    def slices() -> None:
        epoch(lambda place: order[place : place + 128])

    def copies() -> None:  # an index that is no slice of an order has no batch ahead
        epoch(lambda place: order[place : place + 128].clone())

    return Lever(
        "an epoch of seed-cnn from host memory, batch 128", "a batch ahead, on a side stream",
        "each batch when it is asked for", alternating([slices, copies], device, 5),
    )  # fmt: skip
