"""`run --plain`, then `compare`, `show` and `export`, read back as a user would: with pandas and torch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from support.commands import valtui
from support.tiny import VAL, write_presets
from valtui_trainer.measure.volatility import volatility
from valtui_trainer.session.listing import find_session
from valtui_trainer.session.losses import read_losses
from valtui_trainer.session.records import Val
from valtui_trainer.session.tail import Tail


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    """A folder in which `tiny-study` was run with two seeds, and its home."""
    folder = tmp_path_factory.mktemp("plain")
    write_presets(folder, digits)
    done = valtui(
        "run",
        "tiny-study",
        "--epochs",
        "3",
        "--seeds",
        "2",
        "--plain",
        "--home",
        "home",
        cwd=folder,
    )
    (folder / "output.txt").write_text(done.stdout)
    return folder


def answer(place: Path, *arguments: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        valtui(*arguments, "--home", "home", "--json", cwd=place).stdout
    )
    return found


def test_plain_output_has_a_line_an_evaluation_and_the_comparison(place: Path) -> None:
    lines = (place / "output.txt").read_text().splitlines()

    evaluations = [line for line in lines if "val 0" in line or "val 1" in line or "val 2" in line]
    assert len(evaluations) >= 24
    assert not any("\x1b" in line for line in lines)
    assert any(line.startswith("run ") and "volatility" in line for line in lines)


def test_compare_gives_the_volatility_of_the_log(place: Path) -> None:
    document = answer(place, "compare")
    runs = document["runs"]

    assert isinstance(runs, list)
    assert [run["id"] for run in runs] == ["tiny", "tiny-64"]
    run = find_session(place / "home", None).run("tiny")
    records = Tail(run.attempt(0).val, Val).read()
    by_seed = np.array([[r.val_loss for r in records if r.seed == seed] for seed in (0, 1)], float)
    steps = np.array([r.step for r in records if r.seed == 0], float)
    expected = volatility(by_seed, steps, relative=True)
    assert runs[0]["volatility_relative"]["value"] == pytest.approx(expected.value)
    assert runs[0]["val_loss_last_window"]["n_seeds"] == 2
    assert runs[0]["differs"] == {"batch_size": 16}


def test_show_gives_state_data_and_the_test_part_evaluated_once(place: Path) -> None:
    document = json.dumps(answer(place, "show"))

    assert '"DONE"' in document
    assert "test_loss" in document
    assert "split_digest" in document


def test_exported_csv_is_read_back_by_pandas_with_the_numbers_of_the_log(place: Path) -> None:
    valtui(
        "export",
        find_session(place / "home", None).id,
        "--to",
        "csv",
        "csv",
        "--home",
        "home",
        cwd=place,
    )

    val = pd.read_csv(place / "csv" / "val.csv")
    train = pd.read_csv(place / "csv" / "train.csv")

    records = Tail(find_session(place / "home", None).run("tiny").attempt(0).val, Val).read()
    tiny = val[val["run"] == "tiny"]
    assert tiny["val_loss"].tolist() == [r.val_loss for r in records]
    assert set(val["seed"]) == {0, 1}
    assert set(train["run"]) == {"tiny", "tiny-64"}
    assert np.isfinite(train["train_loss"]).all()


def test_exported_weights_load_and_give_the_logged_loss(place: Path) -> None:
    session = find_session(place / "home", None)
    valtui("export", session.id, "--to", "weights", "weights", "--home", "home", cwd=place)

    files = sorted((place / "weights").rglob("*.pt"))
    states = [torch.load(file, weights_only=True) for file in files]

    assert len(states) == 4
    assert all(any("weight" in name for name in state) for state in states)


def test_per_sample_losses_average_to_the_logged_loss(place: Path) -> None:
    attempt = find_session(place / "home", None).run("tiny").attempt(0)
    records = Tail(attempt.val, Val).read()

    rows = read_losses(attempt, records)

    assert rows.shape == (len(records), VAL)
    assert np.allclose(rows.mean(axis=1), [r.val_loss for r in records], rtol=1e-6)
