"""The task `validate`: would these runs start? Reads the data and builds the models, starts nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import torch

from valtui_trainer.session.records import RunSpec
from valtui_trainer.supervise.validate import Answer, Question
from valtui_trainer.training.assemble import build_model, read_split, timetable_of
from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.data.split import Split
from valtui_trainer.training.models import ModelError


def check_device(spec: RunSpec) -> str | None:
    """Return why `spec`'s device cannot be used, if so."""
    if spec.device.startswith("cuda") and not torch.cuda.is_available():
        return (
            f"{spec.device} cannot be used: this PyTorch ({torch.__version__}) finds no CUDA. "
            "Use --device cpu, or install a CUDA build that fits the driver."
        )
    return None


def check(question: Question) -> Answer:
    """Return what is wrong with the runs, each problem once, and remarks on their data."""
    problems: dict[str, None] = {}
    notes: dict[str, None] = {}
    read: dict[tuple[object, ...], Split | str] = {}
    for spec in question.runs:
        preset = spec.preset
        device_problem = check_device(spec)
        if device_problem:
            problems[device_problem] = None
            continue
        key = (preset.data, preset.split_seed, preset.val_size, preset.bad_images, spec.data_root)
        if key not in read:
            try:
                parts, found = read_split(spec, Path(question.home))
                read[key] = found
                notes.update(dict.fromkeys(parts.notes))
            except DataError as error:
                read[key] = str(error)
        data = read[key]
        if isinstance(data, str):
            problems[data] = None
            continue
        try:
            timetable_of(preset, len(data.train.labels))
            build_model(spec, spec.seeds[0], data.train.shape, len(data.train.names))
        except (DataError, ModelError) as error:
            problems[f"{spec.preset_name}: {error}"] = None
    return Answer(list(problems), list(notes))


def main() -> int:
    """Answer the question on standard input."""
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    answer = check(question)
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 0
