"""Batches: normalised by the training set, and the same bits resident or streamed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from valtui_trainer.training.data.arrays import Images
from valtui_trainer.training.data.feeder import (
    DeviceSet,
    StreamedSet,
    following_slice,
    place,
)
from valtui_trainer.training.data.statistics import channel_statistics


def colourful(count: int = 50, channels: int = 3) -> Images:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, 6, 5, channels), dtype=np.uint8)
    return Images(pixels, random.integers(0, 4, count), ("a", "b", "c", "d"))


def both(images: Images, device: str = "cpu") -> tuple[DeviceSet, StreamedSet]:
    mean, std = channel_statistics(images)
    resident = place(images, device, mean, std, images.images.nbytes)
    streamed = place(images, device, mean, std, images.images.nbytes - 1)
    assert isinstance(resident, DeviceSet)
    assert isinstance(streamed, StreamedSet)
    return resident, streamed


def test_statistics_are_those_of_all_pixels_a_channel() -> None:
    images = colourful()

    mean, std = channel_statistics(images)

    assert mean == pytest.approx(images.images.mean((0, 1, 2)) / 255)
    assert std == pytest.approx(images.images.std((0, 1, 2)) / 255)


def test_a_constant_channel_is_not_divided_by_zero() -> None:
    flat = Images(np.full((4, 2, 2, 1), 7, np.uint8), np.zeros(4, np.int64), ("a",))

    batch, _ = place(flat, "cpu", *channel_statistics(flat)).batch(torch.arange(4))

    assert torch.allclose(batch, torch.zeros_like(batch), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_is_what_numpy_would_make_of_it(channels: int) -> None:
    images = colourful(channels=channels)
    resident, _ = both(images)
    rows = np.array([3, 3, 49, 0])

    batch, labels = resident.batch(torch.from_numpy(rows))

    mean, std = channel_statistics(images)
    expected = ((images.images[rows] / 255 - mean) / std).transpose(0, 3, 1, 2)
    assert batch.shape == (4, channels, 6, 5)
    assert batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert np.allclose(batch.numpy(), expected, atol=1e-5)
    assert labels.tolist() == images.labels[rows].tolist()


def check_same(resident: DeviceSet, streamed: StreamedSet) -> None:
    count = len(resident)
    orders = [torch.randperm(count), torch.randperm(count)]
    for begin in range(0, count, 8):
        for order in orders:  # two seeds take turns at one set
            index = order[begin : begin + 8]
            for ours, theirs in zip(resident.batch(index), streamed.batch(index), strict=True):
                assert torch.equal(ours, theirs)


def test_streamed_batches_are_the_resident_ones_to_the_bit() -> None:
    check_same(*both(colourful()))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_streamed_batches_are_the_resident_ones_on_cuda() -> None:
    check_same(*both(colourful(), "cuda"))


def test_reading_ahead_follows_the_order_and_notices_when_it_changes() -> None:
    resident, streamed = both(colourful())
    order = torch.randperm(50)
    gathered: list[list[int]] = []
    stage = streamed._stage

    def watch(index: torch.Tensor):  # type: ignore[no-untyped-def]
        gathered.append(index.tolist())
        return stage(index)

    streamed._stage = watch  # type: ignore[method-assign]

    streamed.batch(order[0:20])
    streamed.batch(order[20:40])
    streamed.batch(order[40:50])
    each_once = [order[0:20].tolist(), order[20:40].tolist(), order[40:50].tolist()]
    assert gathered == each_once

    streamed.batch(order[0:20])
    order.copy_(torch.randperm(50))
    index = order[20:40]
    assert torch.equal(streamed.batch(index)[0], resident.batch(index)[0])


def test_what_follows_a_slice_is_read_only_where_it_can_be_rows() -> None:
    memory = torch.tensor([0, 1, 2, 3, 99, -1])

    def ahead(begin: int, end: int) -> list[int] | None:
        found = following_slice(memory[begin:end], 10)
        return None if found is None else found.tolist()

    assert ahead(0, 2) == [2, 3]
    assert ahead(3, 4) is None
    assert ahead(4, 6) is None
    assert following_slice(torch.arange(3), 10) is None


def test_bfloat16_is_rounded_from_float32() -> None:
    images = colourful()
    mean, std = channel_statistics(images)
    index = torch.arange(5)

    half, _ = place(images, "cpu", mean, std, dtype=torch.bfloat16).batch(index)
    full, _ = place(images, "cpu", mean, std).batch(index)

    assert half.dtype == torch.bfloat16
    assert torch.equal(half, full.bfloat16())


def test_images_that_cannot_be_written_to_are_left_alone() -> None:
    images = colourful()
    images.images.flags.writeable = False

    resident, _ = both(images)

    assert len(resident) == 50
