"""Any `.npz`: what is accepted, and the one sentence for everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.data.loading import load

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (6, 5, 4), dtype=np.uint8)
LABELS = np.array([0, 1, 0, 1, 0, 1])
PNEUMONIA = Path(__file__).parents[3] / "shared" / "data" / "pneumoniamnist.npz"


def read(tmp_path: Path, **arrays: Any) -> Any:
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    return load(str(path), root=tmp_path, cache=tmp_path)


@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5, 4, 1), (6, 5, 4, 3)])
def test_grey_and_colour_images_become_four_axes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images = RANDOM.integers(0, 256, shape, dtype=np.uint8)

    parts = read(tmp_path, train_images=images, train_labels=LABELS[:, None])

    assert parts.train.images.shape == (*shape[:3], shape[3] if len(shape) == 4 else 1)
    assert np.array_equal(parts.train.images.reshape(shape), images)
    assert parts.train.labels.dtype == np.int64
    assert parts.train.labels.shape == (6,)
    assert parts.train.names == ("0", "1")
    assert parts.val is None
    assert parts.test is None


def test_floats_from_0_to_1_become_the_bytes_they_came_from(tmp_path: Path) -> None:
    parts = read(tmp_path, train_images=GREY / np.float32(255), train_labels=LABELS)

    assert np.array_equal(parts.train.images[..., 0], GREY)


def test_class_names_in_the_file_are_used(tmp_path: Path) -> None:
    names = np.array(["normal", "ill"])

    parts = read(tmp_path, train_images=GREY, train_labels=LABELS, class_names=names)

    assert parts.train.names == ("normal", "ill")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"train_images": GREY}, "has train_images but no train_labels"),
        ({"x": GREY, "y": LABELS}, "it has x, y"),
        ({"train_images": GREY, "train_labels": LABELS[:5]}, "5 labels for 6 images"),
        ({"train_images": GREY.astype(int), "train_labels": LABELS}, "type int64"),
        ({"train_images": GREY * 1.0, "train_labels": LABELS}, "between 0 and 1"),
        ({"train_images": np.full((6, 5, 4), np.nan), "train_labels": LABELS}, "not numbers"),
        ({"train_images": GREY[0], "train_labels": LABELS}, r"shape \(5, 4\)"),
        ({"train_images": GREY[:0], "train_labels": LABELS[:0]}, "holds no images"),
        (
            {"train_images": GREY[:, None].repeat(3, 1), "train_labels": LABELS},
            r"transpose\(0, 2, 3, 1\)",
        ),
        ({"train_images": GREY, "train_labels": LABELS * 1.5}, "must be integers"),
        ({"train_images": GREY, "train_labels": np.eye(6)}, "argmax"),
        ({"train_images": GREY, "train_labels": LABELS - 1}, "label -1 at index 0"),
        ({"train_images": GREY, "train_labels": LABELS * 2}, "no training image has the label 1"),
        ({"train_images": GREY, "train_labels": LABELS * 2**40}, "numbered from 0"),
        ({"train_images": GREY, "train_labels": LABELS * 0}, "one class only"),
        (
            {
                "train_images": GREY,
                "train_labels": LABELS,
                "val_images": GREY,
                "val_labels": LABELS + 1,
            },
            "val part has the label 2 at index 1, a class that is absent",
        ),
        (
            {
                "train_images": GREY,
                "train_labels": LABELS,
                "test_images": GREY[:, 1:],
                "test_labels": LABELS,
            },
            "test images are 4x4 grey, training images 5x4 grey",
        ),
        (
            {"train_images": GREY, "train_labels": LABELS, "class_names": np.array(["one"])},
            "1 class names for 2 classes",
        ),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(
    tmp_path: Path, arrays: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        read(tmp_path, **arrays)

    assert "data.npz" in str(caught.value)
    assert str(caught.value).endswith(".")


def test_python_objects_are_not_loaded(tmp_path: Path) -> None:
    objects = np.array([None] * 6, dtype=object)

    with pytest.raises(DataError, match="'train_labels' holds Python objects"):
        read(tmp_path, train_images=GREY, train_labels=objects)


def test_an_object_array_that_nobody_needs_does_no_harm(tmp_path: Path) -> None:
    objects = np.array([None], dtype=object)

    assert read(tmp_path, train_images=GREY, train_labels=LABELS, about=objects)


def test_a_file_that_is_no_zip_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not arrays")

    with pytest.raises(DataError, match=r"text\.npz is not a \.npz file"):
        load(str(tmp_path / "text.npz"), root=tmp_path, cache=tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, train_images=GREY, train_labels=LABELS)
    content = bytearray(path.read_bytes())
    content[150:200] = bytes(50)
    path.write_bytes(content)

    with pytest.raises(DataError, match="is damaged at 'train_images'"):
        load(str(path), root=tmp_path, cache=tmp_path)


@pytest.mark.skipif(not PNEUMONIA.exists(), reason="the trial data are not here")
def test_pneumoniamnist_is_read_whole(tmp_path: Path) -> None:
    parts = load(str(PNEUMONIA), root=tmp_path, cache=tmp_path)

    assert {name: len(part) for name, part in parts.given()} == {
        "train": 3882,
        "val": 524,
        "test": 624,
    }
    assert parts.train.shape == (28, 28, 1)
