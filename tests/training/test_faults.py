"""Planted faults do what they say, from streams of their own, and go on where a run is resumed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from support.tiny import TRAIN, VAL
from support.training import Bench, train
from valtui_trainer.presets.types import Fault, Model, Preset
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.losses import read_losses
from valtui_trainer.session.validation import read_validation
from valtui_trainer.training import faults
from valtui_trainer.training.checks.overlap import common_rows
from valtui_trainer.training.data.arrays import Images
from valtui_trainer.training.data.digests import sample_digests
from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.data.npz import load_npz
from valtui_trainer.training.data.split import Split, split


def preset(digits: Path, fault: Fault, **settings: object) -> Preset:
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 32, "epochs": 1, "eval_every": "2 steps", "log_every": 2,
        "model": Model(width=4), "fault": fault,
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


@pytest.fixture
def sound(digits: Path) -> Split:
    return split(load_npz(digits), split_seed=0)


def test_without_a_fault_nothing_is_touched(sound: Split) -> None:
    assert faults.inject(sound, Fault(), 0) is sound
    assert faults.inject(sound, Fault(validation="augmented"), 0) is sound


def test_sorted_by_class_keeps_every_pair_and_the_order_within_a_class(sound: Split) -> None:
    found = faults.inject(sound, Fault(sorted_by_class=True), 0)

    assert (np.diff(found.train.labels) >= 0).all()
    assert np.array_equal(found.train.labels, sound.train.labels[found.train_index])
    assert np.array_equal(found.train.images, sound.train.images[found.train_index])
    for label in range(10):
        assert (np.diff(found.train_index[found.train.labels == label]) > 0).all()
    assert found.digest != sound.digest
    assert found.val is sound.val


def test_overlap_exchanges_its_share_for_training_images_with_their_labels(sound: Split) -> None:
    found = faults.inject(sound, Fault(overlap=0.25), 0)
    again = faults.inject(sound, Fault(overlap=0.25), 0)
    other = faults.inject(sound, Fault(overlap=0.25), 1)

    rows = common_rows(found.val, found.train)
    assert len(common_rows(sound.val, sound.train)) == 0
    assert len(rows) == VAL // 4
    assert np.isin(sample_digests(found.val)[rows], sample_digests(found.train)).all()
    assert found.digest == again.digest != other.digest
    assert found.train is sound.train


def test_wrong_labels_are_another_class_and_can_be_found_again(sound: Split) -> None:
    fault = Fault(wrong_labels=0.1)
    found = faults.inject(sound, fault, 3)

    differ = np.flatnonzero(found.val.labels != sound.val.labels)
    assert np.array_equal(differ, faults.wrong_rows(VAL, fault, 3))
    assert len(differ) == VAL // 10
    assert found.val.labels.min() >= 0
    assert found.val.labels.max() <= 9
    assert np.array_equal(found.val.images, sound.val.images)
    assert not np.array_equal(differ, faults.wrong_rows(VAL, fault, 4))


@given(n=st.integers(1, 300), share=st.floats(0, 0.999), seed=st.integers(0, 2**63 - 1))
def test_as_many_labels_are_wrong_as_were_asked_for(n: int, share: float, seed: int) -> None:
    rows = faults.wrong_rows(n, Fault(wrong_labels=share), seed)

    assert len(rows) == round(share * n) == len(set(rows.tolist()))
    assert all(0 <= row < n for row in rows)


def test_wrong_labels_are_drawn_evenly_among_the_other_classes() -> None:
    labels = np.zeros(9000, dtype=np.int64)
    images = Images(np.zeros((9000, 1, 1, 1), np.uint8), labels, tuple("abcd"))

    found = faults.mislabelled(images, Fault(wrong_labels=0.999), 0)

    counts = np.bincount(found.labels)
    assert counts[0] == 9
    assert counts[1:].min() > 2800


def test_wrong_labels_need_a_second_class() -> None:
    images = Images(np.zeros((9, 1, 1, 1), np.uint8), np.zeros(9, np.int64), ("only",))

    with pytest.raises(DataError, match="two classes"):
        faults.mislabelled(images, Fault(wrong_labels=0.5), 0)


def test_digests_and_description_are_those_of_the_faulty_set(home: Path, digits: Path) -> None:
    run, history = train(home, preset(digits, Fault(overlap=0.5, wrong_labels=0.25)))
    _, plain = train(home, preset(digits, Fault()))
    start = history.starts[0]
    described = read_validation(SessionPaths(run.folder.parents[1]), start.validation_digest)

    expected = faults.inject(
        split(load_npz(digits), split_seed=0), Fault(overlap=0.5, wrong_labels=0.25), 0
    )
    assert start.validation_digest != plain.starts[0].validation_digest
    assert start.split_digest == expected.digest
    assert start.data_digest == plain.starts[0].data_digest
    assert described is not None
    assert np.array_equal(described["sample_digest"], sample_digests(expected.val))
    assert np.array_equal(described["label"], expected.val.labels)


def test_sorted_data_are_fed_class_by_class_without_shuffling(home: Path, digits: Path) -> None:
    bench = Bench(home, preset(digits, Fault(sorted_by_class=True), shuffle=False))

    bench.loop.replicas[0].begin_epoch(bench.loop.train_set)
    _, labels = bench.loop.train_set.batch(bench.loop.replicas[0].indices)

    assert len(labels) == TRAIN
    assert bool((labels.diff() >= 0).all())


@pytest.mark.parametrize("kind", ["augmented", "resampled"])
def test_a_random_validation_set_is_another_each_time(home: Path, digits: Path, kind: str) -> None:
    bench = Bench(home, preset(digits, Fault(validation=kind)))  # type: ignore[arg-type]
    everything = torch.arange(VAL)

    (first, labels), (second, more) = (bench.loop.val_set.batch(everything) for _ in range(2))

    assert first.shape == second.shape == (VAL, 1, 14, 14)
    assert not torch.equal(first, second)
    assert torch.equal(labels, more) == (kind == "augmented")
    assert len(bench.loop.val_set) == VAL


@pytest.mark.parametrize("kind", ["augmented", "resampled"])
@pytest.mark.parametrize("room", [None, 0], ids=["on the device", "streamed"])
def test_a_random_validation_goes_on_where_it_was_after_a_resume(
    home: Path, digits: Path, kind: str, room: int | None
) -> None:
    settings = preset(digits, Fault(validation=kind), epochs=2)  # type: ignore[arg-type]
    whole = Bench(home, settings, room=room)
    whole.advance(5)
    state = whole.loop.state()
    whole.advance(5)
    resumed = Bench(home, settings, room=room)
    resumed.loop.load_state(state)
    resumed.advance(5)

    assert losses_of(resumed) == losses_of(whole)[2:]
    assert len(set(losses_of(whole))) == 5


def test_a_random_validation_leaves_the_training_as_it_was(home: Path, digits: Path) -> None:
    plain = Bench(home, preset(digits, Fault()))
    random = Bench(home, preset(digits, Fault(validation="resampled")))

    assert plain.advance(6) == random.advance(6)


def test_a_checkpoint_from_before_there_were_faults_still_loads(home: Path, digits: Path) -> None:
    bench = Bench(home, preset(digits, Fault()))
    state = bench.loop.state()
    assert state["fault"] is None
    del state["fault"]

    bench.loop.load_state(state)

    assert bench.loop.step == 0


def losses_of(bench: Bench) -> list[float]:
    """Return the mean of each row of losses that a bench logged."""
    from valtui_trainer.session.records import Val
    from valtui_trainer.session.tail import Tail

    bench.journal.sync()
    rows = read_losses(bench.attempt, Tail(bench.attempt.val, Val).read())
    return [float(row.mean()) for row in rows]
