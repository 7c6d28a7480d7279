"""`valtui watch` on what the tools' own libraries wrote a moment ago."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from foreign import writers
from support.commands import valtui

Case = tuple[str, str, str, int, str]
CASES: dict[str, Case] = {
    "tensorboard": (writers.TENSORBOARD, "tb", "run1", 12, "tensorboard"),
    "wandb": (writers.WANDB, "wandb", "offline-run", 12, "wandb"),
    "lightning": (writers.LIGHTNING, "pl", "lightning-logs-version-0", 12, "lightning"),
    "keras": (writers.KERAS, "keras.csv", "keras.csv", 12, "keras"),
    "hugging face": (writers.HUGGING_FACE, "hf", "hf", 12, "transformers"),
    "ultralytics": (writers.ULTRALYTICS, "ul", "run1", 12, "ultralytics"),
}


def watched(place: Path, *arguments: str) -> dict[str, Any]:
    """Return what `valtui watch --json` prints of the one run there is."""
    document = json.loads(valtui("watch", *arguments, "--json", cwd=place).stdout)
    (run,) = document["runs"]
    found: dict[str, Any] = run
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_log_that_its_own_library_wrote_is_read_whole(
    name: str, home: Path, tmp_path: Path
) -> None:
    program, path, run, evaluations, package = CASES[name]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    writers.log(program, tmp_path)

    found = watched(tmp_path, path)

    assert found["id"].startswith(run)
    assert found["evaluations"] == evaluations
    assert found["volatility_relative"]["value"] is not None
    if name in ("tensorboard", "wandb"):
        assert found["val_loss_last_window"]["mean"] == pytest.approx(2.1)
        assert found["accuracy_last_window"]["mean"] == pytest.approx(6.5 / 12)
    if name in ("lightning", "wandb"):
        shown = json.loads(valtui("show", "--json", cwd=tmp_path).stdout)
        assert shown["runs"][0]["settings"] == {"lr": 0.1}


def test_a_package_that_is_missing_is_named_with_its_install_line(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"")
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'tensorboard' else find(name, *a)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "without"))

    refused = valtui("watch", ".", "--json", cwd=tmp_path, check=2)

    assert 'pip install "valtui[tensorboard]"' in refused.stderr
