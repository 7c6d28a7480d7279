"""A real run with lenses and checks, asked why it jumps; checks on demand; the verdict of `--plain`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.commands import valtui
from valtui_trainer.session.records import CHECKS

PRESET = """
data = "{digits}"
batch_size = 16
epochs = 6
eval_every = 0.25
log_every = 5

[model]
name = "small-cnn"
width = 4
batchnorm = true

[lenses]
averaged_weights = true
most = 10
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    """A folder in which a net with BatchNorm was trained with all lenses on, and its home."""
    folder = tmp_path_factory.mktemp("why")
    (folder / "presets").mkdir()
    (folder / "presets" / "normed.toml").write_text(PRESET.format(digits=digits))
    done = valtui("run", "normed", "--plain", "--home", "home", cwd=folder)
    (folder / "output.txt").write_text(done.stdout)
    return folder


def causes(place: Path, *arguments: str) -> dict[str, Any]:
    """Return what `causes --json` says of the run."""
    done = valtui("causes", *arguments, "--home", "home", "--json", cwd=place)
    (run,) = json.loads(done.stdout)["runs"]
    found: dict[str, Any] = run
    return found


def test_every_lens_answers_with_an_interval_and_its_cost(place: Path) -> None:
    run = causes(place)

    for row in run["rows"]:
        assert row["left"] is not None, row["why"]
        low, high = row["left"]["interval_90"]
        assert low <= row["left"]["value"] <= high
        assert row["cost_of_training_time"] is not None
    assert run["hardest_samples"]["samples"]
    assert {group["kind"] for group in run["groups"]} >= {"class", "brightness", "contrast"}


def test_the_checks_of_the_start_are_kept_and_sound(place: Path) -> None:
    outcomes = {check["check"]: check["outcome"] for check in causes(place)["checks"]}

    assert outcomes["frozen"] == outcomes["overlap"] == outcomes["order"] == "sound"
    assert "zero-learning-rate" not in outcomes


def test_checks_on_demand_add_the_zero_learning_rate(place: Path) -> None:
    run = causes(place, "--check")

    assert [check["check"] for check in run["checks"]] == list(CHECKS)
    zero = run["checks"][1]
    assert zero["figure"] is not None
    assert zero["message"]
    assert causes(place)["checks"] == run["checks"]


def test_plain_says_what_the_lenses_cost_and_ends_with_the_verdict(place: Path) -> None:
    lines = (place / "output.txt").read_text().splitlines()

    assert any("lens: Lenses on: exact-batchnorm" in line for line in lines)
    why = [line for line in lines if "  why  " in line]
    assert len(why) == 1
    assert causes(place)["verdict"]["sentence"] in why[0]
