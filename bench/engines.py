"""The engines on CUDA: steps launched kernel by kernel (loop), replayed from CUDA graphs (graph), stacked, or both.

A step of all replicas, from the gather of the images to the optimizer, on mnist5k with dropout 0.25;
seed-cnn, and small-cnn with BatchNorm. Beside them, for one replica, what most people write: a
`DataLoader` over tensors (shuffled, pinned, no workers), each batch sent to the device, the same fused
optimizer, `loss.item()` once every 50 steps. All take turns; times are medians, ratios medians of turns
with their least and largest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from statistics import median

import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from bench.levers.lever import assembled
from bench.replicas import MODELS, seconds
from bench.timing import spread, synchronise, turns
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.assemble import Material, build_model, build_replica
from valtui_trainer.training.choose_engine import ENGINES, FOR_ONE
from valtui_trainer.training.ensemble import Engine, Ensemble
from valtui_trainer.training.optimization import build_optimizer

ROUNDS = 7
SECONDS = 0.3
BATCHES = (32, 128)
REPLICAS = (1, 4, 16)
WARM_UP_STEPS = 8
LOOKED_AT_EVERY = 50
WITHOUT_CUDA = (
    "Graphs need CUDA, and this machine has none: nothing was measured. That replays take the loop's "
    "steps is tested without (`tests/training/test_graphed.py`)."
)

Steps = Callable[[int], float]
"""Takes so many steps; returns the seconds of one."""


def timed_engine(name: Engine, count: int, spec: RunSpec, material: Material) -> Steps:
    """Return the engine `name` with `count` fresh replicas, warmed up."""
    device = material.train_set.device
    replicas = [
        build_replica(spec, seed, material, device, LOOKED_AT_EVERY) for seed in range(count)
    ]
    ensemble: Ensemble = ENGINES[name](replicas)
    ensemble.train_mode()
    ensemble.begin_epoch(material.train_set)
    seconds(ensemble, material, WARM_UP_STEPS)
    if ensemble.trouble:
        raise RuntimeError(f"{name}: {ensemble.trouble}")
    return partial(seconds, ensemble, material)


def timed_plain_loop(spec: RunSpec, material: Material) -> Steps:
    """Return the plain loop over a `DataLoader`, warmed up."""
    device = material.train_set.device
    images, labels = material.train_set.batch(torch.arange(len(material.train_set), device=device))
    loader = DataLoader(
        TensorDataset(images.cpu(), labels.cpu()),
        batch_size=spec.preset.batch_size, shuffle=True, drop_last=True, pin_memory=True,
    )  # fmt: skip
    model = build_model(spec, 0, material.shape, material.classes).to(device).train()
    optimizer = build_optimizer(model.parameters(), spec.preset, device)

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            yield from loader

    endless = batches()

    def steps(count: int) -> float:
        synchronise(device)
        began = time.perf_counter()
        for number, (some, theirs) in enumerate(islice(endless, count)):
            loss = functional.cross_entropy(
                model(some.to(device, non_blocking=True)), theirs.to(device, non_blocking=True)
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if number % LOOKED_AT_EVERY == 0:
                loss.item()
        synchronise(device)
        return (time.perf_counter() - began) / count

    steps(WARM_UP_STEPS)
    return steps


def row(name: str, batch: int, count: int, timed: dict[str, Steps]) -> str:
    """Return one row: milliseconds of each, and the loop's and plain loop's time over the graph's."""
    steps = max(20, int(SECONDS / timed["loop"](20)))
    found = [
        dict(zip(timed, turn, strict=True))
        for turn in turns([partial(work, steps) for work in timed.values()], ROUNDS)
    ]

    def milliseconds(who: str) -> str:
        return f"{1e3 * median(turn[who] for turn in found):.3f}" if who in timed else "-"

    def over(who: str, other: str) -> str:
        if who not in timed:
            return "-"
        return spread([turn[who] / turn[other] for turn in found])

    cells = [
        *map(milliseconds, ("DataLoader", *ENGINES)),
        over("DataLoader", "graph"),
        over("loop", "graph"),
        over("stack", "graph-stack"),
    ]
    return f"| {name}, batch {batch}, {count} | {' | '.join(cells)} |"


def measure(name: str, model: Model, batch: int) -> Iterator[str]:
    """Yield the rows of one model and batch size."""
    spec, material, _ = assembled(Preset(model=model, batch_size=batch))
    for count in REPLICAS:
        timed: dict[str, Steps] = (
            {"DataLoader": timed_plain_loop(spec, material)} if count == 1 else {}
        )
        engines: tuple[Engine, ...] = tuple(ENGINES) if count > 1 else FOR_ONE
        for engine in engines:
            timed[engine] = timed_engine(engine, count, spec, material)
        yield row(name, batch, count, timed)


def main() -> list[str]:
    """Return the table; without CUDA, why there is none."""
    if not torch.cuda.is_available():
        return [WITHOUT_CUDA]
    heads = (
        "| model, batch, replicas | DataLoader, ms | loop, ms | graph, ms | stack, ms | graph-stack, ms "
        "| DataLoader over graph | loop over graph | stack over graph-stack |"
    )
    lines = [heads, f"|{9 * ' --- |'}"]
    for name in ("seed-cnn", "small-cnn + BatchNorm"):
        for batch in BATCHES:
            for line in measure(name, MODELS[name], batch):
                lines.append(line)
                print(line, flush=True)
    return lines


if __name__ == "__main__":
    print("\n".join(main()))
