"""A request becomes a session and runs; what cannot be done is refused before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from valtui_trainer.presets.errors import PresetError
from valtui_trainer.session.create import create_session
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.listing import runs_of
from valtui_trainer.session.records import SessionSpec
from valtui_trainer.supervise import devices, plan
from valtui_trainer.supervise.devices import Gpu
from valtui_trainer.supervise.plan import Plan

Ask = Callable[..., Plan]


def test_a_study_becomes_one_run_a_preset_in_its_order(ask: Ask) -> None:
    found = ask("batch-size")

    assert [spec.id for spec in found.runs] == ["batch-32", "batch-128", "batch-512"]
    assert [spec.position for spec in found.runs] == [0, 1, 2]
    assert found.session.question.endswith("?")
    assert (found.session.study, found.session.title) == ("batch-size", "batch-size")
    assert {spec.session for spec in found.runs} == {found.session.id}


def test_presets_become_a_session_named_after_them(ask: Ask) -> None:
    found = ask("batch-32", "dropout-25")

    assert (found.session.study, found.session.title) == (None, "batch-32+dropout-25")


def test_settings_reach_every_run(ask: Ask) -> None:
    found = ask("batch-size", assignments=("model.width=8", "epochs=5"), epochs=2.0, seeds=3)

    for spec in found.runs:
        assert (spec.preset.model.width, spec.preset.epochs, spec.seeds) == (8, 2, [0, 1, 2])


def test_a_data_path_that_exists_becomes_absolute_and_a_name_stays(
    ask: Ask, tmp_path: Path
) -> None:
    (tmp_path / "mine.npz").touch()

    assert ask("batch-32", data="mine.npz").runs[0].preset.data == str(tmp_path / "mine.npz")
    assert ask("batch-32", data="CIFAR10").runs[0].preset.data == "CIFAR10"


def test_a_data_path_becomes_absolute_however_it_is_given(ask: Ask, tmp_path: Path) -> None:
    for name in ("one.npz", "two.npz"):
        (tmp_path / name).touch()

    found = ask("batch-32", assignments=("data=one.npz",))
    assert found.runs[0].preset.data == found.session.settings["data"] == str(tmp_path / "one.npz")
    found = ask("batch-32", grid=("data=one.npz,./two.npz",))
    assert [run.preset.data for run in found.runs] == [
        str(tmp_path / name) for name in ("one.npz", "two.npz")
    ]


def test_a_name_wins_over_a_folder_of_that_name(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()

    assert ask("batch-32", data="mnist").runs[0].preset.data == "mnist"
    assert ask("batch-32", data="./mnist").runs[0].preset.data == str(tmp_path / "mnist")


@pytest.mark.parametrize("data", ["", "  ", "~nobody-of-that-name/x", "x" * 5_000, "a\0b"])
def test_what_is_no_path_is_left_to_the_reader_of_the_data(ask: Ask, data: str) -> None:
    assert ask("batch-32", data=data).runs[0].preset.data == data


@pytest.mark.parametrize(
    ("names", "wanted", "parallel", "threads"),
    [
        (("batch-32",), None, 1, 7),
        (("batch-32", "batch-128", "batch-512"), None, 3, 2),
        (("batch-32", "batch-128", "batch-512", "dropout-25", "seed-cnn"), None, 4, 2),
        (("batch-32", "batch-128"), 1, 1, 7),
        (("batch-32",), 16, 16, 1),
    ],
)
def test_runs_on_the_cpu_share_the_cores(
    ask: Ask, names: tuple[str, ...], wanted: int | None, parallel: int, threads: int
) -> None:
    found = ask(*names, parallel=wanted)

    assert found.session.parallel == parallel
    assert {spec.threads for spec in found.runs} == {threads}


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 3)])
def test_a_run_alone_on_the_cpu_leaves_a_core_to_others(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.setattr(devices, "cores", lambda: cores)

    (spec,) = ask("batch-32").runs

    assert spec.threads == threads


def test_auto_takes_the_gpu_with_most_free_memory(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus = [Gpu(0, "A", 1 << 30, 8 << 30), Gpu(1, "B", 4 << 30, 8 << 30)]
    monkeypatch.setattr(devices, "visible_gpus", lambda: gpus)

    assert ask("batch-32").session.device == "cuda:1"
    assert ask("batch-32", device="cuda:0").session.device == "cuda:0"
    assert ask("batch-32", device="cpu").session.device == "cpu"
    with pytest.raises(PresetError, match=r"only 2 CUDA device"):
        ask("batch-32", device="cuda:2")


def test_planning_writes_nothing(ask: Ask, home: Path) -> None:
    ask("batch-size")

    assert not home.exists()


def test_a_plan_survives_the_folder(ask: Ask, home: Path) -> None:
    found = ask("augmentation", seeds=2)

    session = create_session(home, found.session, list(found.runs))

    assert read_document(session.spec, SessionSpec) == found.session
    assert tuple(spec for _, spec in runs_of(session)) == found.runs


def test_the_users_own_code_needs_a_word(ask: Ask) -> None:
    with pytest.raises(PresetError, match="--allow-code"):
        ask("batch-32", assignments=("model.name=mine:Net",))

    assert ask("batch-32", assignments=("model.name=mine:Net",), allow_code=True).runs[0].allow_code


def test_versions_that_matter_are_kept() -> None:
    assert {"torch", "numpy"} <= set(plan.versions())


# --- grids ---------------------------------------------------------------------------------------


def test_a_grid_is_every_combination_each_run_named_after_its_values(ask: Ask) -> None:
    found = ask("batch-32", grid=("learning_rate=1e-3,0.01", "model.dropout=0,0.25"))

    assert [spec.id for spec in found.runs] == [
        "batch-32~learning-rate-0.001~dropout-0",
        "batch-32~learning-rate-0.001~dropout-0.25",
        "batch-32~learning-rate-0.01~dropout-0",
        "batch-32~learning-rate-0.01~dropout-0.25",
    ]
    assert [(s.preset.learning_rate, s.preset.model.dropout) for s in found.runs] == [
        (1e-3, 0), (1e-3, 0.25), (0.01, 0), (0.01, 0.25)
    ]  # fmt: skip
    assert {spec.preset_name for spec in found.runs} == {"batch-32"}
    assert found.session.title == "batch-32, learning_rate × model.dropout"


def test_a_grid_goes_over_each_preset_of_a_study_and_takes_lists(ask: Ask) -> None:
    found = ask("batch-size", grid=('eval_every=["1 epoch","50 steps"]',))

    assert len(found.runs) == 6
    assert found.runs[1].id == "batch-32~eval-every-50-steps"


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (("batch-32",), {"grid": ("batch_size",)}, "has no values"),
        (("batch-32",), {"grid": ("batch_size=",)}, "has no values"),
        (("batch-32",), {"grid": ("batch_size=1,,2",)}, "a value is missing beside a comma"),
        (("batch-32",), {"grid": ("batch_size=[1,",)}, "this is no JSON list"),
        (("batch-32",), {"grid": ("batch_size=[]",)}, "the list is empty"),
        (("batch-32",), {"grid": ("batch_size=8,16,8",)}, "batch_size: 8 stands there twice"),
        (("batch-32",), {"grid": ("batchsize=8",)}, "did you mean 'batch_size'"),
        (("batch-32",), {"grid": ("batch_size=8,few",)}, "--grid: batch_size = 'few' is not possible"),
        (("batch-32",), {"grid": ("batch_size=8,0",)}, "at least 1"),
        (("batch-32",), {"grid": ("batch_size=8", "batch_size=9")}, "is given twice"),
        (("batch-32",), {"grid": ("seeds=1,2",)}, "use --seeds N"),
        (("batch-32",), {"grid": ("epochs=1,2",), "epochs": 3.0}, "both set and in the grid"),
        (("batch-32",), {"grid": ("batch_size=1,2,3,4,5,6,7,8,9,10",)}, "10 presets are too many"),
        (("batch-size",), {"grid": ("batch_size=8,16",)}, "--grid batch_size: the study"),
        (("batch-32",), {"grid": ("batch_size=" + ",".join(map(str, range(1, 100_001))),)},
         "100,000 presets are too many"),
        (("batch-32",), {"grid": ("batch_size=" + "[" * 100_000,)}, "this is no JSON list"),
        (("batch-32",), {"grid": ("batch_size=8," + "[" * 100_000,)}, "is not possible"),
        (("batch-32",), {"grid": ("batch_size=[8,[9]]",)}, "[9] is no value of one setting"),
        (("batch-32",), {"grid": ("learning_rate=1,1.0",)}, "learning_rate: 1 stands there twice"),
        (("batch-32",), {"assignments": ("batch_size=" + "[" * 100_000,)}, "is not possible"),
        (("batch-32",), {"assignments": ("batch_size=" + "many" * 10_000,)}, "is not possible"),
        (("batch-32",), {"assignments": ("b" * 10_000 + "=1",)}, "no setting has that name"),
    ],
)  # fmt: skip
def test_a_grid_that_cannot_be_is_refused_by_name(
    ask: Ask, names: tuple[str, ...], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(PresetError, match=re.escape(words)) as refused:
        ask(*names, **options)

    assert len(str(refused.value)) < 300


def test_values_whose_ends_differ_alone_are_runs_of_their_own(ask: Ask, tmp_path: Path) -> None:
    stem = tmp_path / ("a-rather-long-name-of-a-file-of-digits" * 3)
    found = ask("batch-32", grid=(f"data={stem}1.npz,{stem}2.npz",))

    assert len({spec.id for spec in found.runs}) == 2
    assert found.runs[1].id == found.runs[0].id + "-2"
