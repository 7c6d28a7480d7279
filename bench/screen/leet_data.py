"""Writes runs as `wandb` does offline, for its own program to show; a process of its own.

    python -m bench.screen.leet_data FOLDER RUNS POINTS

Says `ready` when all runs have their points; then gives each ten more a second until its input ends.
"""

from __future__ import annotations

import math
import random
import select
import sys
import time
from pathlib import Path

TICK = 0.1


def main(folder: Path, runs: int, points: int) -> None:
    """Write the runs."""
    import wandb

    settings = wandb.Settings(
        mode="offline", x_disable_stats=True, x_disable_meta=True, console="off", silent=True,
        disable_code=True, disable_git=True, save_code=False,
    )  # fmt: skip
    written = [
        wandb.init(
            project="bench", name=f"batch-{32 * 2**number}", dir=folder, settings=settings,
            reinit="create_new",
        )
        for number in range(runs)
    ]  # fmt: skip
    rng = random.Random(0)

    def log(step: int, total: int) -> None:
        fall = 0.2 + 2.0 * math.exp(-3 * step / total)
        for run in written:
            figures = {"train_loss": fall * math.exp(rng.gauss(0, 0.1))}
            if step % 5 == 0:
                figures["val_loss"] = 1.1 * fall * math.exp(rng.gauss(0, 0.05))
                figures["volatility"] = 5 + rng.random()
            run.log(figures, step=step)

    for step in range(points):
        log(step, points)
    print("ready", flush=True)
    step, began = points, time.monotonic()
    while True:
        wait = began + (step - points) * TICK - time.monotonic()
        if select.select([sys.stdin], [], [], max(0.0, wait))[0]:
            break
        log(step, points)
        step += 1
    for run in written:
        run.finish()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
