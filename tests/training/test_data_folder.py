"""Folders of class folders: layouts, sizes, grey or colour, unreadable files, and what is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from valtui_trainer.training.data.arrays import Parts
from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.data.loading import load

RANDOM = np.random.default_rng(1)


def picture(path: Path, *shape: int, mode: str | None = None) -> np.ndarray:
    pixels = RANDOM.integers(0, 256, shape or (6, 8), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return pixels


@pytest.fixture
def cats(tmp_path: Path) -> Path:
    for name in ("cat", "dog"):
        for number in range(3):
            picture(tmp_path / "data" / name / f"{number}.png")
    return tmp_path / "data"


def read(path: Path, **settings: Any) -> Parts:
    return load(str(path), root=path, cache=path.parent / "cache", **settings)


def test_class_folders_become_labels_in_the_order_of_their_names(cats: Path) -> None:
    pixels = picture(cats / "ant" / "deep" / "x.PNG")

    parts = read(cats)

    assert parts.train.names == ("ant", "cat", "dog")
    assert parts.train.labels.tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert np.array_equal(parts.train.images[0, ..., 0], pixels)
    assert parts.given() == (("train", parts.train),)
    assert parts.notes == ()


def test_train_valid_and_test_folders_are_parts(tmp_path: Path) -> None:
    for part, count in (("train", 4), ("valid", 2), ("test", 1)):
        for name in ("a", "b"):
            for number in range(count):
                picture(tmp_path / "data" / part / name / f"{number}.png")

    parts = read(tmp_path / "data")

    assert [(name, len(part)) for name, part in parts.given()] == [
        ("train", 8),
        ("val", 4),
        ("test", 2),
    ]


def test_one_colour_image_makes_the_set_colour(cats: Path) -> None:
    pixels = picture(cats / "cat" / "9.png", 6, 8, 3)

    parts = read(cats)

    assert parts.train.shape == (6, 8, 3)
    assert np.array_equal(parts.train.images[3], pixels)


def test_grey_saved_as_colour_is_grey(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / "data" / name / "0.png", 6, 8, mode="RGB")

    parts = read(tmp_path / "data")

    assert parts.train.shape == (6, 8, 1)
    assert "grey though saved in colour" in parts.notes[0]


def test_sixteen_bits_are_scaled_to_eight(cats: Path) -> None:
    deep = np.array([[0, 257, 65535]] * 6, dtype=np.uint16).repeat(3, 1)[:, :8]
    Image.fromarray(deep).save(cats / "cat" / "0.png")

    assert read(cats).train.images[0, 0, :, 0].tolist() == [0, 0, 0, 1, 1, 1, 255, 255]


def test_images_of_other_sizes_are_brought_to_the_median_and_that_is_said(cats: Path) -> None:
    picture(cats / "dog" / "big.png", 60, 80)

    parts = read(cats)

    assert parts.train.shape == (6, 8, 1)
    assert parts.notes == (
        "The images have 2 sizes; 1 of 7 were resized to 8x6 (width x height, the median).",
    )


def test_unreadable_images_are_refused_with_their_names(cats: Path) -> None:
    (cats / "cat" / "1.png").write_bytes(b"no picture")
    whole = (cats / "dog" / "2.png").read_bytes()
    (cats / "dog" / "2.png").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(DataError, match=r"2 images cannot be read: cat/1\.png, dog/2\.png\."):
        read(cats)


def test_unreadable_images_are_skipped_with_a_note(cats: Path) -> None:
    (cats / "cat" / "1.png").write_bytes(b"")

    first = read(cats, bad_images="skip")
    again = read(cats, bad_images="skip")

    assert first.train.labels.tolist() == [0, 0, 1, 1, 1]
    assert first.notes == again.notes == ("1 image skipped, unreadable: cat/1.png.",)


def test_a_class_that_lost_all_its_images_is_named(cats: Path) -> None:
    for file in (cats / "dog").iterdir():
        file.write_bytes(b"")

    with pytest.raises(DataError, match="no readable training image is left in dog"):
        read(cats, bad_images="skip")


def test_an_empty_class_folder_is_named(cats: Path) -> None:
    (cats / "eel").mkdir()

    with pytest.raises(DataError, match="no images in the class folder eel"):
        read(cats)


def test_no_class_or_one_class_is_not_enough(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match="at least two; it has none"):
        read(tmp_path / "data")

    picture(tmp_path / "data" / "cat" / "0.png")
    with pytest.raises(DataError, match="at least two; it has only cat"):
        read(tmp_path / "data")


def test_a_class_that_only_validation_knows_is_named(tmp_path: Path) -> None:
    for place in ("train/a", "train/b", "val/a", "val/c"):
        picture(tmp_path / "data" / place / "0.png")

    with pytest.raises(DataError, match="class folders that the training part lacks: c"):
        read(tmp_path / "data")


def test_decoded_images_are_kept_until_a_file_changes(
    cats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read(cats)
    with monkeypatch.context() as patch:
        patch.setattr("valtui_trainer.training.data.folder.decode", None)
        kept = read(cats)
    changed = picture(cats / "cat" / "0.png")
    os.utime(cats / "cat" / "0.png", ns=(1, 1))
    after = read(cats)

    assert np.array_equal(kept.train.images, first.train.images)
    assert kept.train.names == first.train.names
    assert np.array_equal(after.train.images[0, ..., 0], changed)
    assert len(list((cats.parent / "cache").iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_only_a_note(cats: Path) -> None:
    (cats.parent / "cache").write_text("a file where a folder should be")

    parts = read(cats)

    assert len(parts.train) == 6
    assert "could not be kept" in parts.notes[-1]


def test_other_files_are_counted_and_hidden_ones_ignored(cats: Path) -> None:
    (cats / "cat" / "notes.txt").write_text("x")
    (cats / "cat" / ".DS_Store").write_text("x")
    (cats / ".hidden").mkdir()

    parts = read(cats)

    assert parts.train.names == ("cat", "dog")
    assert "1 files that are not images" in parts.notes[0]


def test_names_from_the_disk_cannot_reach_the_terminal(cats: Path) -> None:
    (cats / "cat" / "\x1b[2J.png").write_bytes(b"")

    with pytest.raises(DataError) as caught:
        read(cats)

    assert "\x1b" not in str(caught.value)
