"""What torchvision downloads into our home is private, whatever the umask."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from torchvision import datasets

from valtui_trainer.training.data.loading import load


def download(root: str, download: bool, train: bool) -> SimpleNamespace:
    """Stand in for torchvision: without its files an error, else folders and files by the umask."""
    place = Path(root) / "MNIST" / "raw"
    if not download and not place.exists():
        raise RuntimeError("Dataset not found.")
    place.mkdir(parents=True, exist_ok=True)
    (place / f"images-{train}").write_bytes(b"")
    labels = np.arange(20) % 10
    return SimpleNamespace(data=np.zeros((20, 4, 4), np.uint8), targets=labels)


def test_a_downloaded_data_set_is_private_under_umask_000_and_the_umask_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "MNIST", download)
    before = os.umask(0)
    try:
        load("mnist", root=tmp_path / "data", cache=tmp_path / "cache")
    finally:
        after = os.umask(before)

    (first,) = (tmp_path / "data").rglob("images-True")
    assert after == 0
    assert {oct(path.stat().st_mode & 0o777) for path in first.parents[:3]} == {"0o700"}
    assert first.stat().st_mode & 0o777 == 0o600
