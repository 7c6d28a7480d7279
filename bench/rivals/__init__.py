"""The same training by what people would pick: a plain DataLoader loop, Lightning, and `valtui run`.

mnist5k (4,000 images), two epochs, Adam, the validation set (500 images) evaluated four times an epoch;
each in a fresh process, taking turns. A DataLoader (0 or 2 workers, kept from epoch to epoch) with
torchvision's transforms on images as its MNIST class gives them; NCHW; the plain loop prints its loss
every 50 steps; Lightning with its progress bar, CSV logger and checkpoint as they come. valtui is the
real command line, so its checks, log, lenses and checkpoints are in.

Training steps: images a second without evaluations and the first 8 steps (valtui: without lenses and
checkpoints too, which the part `costs` has; Lightning: without its checkpoints). Evaluation: likewise. Wall time: of the whole process, imports,
checks, the test part (valtui alone has that) and the verdict included. Ratios above 1 are in valtui's favour.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import msgspec
import numpy as np

from bench.presets import bench_run, device_name
from bench.rivals import ours
from bench.rivals.task import Answer, Task
from bench.timing import spread, turns
from valtui_trainer.presets.types import Preset
from valtui_trainer.training.assemble import read_split
from valtui_trainer.training.data.statistics import channel_statistics

EPOCHS = 2
ROUNDS = 3
OURS = "valtui run --plain"
DATALOADER, DATALOADER_2 = "DataLoader, 0 workers", "DataLoader, 2 workers"
LIGHTNING, LIGHTNING_2 = "Lightning, 0 workers", "Lightning, 2 workers"
RIVALS = {
    DATALOADER: ("bench.rivals.plain", 0),
    DATALOADER_2: ("bench.rivals.plain", 2),
    LIGHTNING: ("bench.rivals.with_lightning", 0),
    LIGHTNING_2: ("bench.rivals.with_lightning", 2),
}
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@dataclass(frozen=True, slots=True)
class Case:
    """One job, and by whom it is done."""

    name: str
    model: str
    batch_size: int
    augmented: bool
    rivals: tuple[str, ...]


CASES = (
    Case("seed-cnn, batch 32", "seed-cnn", 32, False, tuple(RIVALS)),
    Case("seed-cnn, batch 32, augmented", "seed-cnn", 32, True, (DATALOADER, DATALOADER_2)),
    Case("small-cnn + BatchNorm, batch 32", "small-cnn", 32, False, (DATALOADER, LIGHTNING)),
    Case("seed-cnn, batch 128", "seed-cnn", 128, False, (DATALOADER, LIGHTNING)),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process did: seconds from start to exit, and images a second."""

    wall: float
    train: float
    evaluation: float
    accuracy: float


def write_data(path: Path, home: Path) -> None:
    """Write the parts of valtui's split where the rivals read them, as uint8."""
    _, split = read_split(bench_run(Preset()), home)
    mean, deviation = channel_statistics(split.train)
    np.savez(
        path,
        train_images=split.train.images, train_labels=split.train.labels,
        val_images=split.val.images, val_labels=split.val.labels,
        mean=mean[0], deviation=deviation[0],
    )  # fmt: skip


def measured(case: Case, who: str, folder: Path) -> Measured:
    """Let `who` do the job of `case` in a process of its own."""
    module, workers = RIVALS.get(who, ("", 0))
    answer = folder / "answer.json"
    task = Task(
        case.model, case.batch_size, case.augmented, EPOCHS, device_name(), workers,
        str(folder / "data.npz"), str(answer),
    )  # fmt: skip
    began = time.perf_counter()
    if module:
        words = msgspec.json.encode(task).decode()
        subprocess.run([sys.executable, "-m", module, words], check=True, **QUIET)  # type: ignore[call-overload]
    else:
        ours.run(task, folder)
    wall = time.perf_counter() - began
    found = (
        msgspec.json.decode(answer.read_bytes(), type=Answer)
        if module
        else ours.answer_of(task, folder)
    )
    return Measured(
        wall,
        found.train_images / found.train_seconds,
        found.eval_images / found.eval_seconds,
        found.accuracy,
    )


def rows(case: Case, folder: Path) -> list[str]:
    """Return the rows of one job."""
    names = (OURS, *case.rivals)
    works = [partial(measured, case, who, folder) for who in names]
    found = [dict(zip(names, turn, strict=True)) for turn in turns(works, ROUNDS)]
    lines = []
    for who in names:
        mine, own = [turn[who] for turn in found], [turn[OURS] for turn in found]
        train = [o.train / m.train for o, m in zip(own, mine, strict=True)]
        wall = [m.wall / o.wall for o, m in zip(own, mine, strict=True)]
        ratios = ("1", "1") if who == OURS else (spread(train), spread(wall))
        cells = (
            case.name,
            who,
            f"{median(m.train for m in mine):,.0f}",
            f"{median(m.evaluation for m in mine):,.0f}",
            f"{median(m.wall for m in mine):.1f}",
            f"{median(m.accuracy for m in mine):.2f}",
            *ratios,
        )
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def main() -> list[str]:
    """Return the table."""
    lines = [
        "| job | by | steps, images/s | evaluation, images/s | wall, s | accuracy | valtui's steps over it, median [min, max] of turns | its wall time over valtui's |",
        f"|{8 * ' --- |'}",
    ]
    with tempfile.TemporaryDirectory(prefix="valtui-rivals-") as place:
        folder = Path(place)
        write_data(folder / "data.npz", folder)
        for case in CASES:
            lines += rows(case, folder)
    return lines


if __name__ == "__main__":
    main()
