"""The split: seeded, stratified, disjoint; validation sizes nest and leave training alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valtui_trainer.training.data.arrays import Images, Parts
from valtui_trainer.training.data.digests import data_digest, sample_digests
from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.data.split import apportion, nested_order, split


def images(labels: list[int] | np.ndarray, seed: int = 0) -> Images:
    labels = np.asarray(labels, dtype=np.int64)
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), 4, 4, 1), dtype=np.uint8)
    return Images(pixels, labels, tuple(str(n) for n in range(int(labels.max()) + 1)))


def only_train(counts: list[int]) -> Parts:
    return Parts(images(np.repeat(np.arange(len(counts)), counts)), None, None, "here")


COUNTS = st.lists(st.integers(1, 60), min_size=2, max_size=8).filter(lambda c: sum(c) >= 10)
SEEDS = st.integers(0, 5)


def test_5000_images_become_4000_500_500_with_every_class_alike() -> None:
    found = split(only_train([500] * 10), split_seed=0)

    assert found.test is not None
    for part, each in ((found.train, 400), (found.val, 50), (found.test, 50)):
        assert np.bincount(part.labels).tolist() == [each] * 10


@given(COUNTS, SEEDS)
@settings(deadline=None, max_examples=50)
def test_the_parts_are_disjoint_complete_and_hold_what_their_indices_say(
    counts: list[int], seed: int
) -> None:
    parts = only_train(counts)
    if max(counts) < 3:
        return

    found = split(parts, split_seed=seed)

    assert found.test is not None
    assert found.test_index is not None
    every = np.concatenate([found.train_index, found.val_index, found.test_index])
    assert np.array_equal(np.sort(every), np.arange(len(parts.train)))
    for part, index in (
        (found.train, found.train_index),
        (found.val, found.val_index),
        (found.test, found.test_index),
    ):
        assert np.array_equal(part.images, parts.train.images[index])
        assert np.array_equal(part.labels, parts.train.labels[index])
        assert (np.diff(index) > 0).all()
    assert set(found.train.labels) == set(range(len(counts)))


@given(COUNTS, st.integers(0, 500))
def test_shares_sum_to_the_size_and_keep_within_one_of_proportion(
    counts: list[int], size: int
) -> None:
    array = np.array(counts)
    size = min(size, sum(counts))

    given_out = apportion(array, size, array)

    quota = size * array / array.sum()
    assert given_out.sum() == size
    assert (given_out <= array).all()
    if size >= len(counts):
        assert (given_out >= 1).all()
    if (quota >= 1).all():
        assert (np.abs(given_out - quota) < 1).all()


@given(COUNTS, SEEDS)
@settings(deadline=None, max_examples=50)
def test_every_beginning_of_the_nested_order_is_stratified(counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)

    order = nested_order(labels, seed)

    assert np.array_equal(np.sort(order), np.arange(len(labels)))
    for size in range(len(counts), len(labels) + 1):
        held = np.bincount(labels[order[:size]], minlength=len(counts))
        assert held.min() >= 1
        # Beyond the one that each class gets first, no class is ahead of another by over one image.
        ahead = (held - 1.5)[held > 1] / np.array(counts)[held > 1]
        behind = (held + 0.5)[held < counts] / np.array(counts)[held < counts]
        assert not len(ahead) or not len(behind) or ahead.max() <= behind.min() + 1e-9


def test_smaller_validation_sets_lie_within_larger_and_training_stays() -> None:
    parts = only_train([300, 150, 50])

    found = [split(parts, split_seed=3, val_size=size) for size in (5, 20, 49, None)]

    for small, large in itertools.pairwise(found):
        assert set(small.val_index) < set(large.val_index)
        assert np.array_equal(small.train_index, large.train_index)
        assert np.array_equal(small.test_index, large.test_index)
        assert small.digest != large.digest
    assert np.bincount(found[1].val.labels).tolist() == [12, 6, 2]


def test_given_validation_and_test_parts_are_kept() -> None:
    train, val, test = images([0, 1] * 10), images([0, 1] * 6, 1), images([0, 1] * 4, 2)
    parts = Parts(train, val, test, "here")

    whole = split(parts, split_seed=0)
    some = split(parts, split_seed=0, val_size=4)

    assert whole.train is train
    assert whole.test is test
    assert np.array_equal(whole.val.images, val.images)
    assert np.array_equal(some.val.images, val.images[some.val_index])
    assert np.bincount(some.val.labels).tolist() == [2, 2]
    assert split(Parts(train, val, None, "here"), split_seed=0).test is None


def test_a_source_with_a_test_part_gives_a_tenth_of_training_for_validation() -> None:
    test = images([0, 1] * 4, 2)

    found = split(Parts(images([0, 1] * 50), None, test, "here"), split_seed=0)

    assert len(found.train) == 90
    assert len(found.val) == 10
    assert found.test is test


def test_the_same_seed_splits_the_same_for_ever_and_another_seed_otherwise() -> None:
    parts = only_train([50, 50])

    first, again, other = (split(parts, split_seed=seed) for seed in (0, 0, 1))

    assert first.digest == again.digest
    assert first.digest != other.digest
    assert first.val_index.tolist() == [0, 5, 7, 20, 42, 54, 58, 66, 76, 79]


@pytest.mark.parametrize("size", [0, -1, 11])
def test_an_impossible_validation_size_names_what_there_is(size: int) -> None:
    with pytest.raises(DataError, match=rf"val_size is {size}, but here gives 10 validation"):
        split(only_train([50, 50]), split_seed=0, val_size=size)


def test_too_few_images_are_too_few() -> None:
    with pytest.raises(DataError, match="2 images are too few to split"):
        split(only_train([1, 1]), split_seed=0)


def test_digests_know_image_label_and_data_apart() -> None:
    part = images([0, 1, 0])
    relabelled = Images(part.images, np.array([1, 1, 0]), part.names)

    assert (sample_digests(part) == sample_digests(relabelled)).tolist() == [False, True, True]
    assert np.array_equal(
        sample_digests(part, with_label=False), sample_digests(relabelled, with_label=False)
    )
    digests = {data_digest(Parts(p, None, None, "here")) for p in (part, relabelled)}
    assert len(digests) == 2
    assert {len(digest) for digest in digests} == {16}
