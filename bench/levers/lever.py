"""One lever: what is done, its opposite, both measured in turns, and what follows from that."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from bench.presets import bench_run
from bench.timing import spread
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.assemble import Material, prepare
from valtui_trainer.training.devices import open_device

HEAD = (
    "| lever, where | A (the trainer) | B | A, ms | B, ms | B over A, median [min, max] of turns | so |",
    f"|{7 * ' --- |'}",
)
TELLING = 0.03
"""A ratio nearer to 1 than this tells nothing on a machine with other work."""
AGREED = 0.75


@dataclass(frozen=True, slots=True)
class Lever:
    """What was measured of one lever.

    Attributes:
        pairs: seconds of A and B, turn by turn; none where B could not be done.
        note: why not, or what else there is to know.
    """

    name: str
    a: str
    b: str
    pairs: list[tuple[float, ...]]
    note: str = ""


def row(lever: Lever) -> str:
    """Return the row of a lever."""
    if not lever.pairs:
        return f"| {lever.name} | {lever.a} | {lever.b} | – | – | – | not measured: {lever.note} |"
    ratios = [b / a for a, b in lever.pairs]
    note = f"; {lever.note}" if lever.note else ""
    return (
        f"| {lever.name} | {lever.a} | {lever.b} | {1e3 * median([a for a, _ in lever.pairs]):.3g} | "
        f"{1e3 * median([b for _, b in lever.pairs]):.3g} | {spread(ratios)} | "
        f"{conclusion(ratios)}{note} |"
    )


def conclusion(ratios: list[float]) -> str:
    """Return what the ratios of B's time over A's mean for A; three turns of four must agree."""
    ratio = median(ratios)
    above = sum(one > 1 for one in ratios) / len(ratios)
    if ratio > 1 + TELLING and above >= AGREED:
        return f"A kept: {ratio:.2f} times as fast"
    if ratio < 1 - TELLING and above <= 1 - AGREED:
        return f"B is {1 / ratio:.2f} times as fast here"
    return "no difference here"


def assembled(
    preset: Preset, threads: int = 1, room: int | None = None
) -> tuple[RunSpec, Material, torch.device]:
    """Return the data of `preset` on the device, in the trainer's settings; `room` 0: streamed to it."""
    spec = bench_run(preset, threads)
    device = open_device(spec.device, threads)
    with tempfile.TemporaryDirectory() as folder:
        return spec, prepare(spec, Path(folder), device, room), device
