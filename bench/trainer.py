"""Our training steps, logging on, against a bare forward-backward-step loop on the same tensors.

Evaluation is left out of both. The bare loop has its images normalised on the device, in order, and the
trainer's own optimizer; where images are augmented, so are its own. They take turns; each figure is a
median with its spread. All batches are whole (`drop_last`).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
from torch.nn import functional

from bench.presets import AUGMENTED, SMALL_CNN, bench_run, threads_alone
from bench.timing import spread, synchronise, turns
from valtui_trainer.presets.types import Augmentation, Model, Preset
from valtui_trainer.session.create import add_attempt, create_session
from valtui_trainer.session.layout import session_id, utc_now
from valtui_trainer.session.records import RunSpec, SessionSpec
from valtui_trainer.training import generators
from valtui_trainer.training.assemble import Material, build_model, build_replica, prepare
from valtui_trainer.training.augment import build as build_augmentation
from valtui_trainer.training.checkpoint import Checkpoints
from valtui_trainer.training.choose_engine import make_ensemble
from valtui_trainer.training.control import control_of_run
from valtui_trainer.training.devices import open_device
from valtui_trainer.training.journal import Clock, Journal
from valtui_trainer.training.lenses.panel import Panel
from valtui_trainer.training.loop import Loop
from valtui_trainer.training.optimization import build_optimizer
from valtui_trainer.training.pace import RECORDS_A_SECOND

ROUNDS = 7
SECONDS = 1.5
NONE = Augmentation()


def bare(spec: RunSpec, material: Material, device: torch.device, steps: int) -> float:
    """Return the seconds of `steps` bare steps on tensors that are on the device already."""
    model = build_model(spec, 0, material.shape, material.classes).to(device)
    optimizer = build_optimizer(model.parameters(), spec.preset, device)
    everything = torch.arange(len(material.train_set), device=device)
    images, labels = material.train_set.batch(everything)
    size = spec.preset.batch_size
    whole = len(labels) // size
    augmentation = build_augmentation(spec.preset.augmentation)
    generator = generators.named(0, "augment", device)
    model.train()

    def step(number: int) -> None:
        begin = number % whole * size
        loss = functional.cross_entropy(
            model(augmentation(images[begin : begin + size], generator)),
            labels[begin : begin + size],
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    for number in range(5):
        step(number)
    synchronise(device)
    began = time.perf_counter()
    for number in range(steps):
        step(number)
    synchronise(device)
    return time.perf_counter() - began


def make_loop(
    spec: RunSpec,
    material: Material,
    device: torch.device,
    folder: Path,
    log_every: int,
    panel: Panel | None = None,
) -> Loop:
    """Return the real loop of a run in `folder`, writing the real log; its `journal` is to be closed."""
    session = create_session(folder, session_spec(), [spec])
    run = session.run(spec.id)
    attempt = add_attempt(run)
    control = control_of_run(session, run, attempt)
    clock = Clock()
    journal = Journal(attempt, control, clock)
    journal.open_rows(len(material.val_set), material.validation_digest)
    loop = Loop(
        preset=spec.preset,
        timetable=material.timetable,
        ensemble=make_ensemble(
            [build_replica(spec, seed, material, device, log_every) for seed in spec.seeds],
            material.train_set,
        ),
        train_set=material.train_set,
        val_set=material.val_set,
        train_subset=material.train_subset,
        log_every=log_every,
        journal=journal,
        control=control,
        checkpoints=Checkpoints(run.checkpoints, frozenset()),
        clock=clock,
        panel=panel or Panel(),
    )
    loop.ensemble.train_mode()
    return loop


def steps_of(loop: Loop, steps: int, device: torch.device) -> float:
    """Return the seconds of so many `steps` of `loop`, logged as it does."""
    synchronise(device)
    began = time.perf_counter()
    for _ in range(steps):
        loop.one_step()
        if loop.ensemble.open_steps == loop.log_every:
            loop.record()
    synchronise(device)
    return time.perf_counter() - began


def ours(
    spec: RunSpec, material: Material, device: torch.device, steps: int, folder: Path
) -> float:
    """Return the seconds of `steps` steps of the real loop, writing the real log."""
    log_every = max(1, round(steps / SECONDS / RECORDS_A_SECOND))
    loop = make_loop(spec, material, device, folder, log_every)
    steps_of(loop, min(5, log_every), device)
    loop.record()
    seconds = steps_of(loop, steps, device)
    loop.journal.close()
    return seconds


def session_spec() -> SessionSpec:
    """Return a session for one measurement."""
    return SessionSpec(
        id=session_id("bench"), created=utc_now(), title="bench", study=None, question="",
        presets=["bench"], device="cpu", parallel=1, host="", versions={}, command=[],
    )  # fmt: skip


def measure(what: str, batch_size: int, model: Model, augmentation: Augmentation = NONE) -> str:
    """Return one row: images/s of both, and the ratio of each pair."""
    preset = Preset(batch_size=batch_size, drop_last=True, model=model, augmentation=augmentation)
    spec = bench_run(preset, threads_alone())
    device = open_device(spec.device, spec.threads)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        material = prepare(spec, folder, device)
        pace = bare(spec, material, device, 20) / 20
        steps = max(20, int(SECONDS / pace))
        pairs = turns(
            [
                lambda: ours(spec, material, device, steps, folder),
                lambda: bare(spec, material, device, steps),
            ],
            ROUNDS,
        )
    images = steps * batch_size
    rates = [median(images / seconds for seconds in both) for both in zip(*pairs, strict=True)]
    ratios = spread([b / a for a, b in pairs], ".3f")
    return f"| {what}, batch {batch_size} | {rates[0]:,.0f} | {rates[1]:,.0f} | {ratios} |"


def rows() -> Iterator[str]:
    """Yield the rows."""
    for batch_size in (32, 128, 512):
        yield measure("seed-cnn", batch_size, Model())
    yield measure("small-cnn + BatchNorm", 32, SMALL_CNN)
    yield measure("small-cnn + BatchNorm, augmented", 32, SMALL_CNN, AUGMENTED)


def main() -> list[str]:
    """Return the table."""
    lines = [
        "| model | valtui, images/s | bare loop, images/s | ratio, median [min, max] of pairs |",
        "| --- | --- | --- | --- |",
    ]
    for line in rows():
        lines.append(line)
        print(line, flush=True)
    return lines


if __name__ == "__main__":
    main()
