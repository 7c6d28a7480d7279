"""Put a run together: data on the device, its split and timetable, models under their seeds."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from valtui_trainer.presets.types import Preset
from valtui_trainer.session.records import Fork, RunSpec
from valtui_trainer.training import faults, generators, models
from valtui_trainer.training.allocator import give_back_freed_memory
from valtui_trainer.training.augment import build as build_augmentation
from valtui_trainer.training.checks.overlap import common_rows
from valtui_trainer.training.data.arrays import Images, Integers, Parts
from valtui_trainer.training.data.digests import data_digest, digest_of
from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.data.feeder import DeviceSet, place
from valtui_trainer.training.data.loading import load
from valtui_trainer.training.data.split import Split, shuffled_rows, split
from valtui_trainer.training.data.statistics import channel_statistics
from valtui_trainer.training.data.validation_set import describe
from valtui_trainer.training.devices import memory_for_data
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.timetable import Timetable, make_timetable

UNBALANCED = 1.5


@dataclass(frozen=True, slots=True)
class Material:
    """What all seeds of a run share.

    Attributes:
        train_subset: indices of the fixed training images evaluated once an epoch, on the device.
        shape: height, width, channels of an image.
        by_class: whether the validation set was drawn by class, rather than given as it is.
        balanced: whether plain accuracy means something: no class has 1.5 times another's samples.
        train_labels: of the training set, in its order, on the CPU.
        common: how many validation images stand in the training set to the byte.
    """

    train_set: Batches
    val_set: Batches
    test_set: Batches | None
    train_subset: torch.Tensor
    timetable: Timetable
    shape: tuple[int, int, int]
    classes: int
    balanced: bool
    by_class: bool
    source: str
    data_digest: str
    split_digest: str
    validation_digest: str
    validation_arrays: dict[str, Any]
    train_labels: Integers
    common: int
    notes: tuple[str, ...]


def read_split(spec: RunSpec, home: Path) -> tuple[Parts, Split]:
    """Return the data of `spec` as its source gives it, and split, with the faults asked for.

    Raises:
        DataError: the data cannot be used.
    """
    preset = spec.preset
    parts = load(
        preset.data,
        root=Path(spec.data_root) if spec.data_root else home / "data",
        cache=home / "cache",
        bad_images=preset.bad_images,
    )
    found = split(parts, split_seed=preset.split_seed, val_size=preset.val_size)
    return parts, faults.inject(found, preset.fault, preset.split_seed)


def timetable_of(preset: Preset, train_size: int, fork: Fork | None = None) -> Timetable:
    """Return the timetable of a preset, from scratch or from a fork on.

    Raises:
        DataError: the batch is larger than the training set and nothing is left.
    """
    try:
        return make_timetable(preset, train_size, fork)
    except ValueError as error:
        raise DataError(str(error)) from None


def prepare(spec: RunSpec, home: Path, device: torch.device, room: int | None = None) -> Material:
    """Read, split and place the data of `spec`; `room` overrides the bytes of images on the device.

    Raises:
        DataError: the data cannot be used.
    """
    if spec.builder:
        from valtui_trainer.training.built.material import material_of

        return material_of(spec, device)
    preset = spec.preset
    parts, found = read_split(spec, home)
    timetable = timetable_of(preset, len(found.train.labels), spec.fork)
    mean, deviation = channel_statistics(found.train)
    room = memory_for_data(device) if room is None else room

    def placed(images: Images) -> Batches:
        nonlocal room
        batches = place(images, device, mean.tolist(), deviation.tolist(), room)
        room -= images.images.nbytes if isinstance(batches, DeviceSet) else 0
        return batches

    subset = shuffled_rows(len(found.train), preset.split_seed, "train-subset")[: len(found.val)]
    train_set = placed(found.train)
    counts = np.bincount(found.val.labels)
    counts = counts[counts > 0]
    material = Material(
        train_set=train_set,
        val_set=faults.evaluated(placed(found.val), preset.fault, spec.seeds[0]),
        test_set=placed(found.test) if found.test is not None else None,
        train_subset=torch.from_numpy(np.sort(subset)).to(train_set.index_device),
        timetable=timetable,
        shape=found.train.shape,
        classes=len(found.train.names),
        balanced=bool(counts.max() <= UNBALANCED * counts.min()),
        by_class=parts.val is None or preset.val_size is not None,
        source=parts.source,
        data_digest=data_digest(parts),
        split_digest=found.digest,
        validation_digest=digest_of([("val", found.val)]),
        validation_arrays=describe(found.val, found.val_index),
        train_labels=found.train.labels,
        common=len(common_rows(found.val, found.train)),
        notes=parts.notes,
    )
    del parts, found, counts
    give_back_freed_memory()
    return material


def build_model(
    spec: RunSpec, seed: int, shape: tuple[int, int, int], classes: int
) -> torch.nn.Module:
    """Return the model of `spec` with the weights of `seed`.

    Raises:
        ModelError: there is no such model, or it does not fit the images.
    """
    if spec.builder:
        from valtui_trainer.training.built.load import built_model

        return built_model(spec)
    height, width, channels = shape
    if spec.allow_code and spec.code_path and spec.code_path not in sys.path:
        sys.path.append(
            spec.code_path
        )  # last, so that a file there stands in for nothing installed
    with generators.seeded_init(seed):
        return models.build(
            spec.preset.model,
            channels=channels,
            height=height,
            width=width,
            classes=classes,
            allow_code=spec.allow_code,
        )


def build_replica(
    spec: RunSpec, seed: int, material: Material, device: torch.device, log_every: int
) -> Replica:
    """Return one seed of `spec`, ready to train."""
    model = build_model(spec, seed, material.shape, material.classes)
    augmentation = build_augmentation(spec.preset.augmentation)
    return Replica(seed, model, spec.preset, augmentation, device, log_every, tuple(spec.undecayed))
