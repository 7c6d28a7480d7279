"""`built.json` of a recorded run: what runs beside it need to know, of one that a function can build anew.

It is written by the Recorder as it learns it, and completes the run's `run.json`.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from valtui_trainer.presets.types import Preset
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import RunPaths
from valtui_trainer.session.records import SCHEMA, RunSpec

FILE = "built.json"
BUILDING = "VALTUI_BUILDING"
"""Set in a process that imports somebody's training to build it: no Recorder may begin there."""


class Built(Struct, frozen=True, kw_only=True):
    """What the Recorder saw of the training.

    Attributes:
        preset: batch size, optimizer, learning rate at the newest checkpoint, spacing of evaluations.
        device: that it trains on.
        undecayed: names of weights that its weight decay leaves alone.
        problem: why nothing can be tried on it, a sentence; empty where it can.
    """

    preset: Preset
    device: str
    undecayed: list[str] = []
    problem: str = ""
    schema: int = SCHEMA


def write_built(run: RunPaths, built: Built) -> None:
    """Write what was seen; OSError where that cannot be."""
    write_document(run.folder / FILE, built)


def as_tried(run: RunPaths, spec: RunSpec) -> RunSpec:
    """Return the run as probes and proofs train it: itself, or completed by what its Recorder saw.

    Raises:
        SessionError: the Recorder has not seen enough, or what cannot be tried.
    """
    if not spec.builder or spec.source == "preset":
        return spec
    built = read_document(run.folder / FILE, Built)
    if built is None:
        raise SessionError(
            "its Recorder has seen too little yet: probes need two evaluations by "
            "evaluate(…, train_loader=…, optimizer=…), and steps_per_epoch."
        )
    if built.problem:
        raise SessionError(built.problem)
    return replace(
        spec, preset=built.preset, device=built.device, threads=1, undecayed=built.undecayed
    )
