"""The description of a validation split, checked against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from valtui_trainer.training.data.arrays import Images
from valtui_trainer.training.data.validation_set import describe


def one(pixels: np.ndarray) -> Images:
    return Images(pixels[None].astype(np.uint8), np.array([0]), ("a",))


def test_every_array_has_a_row_for_each_image() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 28, 20, 1), dtype=np.uint8)
    index = np.arange(7) * 3

    arrays = describe(Images(pixels, np.arange(7) % 2, ("a", "\x1bb")), index)

    assert {name: (array.shape, array.dtype.kind) for name, array in arrays.items()} == {
        "index": ((7,), "i"),
        "sample_digest": ((7,), "u"),
        "label": ((7,), "i"),
        "class_names": ((2,), "U"),
        "thumbnail": ((7, 28, 20), "u"),
        "brightness": ((7,), "f"),
        "contrast": ((7,), "f"),
        "sharpness": ((7,), "f"),
    }
    assert np.array_equal(arrays["index"], index)
    assert np.array_equal(arrays["thumbnail"], pixels[..., 0])
    assert "\x1b" not in arrays["class_names"][1]


def test_a_single_bright_pixel_has_known_qualities() -> None:
    pixels = np.zeros((5, 5, 1))
    pixels[2, 2] = 255

    found = describe(one(pixels), np.array([0]))

    assert found["brightness"][0] == pytest.approx(1 / 25)
    assert found["contrast"][0] == pytest.approx(np.sqrt(1 / 25 - 1 / 625))
    assert found["sharpness"][0] == pytest.approx((16 + 4) / 9)  # -4 once, 1 four times, mean 0


def test_colour_counts_by_its_luma_and_tiny_images_have_no_sharpness() -> None:
    green = np.zeros((2, 2, 3))
    green[..., 1] = 255

    found = describe(one(green), np.array([0]))

    assert found["brightness"][0] == pytest.approx(0.587)
    assert found["contrast"][0] == pytest.approx(0, abs=1e-6)
    assert found["sharpness"][0] == 0
    assert found["thumbnail"].shape == (1, 2, 2, 3)


def test_large_images_shrink_in_proportion_by_area() -> None:
    pixels = np.zeros((64, 128, 3))
    pixels[:, 64:] = 200

    thumbnail = describe(one(pixels), np.array([0]))["thumbnail"]

    assert thumbnail.shape == (1, 16, 32, 3)
    assert (thumbnail[0, :, :16] == 0).all()
    assert (thumbnail[0, :, 16:] == 200).all()
