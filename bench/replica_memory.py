"""A process that trains so many replicas for a while and prints the most memory it held, in bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from bench.levers.lever import assembled
from valtui_trainer.presets.types import Preset
from valtui_trainer.training.assemble import build_replica
from valtui_trainer.training.choose_engine import make_ensemble

STEPS = 10


def peak_of(count: int) -> int:
    """Return the most bytes that a fresh process with `count` replicas of seed-cnn holds.

    On the CPU its resident memory from the building of the replicas on, torch itself included; on CUDA
    what torch has allocated there.
    """
    told = subprocess.run(
        [sys.executable, "-m", "bench.replica_memory", str(count)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return int(told.stdout.split()[-1])


def main() -> None:
    """Train, and tell."""
    spec, material, device = assembled(Preset())
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of reading the data
    replicas = [build_replica(spec, seed, material, device, 50) for seed in range(int(sys.argv[1]))]
    ensemble = make_ensemble(replicas, material.train_set)
    ensemble.train_mode()
    ensemble.begin_epoch(material.train_set)
    for number in range(STEPS):
        ensemble.step(material.train_set, number * spec.preset.batch_size, 1e-3)
    if device.type == "cuda":
        print(torch.cuda.max_memory_allocated(device))
    else:
        print(resident_peak())


def resident_peak() -> int:
    """Return the most bytes that were resident since the peak was last forgotten."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
