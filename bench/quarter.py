"""The finite validation set: what a quarter of it would show, predicted from the whole and measured.

One run logs the losses of every sample. From the whole set the volatility of a quarter-size set is
predicted (`finite.predicted_volatility`); measured is the volatility of the mean over random
stratified quarters of the same samples, which is what runs judged by them would have shown, for
training does not see the validation set. Beside it the share of the variance that is the set's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from valtui.causes.samples import read_samples
from valtui.feed import RunFeed
from valtui_trainer.measure.finite import finite_left, predicted_volatility
from valtui_trainer.measure.volatility import q
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.data.split import nested_order

QUARTERS = 200
RUNS = {
    "mnist5k, seed-cnn, quarter epochs": ["seed-cnn", "--epochs", "10"],
    "PneumoniaMNIST, small-cnn with BatchNorm, once an epoch": [
        "batchnorm-0.1", "--epochs", "30", "--set", "eval_every=1", "--data", "{pneumonia}",
    ],
}  # fmt: skip


def main() -> list[str]:
    """Train, predict and measure; return the lines for RESULTS.md."""
    lines = [
        "| data | finite set's share of the variance | predicted at a quarter | measured | ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    pneumonia = os.environ.get("PNEUMONIAMNIST", "")
    for name, words in RUNS.items():
        if "{pneumonia}" in words and not pneumonia:
            lines.append(f"| {name} | set PNEUMONIAMNIST to its .npz | | | |")
            continue
        with tempfile.TemporaryDirectory(prefix="valtui-quarter-") as folder:
            filled = [word.format(pneumonia=pneumonia) for word in words]
            lines.append(row(name, train(filled, Path(folder))))
    return lines


def train(words: list[str], home: Path) -> RunFeed:
    """Train one run through the command line and return what it logged."""
    subprocess.run(
        [
            str(Path(sys.executable).with_name("valtui")),
            "run",
            *words,
            "--plain",
            "--home",
            str(home),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return read(SessionPaths(next((home / "sessions").iterdir())))


def read(session: SessionPaths) -> RunFeed:
    """Return the only run of `session`, read to its end."""
    paths = session.run(session.run_ids()[0])
    spec = read_document(paths.spec, RunSpec)
    assert spec is not None
    feed = RunFeed(paths, spec)
    while feed.poll_evaluations() or feed.evaluations_behind:
        continue
    return feed


def row(name: str, feed: RunFeed) -> str:
    """Return the row of one run."""
    matrix = feed.val_matrix()
    samples = read_samples(feed, matrix)
    losses, labels = samples.first, samples.labels
    assert losses is not None
    assert labels is not None
    size = losses.shape[1] // 4
    left = finite_left(matrix.loss, samples.losses, labels, matrix.step)
    assert left is not None
    predicted = predicted_volatility(matrix.loss[0], losses, size, labels, matrix.step)
    chosen = [nested_order(labels, seed)[:size] for seed in range(QUARTERS)]
    means = np.stack([losses[:, part].mean(axis=1, dtype=np.float64) for part in chosen])
    measured = float(np.sqrt(q(means, matrix.step).mean()))
    return (
        f"| {name} | {100 * (1 - left.ratio):.0f} % | {predicted:.4f} | {measured:.4f} | "
        f"{predicted / measured:.2f} |"
    )


if __name__ == "__main__":
    print("\n".join(main()))
