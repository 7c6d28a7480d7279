"""`compare`: the table, and the shape of the document that scripts rely on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.sessions import make_session, new_session
from valtui.cli.main import main
from valtui_trainer.presets.types import Preset

RUN_KEYS = {
    "id", "preset", "state", "reason", "seeds", "evaluations", "differs", "val_loss_last_window",
    "accuracy_last_window", "accuracy_kind", "best", "volatility", "volatility_relative",
    "volatility_ratio_to_reference", "volatility_ratio_note", "images_per_second", "shares_device",
}  # fmt: skip
VOLATILITY_KEYS = {
    "value", "interval_90_chi2", "degrees_of_freedom", "evaluations", "constant", "robust_value",
    "spikes", "interval_too_narrow",
}  # fmt: skip


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code = main(["compare", *arguments, "--json"])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return json.loads(out, parse_constant=pytest.fail)


def test_the_document_has_its_contracted_shape(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, seeds=(0, 1, 2), steps=400)

    found = document(capsys)

    assert set(found) == {"schema", "session", "study", "question", "reference", "runs"}
    assert (found["schema"], found["session"], found["reference"]) == (1, session.id, "batch-32")
    for run in found["runs"]:
        assert set(run) == RUN_KEYS
        assert set(run["volatility"]) == set(run["volatility_relative"]) == VOLATILITY_KEYS
        level = run["val_loss_last_window"]
        low, high = level["interval_95_student_t_over_seeds"]
        assert low < level["mean"] < high
        assert level["n_seeds"] == 3
        low, high = run["volatility_relative"]["interval_90_chi2"]
        assert low < run["volatility_relative"]["value"] < high


def test_the_first_run_is_the_reference_of_ratios(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home, seeds=(0, 1), steps=400)

    first, second = document(capsys)["runs"]

    assert first["volatility_ratio_to_reference"] is None
    ratio = second["volatility_ratio_to_reference"]
    assert ratio["interval_90_f"][0] < ratio["value"] < ratio["interval_90_f"][1]
    assert ratio["value"] == pytest.approx(
        second["volatility_relative"]["value"] / first["volatility_relative"]["value"]
    )


def test_the_made_up_volatility_is_found_again(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home, {"one": Preset()}, seeds=(0, 1, 2, 3), steps=1000)

    (run,) = document(capsys)["runs"]

    low, high = run["volatility_relative"]["interval_90_chi2"]
    assert low < 0.05 < high


def test_one_seed_has_no_interval_over_seeds(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home, steps=400)

    for run in document(capsys)["runs"]:
        assert run["val_loss_last_window"]["interval_95_student_t_over_seeds"] is None
        assert run["val_loss_last_window"]["n_seeds"] == 1


def test_the_best_evaluation_comes_with_its_look_alikes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home, {"one": Preset()}, steps=400)

    (run,) = document(capsys)["runs"]

    assert set(run["best"]) == {"step", "epoch", "val_loss", "look_alikes"}
    assert run["best"]["look_alikes"] >= 0


def test_what_cannot_be_measured_is_null(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_session(home)

    for run in document(capsys)["runs"]:
        assert run["evaluations"] == 0
        assert run["best"] is None
        assert run["volatility"]["value"] is None
        assert run["val_loss_last_window"]["mean"] is None


@pytest.mark.filterwarnings("error")
def test_losses_that_are_not_finite_poison_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, (writer,) = make_session(home, {"one": Preset()}, steps=200, status=None)
    writer.evaluate(210, 0, float("nan"))
    writer.evaluate(220, 0, float("inf"))
    writer.curves(range(221, 401))
    writer.finish()

    (run,) = document(capsys)["runs"]

    assert run["volatility"]["value"] > 0
    assert run["val_loss_last_window"]["mean"] > 0


def test_the_table_has_a_row_a_run_with_n_and_intervals(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home, seeds=(0, 1), steps=400)

    assert main(["compare"]) == 0

    out = capsys.readouterr().out
    assert out.startswith("Does a larger batch calm it?\n")
    row = next(line for line in out.splitlines() if line.startswith("batch-128"))
    assert re.search(r"0\.\d+ ±0\.\d+ n=2", row)
    assert re.search(r"% \[[\d.]+, [\d.]+\]", row)
    assert "Student-t" in out


def test_a_session_without_readable_runs_is_an_empty_comparison(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    session, _ = make_session(home, steps=10)
    shutil.rmtree(session.runs)

    assert document(capsys)["runs"] == []
    assert main(["compare"]) == 0
