"""Where the time of a training step goes, by `valtui run --profile`, one thread, on mnist5k.

Shares are of the training time, as `profile.txt` gives them: records and evaluations, which come now
and then, are spread over the steps between; "evaluation" has the lenses' passes in it. They are of 50
recorded steps after a warm-up of 20. Milliseconds and images/s are of the steps after those, which
nothing records, evaluations left out. On CUDA a second row has the shares of the device's kernels.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from msgspec.structs import replace

from bench.levers.lever import assembled
from bench.presets import SMALL_CNN, bench_run
from bench.trainer import session_spec
from valtui_trainer.presets.spacing import steps_per_epoch
from valtui_trainer.presets.types import Augmentation, Preset
from valtui_trainer.session.create import add_attempt, create_session
from valtui_trainer.session.history import History, read_history
from valtui_trainer.training.attempt import run_attempt

STEPS = 400
PHASES = (
    "data",
    "augmentation",
    "forward",
    "loss",
    "backward",
    "optimizer",
    "replayed steps",
    "record",
)
PRESETS = {
    "seed-cnn, batch 32": Preset(batch_size=32),
    "seed-cnn, batch 512": Preset(batch_size=512),
    "small-cnn + BatchNorm, augmented, batch 32": Preset(
        batch_size=32,
        model=SMALL_CNN,
        augmentation=Augmentation(rotation=15, shift_x=0.1, shift_y=0.1, zoom=0.1),
    ),
}


def train(preset: Preset, folder: Path) -> History:
    """Return the log of a run of `preset` with `--profile`."""
    _, material, _ = assembled(preset)
    per_epoch = steps_per_epoch(preset, len(material.train_set))
    spec = bench_run(lasting(preset, STEPS / per_epoch), profile=True)
    run = create_session(folder, session_spec(), [spec]).run(spec.id)
    if run_attempt(add_attempt(run).folder):
        raise RuntimeError(f"the run failed; see {run.folder}")
    return read_history(run)


def lasting(preset: Preset, epochs: float) -> Preset:
    """Return `preset` for so many epochs, with a record every ten steps."""
    return replace(preset, epochs=epochs, log_every=10)


def profile_of(history: History) -> dict[str, Any]:
    """Return what the profile of a run says."""
    return next(event.data for _, event in history.events if event.kind == "profile")


def speed(history: History, profile: dict[str, Any]) -> float:
    """Return the images per second of the steps after the recorded ones."""
    last = profile["first"] + profile["steps"] + 10
    return median(
        record.images_per_second
        for record in history.train
        if record.step > last and record.images_per_second
    )


def row(name: str, middle: str, shares: dict[str, float]) -> str:
    """Return one row: shares of the phases, in percent."""
    now_and_then = shares.get("evaluation", 0.0) + shares.get("lenses", 0.0)
    cells = [*(shares.get(phase, 0.0) for phase in PHASES), now_and_then, shares.get("rest", 0.0)]
    return f"| {name} | {middle} | " + " | ".join(f"{100 * cell:.1f}" for cell in cells) + " |"


def measure(name: str, preset: Preset) -> list[str]:
    """Return the rows of one preset."""
    with tempfile.TemporaryDirectory() as folder:
        history = train(preset, Path(folder))
    profile = profile_of(history)
    images = speed(history, profile)
    rows = [row(name, f"{1e3 * preset.batch_size / images:.2f} | {images:,.0f}", profile["shares"])]
    kernels = profile["kernels"]
    total = sum(kernels.values())
    if total:
        shares = {phase: spent / total for phase, spent in kernels.items()}
        rows.append(row("… its kernels", f"{total:.2f} |", shares))
    return rows


def main() -> list[str]:
    """Return the table."""
    head = ["preset", "ms a step", "images/s"]
    head += [f"{phase} %" for phase in (*PHASES, "evaluation", "rest")]
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for name, preset in PRESETS.items():
        for line in measure(name, preset):
            lines.append(line)
            print(line, flush=True)
    return lines


if __name__ == "__main__":
    main()
