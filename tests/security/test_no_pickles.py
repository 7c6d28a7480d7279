"""Nothing that is read can run a program: checkpoints, weights, data, caches, torchvision's files."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from security.pickles import Evil
from support.sessions import make_session
from valtui_trainer.session.validation import read_validation
from valtui_trainer.supervise.weights import Request
from valtui_trainer.training import checkpoint, export_weights
from valtui_trainer.training.data import cache
from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.data.loading import load


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """What an executed pickle makes."""
    return tmp_path / "executed"


def zipped(path: Path, content: object) -> None:
    torch.save(content, path)


def legacy(path: Path, content: object) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def bare(path: Path, content: object) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


WRITERS = {"zip": zipped, "legacy": legacy, "bare pickle": bare}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_these_pickles_do_run_a_program_where_one_lets_them(
    tmp_path: Path, mark: Path, write: Callable[[Path, object], None]
) -> None:
    write(tmp_path / "evil.pt", Evil(mark))

    if write is bare:
        pickle.loads((tmp_path / "evil.pt").read_bytes())
    else:
        torch.load(tmp_path / "evil.pt", weights_only=False)

    assert mark.exists()


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_checkpoint_that_is_a_program_is_not_run_but_passed_over_to_the_older_one(
    tmp_path: Path, mark: Path, write: Callable[[Path, object], None]
) -> None:
    sound = checkpoint.write(tmp_path, {"format": 1, "step": 7})
    write(tmp_path / "step-999999999.pt", {"format": 1, "evil": Evil(mark)})

    found = checkpoint.newest(tmp_path)

    assert found is not None
    assert found[0].name == sound.name
    assert not mark.exists()


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_weights_are_not_taken_out_of_a_program(
    tmp_path: Path, mark: Path, write: Callable[[Path, object], None]
) -> None:
    evil = tmp_path / "step-000000001.pt"
    write(evil, {"format": 1, "replicas": [{"seed": 0, "model": Evil(mark)}]})

    answer = export_weights.export(Request(str(evil), str(tmp_path / "out.pt")))

    assert answer.problem is not None
    assert "no sound checkpoint" in answer.problem
    assert not mark.exists()
    assert not (tmp_path / "out.pt").exists()


def evil_array(mark: Path) -> np.ndarray:
    array = np.empty(1, dtype=object)
    array[0] = Evil(mark)
    return array


@pytest.mark.parametrize("name", ["train_images", "train_labels", "class_names"])
def test_data_with_objects_in_it_are_refused_in_words(
    tmp_path: Path, mark: Path, name: str
) -> None:
    sound = {
        "train_images": np.zeros((8, 4, 4), np.uint8),
        "train_labels": np.arange(8) % 2,
        "class_names": np.array(["a", "b"]),
    }
    np.savez(tmp_path / "data.npz", **(sound | {name: evil_array(mark)}))

    with pytest.raises(DataError, match=name):
        load(str(tmp_path / "data.npz"), root=tmp_path, cache=tmp_path / "cache")

    assert not mark.exists()


def test_a_cache_with_objects_in_it_is_no_cache(tmp_path: Path, mark: Path) -> None:
    np.savez(tmp_path / "mnist5k.npz", images=evil_array(mark))

    assert cache.read(tmp_path / "mnist5k.npz") is None
    assert not mark.exists()


def test_the_description_of_a_validation_set_is_read_without_objects(
    home: Path, mark: Path
) -> None:
    session, _ = make_session(home, steps=10)
    np.savez(session.validation("0123"), class_names=evil_array(mark))

    try:
        assert read_validation(session, "0123") is None
    finally:
        assert not mark.exists()


PLANTED = {
    "CIFAR10": ["cifar-10-batches-py/data_batch_1", "cifar-10-batches-py/batches.meta"],
    "CIFAR100": ["cifar-100-python/train", "cifar-100-python/meta"],
    "MNIST": ["MNIST/processed/training.pt", "MNIST/processed/test.pt"],
    "FashionMNIST": ["FashionMNIST/processed/training.pt", "FashionMNIST/processed/test.pt"],
    "SVHN": ["train_32x32.mat", "test_32x32.mat"],
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("name", PLANTED)
def test_files_of_torchvision_that_are_programs_are_not_run(
    tmp_path: Path, mark: Path, name: str, write: Callable[[Path, object], None]
) -> None:
    for file in PLANTED[name]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / file, Evil(mark))

    with pytest.raises(DataError, match=name):
        load(name, root=tmp_path, cache=tmp_path / "cache", download=False)

    assert not mark.exists()
