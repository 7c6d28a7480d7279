"""A process that trains for a while and prints the seconds of a step: for what belongs to a whole process."""

from __future__ import annotations

import json
import subprocess
import sys

import torch

from bench.levers.lever import assembled
from bench.timing import timed
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.training import devices
from valtui_trainer.training.assemble import build_replica

WARM_UP_STEPS = 5


def command(model: str, batch_size: int, threads: int, steps: int, keeps_memory: bool) -> list[str]:
    """Return the command of a worker."""
    words = [model, str(batch_size), str(threads), str(steps), json.dumps(keeps_memory)]
    return [sys.executable, "-c", "from bench.levers.worker import main; main()", *words]


def at_once(commands: list[list[str]]) -> list[float]:
    """Return the seconds of a step of each worker, all training at once."""
    workers = [
        subprocess.Popen(one, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for one in commands
    ]
    for worker in workers:  # all are warm before any of them begins
        assert worker.stdout is not None
        worker.stdout.readline()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    return [float(worker.communicate()[0]) for worker in workers]


def main() -> None:
    """Warm up, wait for a line, train, tell."""
    model, batch_size, threads, steps = sys.argv[1], *map(int, sys.argv[2:5])
    if not json.loads(sys.argv[5]):
        devices.keep_freed_memory = lambda: False
    preset = Preset(model=Model(name=model, batchnorm=model == "small-cnn"), batch_size=batch_size)
    spec, material, device = assembled(preset, threads)
    replica = build_replica(spec, 0, material, device, steps)
    replica.begin_epoch(material.train_set)
    replica.model.train()

    def step() -> None:
        replica.open_steps = 0
        replica.step(material.train_set, 0, 1e-3)

    timed(step, torch.device(device), WARM_UP_STEPS)
    print("warm", flush=True)
    sys.stdin.readline()
    print(timed(step, torch.device(device), steps), flush=True)
