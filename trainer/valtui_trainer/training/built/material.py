"""What all seeds of a run share, where somebody's function builds its data."""

from __future__ import annotations

import numpy as np
import torch

from valtui_trainer.session.recorded import digest_of
from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.assemble import UNBALANCED, Material, timetable_of
from valtui_trainer.training.built.describing import described
from valtui_trainer.training.built.load import parts_of
from valtui_trainer.training.built.sets import TensorSet, training_batches, whole
from valtui_trainer.training.data.split import shuffled_rows
from valtui_trainer.training.devices import memory_for_data


def material_of(spec: RunSpec, device: torch.device) -> Material:
    """Return data on the device and the timetable of a run that a function builds.

    Raises:
        ModelError, DataError: with a sentence.
    """
    parts = parts_of(spec)
    train_set = training_batches(parts.train_loader, device, memory_for_data(device))
    images, labels = whole(parts.val_loader)
    known = labels.cpu().numpy()
    arrays = described([images.cpu()], known)
    counts = np.bincount(known)
    counts = counts[counts > 0]
    subset = shuffled_rows(len(train_set), 0, "train-subset")[: len(known)]
    return Material(
        train_set=train_set,
        val_set=TensorSet(images, labels, device),
        test_set=None,
        train_subset=torch.from_numpy(np.sort(subset)).to(train_set.index_device),
        timetable=timetable_of(spec.preset, len(train_set), spec.fork),
        shape=(int(images.shape[2]), int(images.shape[3]), int(images.shape[1])),
        classes=int(known.max()) + 1,
        balanced=bool(counts.max() <= UNBALANCED * counts.min()),
        by_class=False,
        source=spec.builder,
        data_digest="",
        split_digest="",
        validation_digest=digest_of(known, len(known), arrays.get("sample_digest")),
        validation_arrays=arrays,
        train_labels=np.empty(0, np.int64),
        common=0,
        notes=(),
    )
