"""What logging, evaluations, lenses and checkpoints cost, in % of the time of training steps.

The real loop on mnist5k, batches of 32, its real log on a real disk. Logging: steps with records at the
default pace (three a second) against steps with none, in turns. All else: seconds of one, against those
of the steps between two evaluations (four an epoch). An evaluation is all that the loop does then,
without lenses: the pass over 500 images, its figures, row and record, the sync, and the state kept, for
each is the best so far here. Averaged weights: pass and updates. A checkpoint comes every 30 s at most,
so that its share is of 30 s.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from bench.presets import SMALL_CNN, bench_run, threads_alone
from bench.timing import alternating, spread, timed, turns
from bench.trainer import make_loop, steps_of
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.session.layout import AttemptPaths, make_folder
from valtui_trainer.session.losses import LossRows
from valtui_trainer.training.assemble import prepare
from valtui_trainer.training.checkpoint import EVERY_SECONDS
from valtui_trainer.training.devices import open_device
from valtui_trainer.training.lenses.averaging import Average
from valtui_trainer.training.lenses.batchnorm import norm_layers
from valtui_trainer.training.lenses.calibration import calibrate
from valtui_trainer.training.lenses.passes import Passes
from valtui_trainer.training.lenses.plan import AVERAGED, CALIBRATED, EXACT
from valtui_trainer.training.loop import Loop
from valtui_trainer.training.pace import warm_up

ROUNDS = 7
MODELS = {"seed-cnn": Model(), "small-cnn + BatchNorm": SMALL_CNN}
NEVER = 1_000_000
STEPS = 200
Work = Callable[[], object]


def make(name: str, folder: Path) -> tuple[Loop, Loop, torch.device]:
    """Return a loop that logs at the default pace, and one that never does."""
    spec = bench_run(Preset(model=MODELS[name]), threads_alone())
    device = open_device(spec.device, spec.threads)
    material = prepare(spec, folder, device)
    pace = warm_up(spec, material, device)
    loops = [make_loop(spec, material, device, folder, log_every) for log_every in (pace, NEVER)]
    return loops[0], loops[1], device


def works(loop: Loop, folder: Path, between: int) -> dict[str, Work]:
    """Return what may be done at an evaluation, by name."""
    model = loop.replicas[0].model
    passes = Passes(loop.preset, loop.train_set, loop.val_set)
    seen = loop.evaluator.evaluate(0, model, keep_logits=True)
    average = Average(model, half_life=loop.timetable.steps_per_epoch / 2)
    attempt = AttemptPaths(folder / "rows", 0)
    make_folder(attempt.losses.parent)
    rows = LossRows(attempt, len(seen.losses), "")

    def evaluated() -> None:
        loop.checkpoints.best_loss = math.inf
        loop.evaluate()

    def averaged() -> None:
        for _ in range(between):
            average.update()
        passes.averaged(model, average)

    def kept() -> None:
        rows.append(seen.losses)
        rows.sync()

    found: dict[str, Work] = {
        "an evaluation": evaluated,
        "per-sample losses of it, written and synced": kept,
        f"lens {CALIBRATED}": lambda: calibrate(*seen.outputs()),
        f"lens {AVERAGED}": averaged,
    }
    if norm_layers(model):
        found[f"lens {EXACT}"] = lambda: passes.exact(model)
    return found


def measure(name: str, folder: Path) -> list[str]:
    """Return the rows of one model."""
    logged, unlogged, device = make(name, folder)
    between = round(logged.timetable.between)
    for loop in (logged, unlogged):
        steps_of(loop, STEPS, device)
    pairs = turns(
        [lambda loop=loop: steps_of(loop, STEPS, device) for loop in (logged, unlogged)], ROUNDS
    )  # type: ignore[misc]
    shares = [100 * (a / b - 1) for a, b in pairs]
    lines = [
        f"| {name} | logging, a record in {logged.log_every} steps | – | {spread(shares, '.1f')} |"
    ]
    interval = median([b for _, b in pairs]) / STEPS * between
    found = works(logged, folder / name, between)
    seconds = alternating(list(found.values()), device, ROUNDS, seconds=0.1)
    for what, took in zip(found, zip(*seconds, strict=True), strict=True):
        lines.append(row(name, what, list(took), interval))
    took = [timed(logged.write_checkpoint, device) for _ in range(ROUNDS)]
    lines.append(row(name, "a checkpoint", took, EVERY_SECONDS))
    for loop in (logged, unlogged):
        loop.journal.close()
    return lines


def row(name: str, what: str, took: list[float], interval: float) -> str:
    """Return the row of what took so many seconds, once in `interval` seconds of training."""
    shares = [100 * seconds / interval for seconds in took]
    return f"| {name} | {what} | {1e3 * median(took):.2f} | {spread(shares, '.1f')} |"


def main() -> list[str]:
    """Return the table."""
    lines = [
        "| model | what | ms of one | % of the time of training steps, median [min, max] |",
        f"|{4 * ' --- |'}",
    ]
    with tempfile.TemporaryDirectory(prefix="valtui-costs-") as place:
        for name in MODELS:
            for line in measure(name, Path(place)):
                lines.append(line)
                print(line, flush=True)
    return lines


if __name__ == "__main__":
    main()
