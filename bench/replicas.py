"""Replicas trained one after another (`Ensemble`) against all in one go (`Stacked`), one thread.

A step of all of them, forward to optimizer, on mnist5k in batches of 32, with dropout 0.25. A and B
alternate; each figure is a median with its spread. On the CPU the loop is always taken: each seed is
to the bit what it would be alone, and only tiny nets would gain.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import torch

from bench.trainer import synchronise
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.assemble import Material, build_replica, prepare
from valtui_trainer.training.devices import open_device
from valtui_trainer.training.ensemble import Ensemble
from valtui_trainer.training.stacked import Stacked

ROUNDS = 7
SECONDS = 0.5
REPLICAS = (2, 4, 8)
MODELS = {
    "seed-cnn": Model(dropout=0.25),
    "small-cnn + BatchNorm": Model(name="small-cnn", batchnorm=True, dropout=0.25),
    "the same of width 2": Model(name="small-cnn", width=2, batchnorm=True, dropout=0.25),
}


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
    pairs = [
        (seconds(loop, material, steps), seconds(stack, material, steps)) for _ in range(ROUNDS)
    ]
    ratios = sorted(mine / theirs for mine, theirs in pairs)
    return (
        f"| {name}, {count} replicas | {1e3 * statistics.median(a for a, _ in pairs):.1f} | "
        f"{1e3 * statistics.median(b for _, b in pairs):.1f} | "
        f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}] |"
    )


def main() -> list[str]:
    """Return the table."""
    device_name = "cuda:0" if torch.cuda.is_available() else "cpu"
    lines = [
        "| model | loop, ms a step | stack, ms a step | loop's time over the stack's, median [min, max] of pairs |",
        "| --- | --- | --- | --- |",
    ]
    for name, model in MODELS.items():
        spec = RunSpec(
            id="bench", preset_name="bench", preset=Preset(model=model), seeds=[0],
            device=device_name, threads=1, position=0, session="bench",
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            material = prepare(spec, Path(folder), open_device(device_name, 1))
        for count in REPLICAS:
            lines.append(measure(name, count, material, spec))
            print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    main()
