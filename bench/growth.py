"""How the cost grows: images a second against image size, classes, validation size, runs at once.

Images are drawn at random (colour 28x28 of 10 classes unless said otherwise), for only their number and
size matter here. Training: steps of 32 images, gather to optimizer, of small-cnn with BatchNorm in the
real loop with its log, evaluations left out. Validation size: an evaluation as the loop makes it, and
the bytes that it adds to the log. Runs at once: real processes by `valtui run --parallel`, two epochs of
seed-cnn on mnist5k each, all images of all runs over the wall time of the session from its first step to
its end (evaluations, lenses and the test part in, starts out).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

from bench.presets import SMALL_CNN, bench_run, device_name, threads_alone
from bench.timing import spread, timed
from bench.trainer import make_loop, steps_of
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import runs_of
from valtui_trainer.training.assemble import prepare
from valtui_trainer.training.devices import open_device
from valtui_trainer.training.loop import Loop

SIDES = (28, 56, 112, 224)
CLASSES = (10, 100, 1000)
VALIDATION = (500, 5_000, 50_000)
AT_ONCE = (1, 2, 4)
IMAGES = 640
ROUNDS = 3
SECONDS = 1.0
EPOCHS = 2
LOGS = (".jsonl", ".f32")


def write_data(path: Path, side: int, classes: int, val: int) -> None:
    """Write an `.npz` of random colour images with every class in every part."""
    draws = np.random.default_rng(0)

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        images = draws.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
        return images, np.arange(count) % classes

    arrays = {}
    for name, count in (("train", max(IMAGES, 2 * classes)), ("val", val), ("test", classes)):
        arrays[f"{name}_images"], arrays[f"{name}_labels"] = part(count)
    np.savez(path, **arrays)


def made(folder: Path, side: int = 28, classes: int = 10, val: int = 64) -> Loop:
    """Return a real loop on random data of this kind."""
    data = folder / f"{side}-{classes}-{val}.npz"
    write_data(data, side, classes, max(val, classes))
    preset = Preset(data=str(data), model=SMALL_CNN, drop_last=True)
    spec = bench_run(preset, threads_alone())
    device = open_device(spec.device, spec.threads)
    material = prepare(spec, folder, device)
    return make_loop(spec, material, device, folder, log_every=20)


def training(what: str, loop: Loop) -> str:
    """Return the row of the pace of training."""
    device = loop.train_set.device
    pace = steps_of(loop, 3, device) / 3
    steps = max(2, int(SECONDS / pace))
    images = steps * loop.preset.batch_size
    rates = [images / steps_of(loop, steps, device) for _ in range(ROUNDS)]
    loop.journal.close()
    return f"| {what} | {spread(rates, ',.0f')} images/s of training |"


def evaluating(count: int, loop: Loop, folder: Path) -> str:
    """Return the row of an evaluation of `count` images."""
    loop.evaluate()
    before = log_bytes(folder)
    seconds = [timed(loop.evaluate, loop.train_set.device) for _ in range(ROUNDS)]
    added = (log_bytes(folder) - before) / ROUNDS
    loop.journal.close()
    return (
        f"| validation set of {count:,} | {spread(seconds, '.3f')} s an evaluation, "
        f"{count / median(seconds):,.0f} images/s, {added:,.0f} bytes of log |"
    )


def log_bytes(folder: Path) -> int:
    """Return the bytes of what all loops in `folder` have logged of their evaluations."""
    return sum(path.stat().st_size for path in folder.rglob("val*") if path.suffix in LOGS)


def at_once(count: int, home: Path) -> str:
    """Return the row of so many runs at once."""
    names = ["seed-cnn", "dropout-25", "learning-rate-0.003", "optimizer-adamw"][:count]
    subprocess.run(
        [
            sys.executable, "-m", "valtui.cli.main", "run", *names, "--plain", "--home", str(home),
            "--device", device_name(), "--epochs", str(EPOCHS), "--parallel", str(count),
        ],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    session = SessionPaths(max((home / "sessions").iterdir()))
    attempts = [run.attempt(0) for run, _ in runs_of(session)]
    began = min(attempt.start.stat().st_mtime for attempt in attempts)
    ended = max(attempt.final.stat().st_mtime for attempt in attempts)
    images = sum(EPOCHS * read_history(run).starts[0].train_size for run, _ in runs_of(session))
    return f"| {count} at once | {images / (ended - began):,.0f} images/s in all |"


def lines_of(folder: Path) -> Iterator[str]:
    """Yield the rows."""
    for side in SIDES:
        yield training(f"images of {side}x{side}", made(folder, side=side))
    for classes in CLASSES:
        yield training(f"{classes} classes", made(folder, classes=classes))
    for count in VALIDATION:
        yield evaluating(count, made(folder, val=count), folder)
    for count in AT_ONCE:
        yield at_once(count, folder)


def main() -> list[str]:
    """Return the table."""
    lines = ["| what | median [min, max] |", "| --- | --- |"]
    with tempfile.TemporaryDirectory(prefix="valtui-growth-") as place:
        for line in lines_of(Path(place)):
            lines.append(line)
            print(line, flush=True)
    return lines


if __name__ == "__main__":
    main()
