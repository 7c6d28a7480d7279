"""Augmentation: known maps give known pixels; the same generator gives the same bits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from valtui_trainer.presets.types import Augmentation as Preset
from valtui_trainer.training.augment import Augmentation, affine, build

EVERYTHING = Augmentation(
    rotation=20, shift_x=0.2, shift_y=0.2, flip=True, zoom=0.1, brightness=0.3, contrast=0.3
)


def images(count: int = 2, height: int = 6, width: int = 6, channels: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn(count, channels, height, width, generator=generator)
    return batch.to(memory_format=torch.channels_last)


def moved(batch: torch.Tensor, **how: float) -> torch.Tensor:
    values = {"angle": 0.0, "right": 0.0, "down": 0.0, "zoom": 1.0, **how}
    return affine(batch, **{key: torch.full((len(batch),), value) for key, value in values.items()})


def draws(count: int, **rows: float) -> torch.Tensor:
    names = ("angle", "right", "down", "flip", "zoom", "brightness", "contrast")
    return torch.tensor([[rows.get(name, 0.5)] * count for name in names])


def test_all_off_returns_the_batch_itself_and_draws_nothing() -> None:
    batch, generator = images(), torch.Generator().manual_seed(1)
    before = generator.get_state()

    assert Augmentation()(batch, generator) is batch
    assert torch.equal(generator.get_state(), before)


def test_the_middle_of_every_range_changes_nothing() -> None:
    batch = images(channels=3)

    assert torch.allclose(EVERYTHING.apply(batch, draws(2)), batch, atol=1e-5)


def test_a_flip_mirrors_left_to_right_exactly() -> None:
    batch = images(4)
    rows = draws(4)
    rows[3] = torch.tensor([0.1, 0.9, 0.4, 0.5])

    changed = Augmentation(flip=True).apply(batch, rows)

    for image in (0, 2):
        assert torch.equal(changed[image], batch[image].flip(2))
    for image in (1, 3):
        assert torch.equal(changed[image], batch[image])


@pytest.mark.parametrize(("right", "down"), [(1, 0), (-2, 0), (0, 3), (2, -1)])
def test_a_whole_shift_moves_pixels_and_repeats_the_border(right: int, down: int) -> None:
    batch = images(height=8, width=5)

    changed = moved(batch, right=right / 5, down=down / 8)

    rows = np.clip(np.arange(8) - down, 0, 7)
    columns = np.clip(np.arange(5) - right, 0, 4)
    assert torch.allclose(changed, batch[:, :, rows][:, :, :, columns], atol=1e-5)


def test_the_largest_draw_shifts_by_the_whole_fraction() -> None:
    batch = images(width=5)

    changed = Augmentation(shift_x=0.2).apply(batch, draws(2, right=1.0))

    assert torch.allclose(changed[..., 1:], batch[..., :-1], atol=1e-5)


def test_a_quarter_turn_is_counter_clockwise_and_two_are_upside_down() -> None:
    batch = images()

    quarter = moved(batch, angle=math.pi / 2)
    half = Augmentation(rotation=180).apply(images(height=4, width=7), draws(2, angle=1.0))

    assert torch.allclose(quarter, torch.rot90(batch, 1, (2, 3)), atol=1e-4)
    assert torch.allclose(half, images(height=4, width=7).flip(2, 3), atol=1e-4)


def test_a_rotation_keeps_proportions_of_oblong_images() -> None:
    batch = torch.zeros(1, 1, 5, 9)
    batch[0, 0, 2, 6] = 1.0  # two to the right of the centre

    changed = moved(batch, angle=math.pi / 2)

    assert changed[0, 0, 0, 4].item() == pytest.approx(1.0, abs=1e-4)  # two above it


def test_zoom_two_shows_the_middle_half() -> None:
    ramp = torch.arange(8.0).expand(1, 1, 8, 8).contiguous()

    changed = moved(ramp, zoom=2.0)

    assert changed[0, 0, 0].tolist() == pytest.approx([1.75 + 0.5 * n for n in range(8)], abs=1e-4)


def test_brightness_adds_and_contrast_stretches_about_the_mean() -> None:
    batch = images(channels=3)
    middle = batch.mean((1, 2, 3), keepdim=True)

    brighter = Augmentation(brightness=0.3).apply(batch, draws(2, brightness=1.0))
    flatter = Augmentation(contrast=0.4).apply(batch, draws(2, contrast=0.0))

    assert torch.allclose(brighter, batch + 0.3, atol=1e-5)
    assert torch.allclose(flatter, middle + 0.6 * (batch - middle), atol=1e-5)


def test_the_same_state_gives_the_same_bits_and_the_next_batch_others() -> None:
    batch = images(8, channels=3)
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]

    first, again = (EVERYTHING(batch, generator) for generator in generators)

    assert torch.equal(first, again)
    assert not torch.equal(first, EVERYTHING(batch, generators[0]))


def test_switching_one_change_off_leaves_the_draws_of_the_others() -> None:
    batch = images(8)
    turned = Augmentation(rotation=30)(batch, torch.Generator().manual_seed(3))
    both = Augmentation(rotation=30, brightness=1e-9)(batch, torch.Generator().manual_seed(3))

    assert torch.allclose(turned, both, atol=1e-6)


@given(st.sampled_from([1, 3]), st.sampled_from([torch.float32, torch.bfloat16]))
@settings(deadline=None, max_examples=8)
def test_type_and_memory_order_are_kept(channels: int, dtype: torch.dtype) -> None:
    batch = images(channels=channels).to(dtype)

    changed = EVERYTHING(batch, torch.Generator().manual_seed(0))

    assert changed.dtype == dtype
    assert changed.shape == batch.shape
    assert changed.is_contiguous(memory_format=torch.channels_last)


def test_a_presets_table_becomes_an_augmentation() -> None:
    built = build(Preset(rotation=20, shift_x=0.2, flip=True))

    assert built == Augmentation(rotation=20, shift_x=0.2, flip=True)
    assert not build(Preset()).active
