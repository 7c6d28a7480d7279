"""Replicas trained one after another (`Ensemble`) against all in one go (`Stacked`), one thread.

A step of all of them, forward to optimizer, on mnist5k in batches of 32, with dropout 0.25. A and B
alternate; each figure is a median with its spread. On the CPU the loop is always taken: each seed is
to the bit what it would be alone, and only tiny nets would gain.

Then 16 seeds in one run against 16 runs of one seed, one after another: a step of all in the engine that
the trainer chooses, and the most memory of a fresh process (CPU: resident, torch itself included).
"""

from __future__ import annotations

import time
from functools import partial
from statistics import median

from msgspec.structs import replace

from bench.levers.lever import assembled
from bench.presets import SMALL_CNN
from bench.replica_memory import peak_of
from bench.timing import spread, synchronise, turns
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.assemble import Material, build_replica
from valtui_trainer.training.choose_engine import make_ensemble
from valtui_trainer.training.ensemble import Ensemble
from valtui_trainer.training.stacked import Stacked

ROUNDS = 5
SECONDS = 0.3
SEEDS = 16
REPLICAS = (2, 4, 8)
MODELS = {
    "seed-cnn": Model(dropout=0.25),
    "small-cnn + BatchNorm": replace(SMALL_CNN, dropout=0.25),
    "the same of width 2": replace(SMALL_CNN, width=2, dropout=0.25),
}
FIRST = next(iter(MODELS))


def seconds(ensemble: Ensemble, material: Material, steps: int) -> float:
    """Return the seconds of a step of all replicas, on average over `steps`."""
    batch = ensemble.replicas[0].preset.batch_size
    whole = len(material.train_set) // batch
    synchronise(material.train_set.device)
    began = time.perf_counter()
    for number in range(steps):
        ensemble.step(material.train_set, number % whole * batch, 1e-3)
        if ensemble.open_steps == len(ensemble.replicas[0].losses):
            ensemble.figures()
    synchronise(material.train_set.device)
    return (time.perf_counter() - began) / steps


def measure(name: str, count: int, material: Material, spec: RunSpec) -> str:
    """Return one row: milliseconds of both, and the ratio of each pair."""
    device = material.train_set.device

    def ensemble(kind: type[Ensemble]) -> Ensemble:
        replicas = [build_replica(spec, seed, material, device, 50) for seed in range(count)]
        made = kind(replicas)
        made.train_mode()
        made.begin_epoch(material.train_set)
        return made

    loop, stack = ensemble(Ensemble), ensemble(Stacked)
    for one in (loop, stack):
        seconds(one, material, 3)
    steps = max(3, int(SECONDS / seconds(loop, material, 3)))
    pairs = turns([partial(seconds, one, material, steps) for one in (loop, stack)], ROUNDS)
    ratios = [one / other for one, other in pairs]
    return (
        f"| {name}, {count} replicas | {1e3 * median(a for a, _ in pairs):.1f} | "
        f"{1e3 * median(b for _, b in pairs):.1f} | {spread(ratios)} |"
    )


def sixteen(material: Material, spec: RunSpec) -> list[str]:
    """Return what 16 seeds of seed-cnn in one run take, against as many runs of one."""
    device = material.train_set.device

    def ensemble(seeds: range) -> Ensemble:
        made = make_ensemble(
            [build_replica(spec, seed, material, device, 50) for seed in seeds], material.train_set
        )
        made.train_mode()
        made.begin_epoch(material.train_set)
        seconds(made, material, 10)
        return made

    together, alone = ensemble(range(SEEDS)), ensemble(range(1))
    steps = max(3, int(SECONDS / seconds(together, material, 3)))
    pairs = turns(
        [
            lambda: seconds(together, material, steps),
            lambda: SEEDS * seconds(alone, material, SEEDS * steps),
        ],
        ROUNDS,
    )
    ratios = [one / all_of for all_of, one in pairs]
    ours, theirs = (f"{1e3 * median(both):.1f}" for both in zip(*pairs, strict=True))
    many, single = (peak_of(count) >> 20 for count in (SEEDS, 1))
    return [
        "| seed-cnn | 16 seeds in one run | 16 runs of one seed, one after another | ratio |",
        "| --- | --- | --- | --- |",
        f"| a step of all, ms, engine {together.name} | {ours} | {theirs} | {spread(ratios)} |",
        f"| most memory of a process, MB | {many:,} | {single:,} each | {many / single:.2f} |",
    ]


def main() -> list[str]:
    """Return the table."""
    lines = [
        "| model | loop, ms a step | stack, ms a step | loop's time over the stack's, median [min, max] of pairs |",
        "| --- | --- | --- | --- |",
    ]
    further: list[str] = []
    for name, model in MODELS.items():
        spec, material, _ = assembled(Preset(model=model))
        for count in REPLICAS:
            lines.append(measure(name, count, material, spec))
            print(lines[-1], flush=True)
        if name == FIRST:
            further = sixteen(material, spec)
            print(*further, sep="\n", flush=True)
    return [*lines, "", *further]


if __name__ == "__main__":
    main()
