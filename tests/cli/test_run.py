"""`valtui run` asked wrongly: a sentence, exit 2, nothing started, no session folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.sessions import new_session
from valtui.cli import run, screen
from valtui.cli.main import main
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.records import RunSpec
from valtui_trainer.supervise import begin, devices, validate
from valtui_trainer.supervise.plan import Plan
from valtui_trainer.supervise.validate import Answer


@pytest.fixture
def here(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with `presets/studies`, on a machine without CUDA."""
    del home
    folder = tmp_path / "here"
    (folder / "presets" / "studies").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(devices, "visible_gpus", list)
    return folder


def refusal(home: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run, expect exit 2 with a sentence and nothing left behind, and return the sentence."""
    code = main(["run", *arguments])
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert err.startswith("valtui: ")
    assert "Traceback" not in err
    assert not list((home / "sessions").glob("*"))
    return err


WRONG_PRESETS = {
    "unknown-key": ("batchsize = 3\n", "did you mean 'batch_size'"),
    "wrong-type": ('epochs = "many"\n', "epochs = 'many' is not possible"),
    "out-of-range": ("batch_size = 0\n", "at least 1"),
    "circle": ('extends = "circle"\n', "circle"),
    "orphan": ('extends = "nobody"\n', "unknown preset 'nobody'"),
    "no-toml": ("epochs\n", "not valid TOML"),
    "zero-validation": ("val_size = 0\n", "val_size = 0 is not possible: it must be at least 1"),
}


@pytest.mark.parametrize("name", WRONG_PRESETS)
def test_a_wrong_preset(
    here: Path, home: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    content, words = WRONG_PRESETS[name]
    path = here / "presets" / f"{name}.toml"
    path.write_text(content)

    sentence = refusal(home, capsys, name)

    assert words in sentence
    if name != "circle":
        assert str(path) in sentence


def test_a_study_naming_an_unknown_preset(
    here: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = here / "presets" / "studies" / "mine.toml"
    path.write_text('question = "Why?"\npresets = ["batch-32", "batch-33"]\n')

    sentence = refusal(home, capsys, "mine")

    assert f"{path}:2: the study names an unknown preset 'batch-33'" in sentence
    assert "did you mean" in sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name a study or presets"),
        (["batch-sice"], "did you mean 'batch-size'"),
        (["missing.toml"], "missing.toml: there is no such file"),
        (["batch-size", "batch-32"], "'batch-size' is a study"),
        (["batch-32", "batch-32"], "named twice"),
        (["batch-32", "--set", "epochs"], "has no '='"),
        (["batch-32", "--set", "epoch=3"], "did you mean 'epochs'"),
        (["batch-32", "--set", "epochs=few"], "epochs = 'few' is not possible"),
        (["batch-32", "--set", "model.dropout=1"], "less than 1"),
        (["batch-32", "--set", "seeds=0"], "at least 1"),
        (["batch-32", "--seeds", "5000"], "at most 1000"),
        (["batch-32", "--set", "seeds=[1, 1]"], "names a seed twice"),
        (["batch-size", "--set", "batch_size=64"], "varies batch_size itself"),
        (["batch-32", "--device", "cuda"], "there is no CUDA device here"),
        (["batch-32", "--device", "cuda:1"], "there is no CUDA device here"),
        (["batch-32", "--device", "gpu"], "write auto, cpu, cuda, or cuda:0"),
        (["batch-32", "--set", "precision=bfloat16"], "bfloat16"),
        (["batch-32", "--set", "model.name=mine:Net"], "--allow-code"),
    ],
)
def test_a_wrong_request(
    here: Path, home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    del here
    assert words in refusal(home, capsys, *arguments)


def test_more_presets_than_a_screen_holds(
    here: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = []
    for number in range(10):
        (here / "presets" / f"p{number}.toml").write_text("")
        names.append(f"p{number}")

    assert "at most 9" in refusal(home, capsys, *names)


def test_options_may_stand_between_names(
    here: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del here
    sentence = refusal(home, capsys, "batch-32", "--epochs", "3", "batch-33", "--plain")

    assert "batch-33" in sentence


def test_a_home_that_cannot_be_made(
    here: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file").write_text("")

    sentence = refusal(home, capsys, "batch-32", "--home", str(here / "file" / "home"))

    assert "--home" in sentence or "is a file" in sentence


def test_what_the_check_of_data_and_model_finds_is_said_line_by_line(
    here: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    del here
    monkeypatch.setattr(
        validate, "validate", lambda *_: Answer(problems=["first \x1b[2J thing", "second thing"])
    )

    sentence = refusal(home, capsys, "batch-32", "--plain")

    assert sentence.splitlines()[1] == "valtui: second thing"
    assert "\x1b" not in sentence


def test_data_and_models_that_do_not_fit_are_refused_before_anything_starts(
    here: Path, home: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = np.zeros((40, 8, 8), np.uint8), np.arange(40) % 4
    np.savez(here / "no-arrays.npz", pictures=images)
    np.savez(here / "odd-labels.npz", train_images=images, train_labels=labels[:-1])
    for number in range(40):
        folder = here / "photos" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[number]).save(folder / f"{number}.png")
    (here / "photos" / "a" / "torn.png").write_bytes(b"not an image")
    presets = {
        "no-path": 'data = "nowhere.npz"',
        "no-arrays": 'data = "no-arrays.npz"',
        "odd-labels": 'data = "odd-labels.npz"',
        "torn-image": 'data = "photos"',
        "misfit": f'data = "{digits}"\nmodel = {{ name = "small-cnn", depth = 8 }}',
        "no-model": f'data = "{digits}"\nmodel = {{ name = "resnet81" }}',
        "no-batch": f'data = "{digits}"\nbatch_size = 4096\ndrop_last = true',
    }
    for name, content in presets.items():
        (here / "presets" / f"{name}.toml").write_text(content)

    sentences = refusal(home, capsys, *presets, "--detach").splitlines()

    expected = {
        "no-path": "nowhere.npz", "no-arrays": "train_images", "odd-labels": "39",
        "torn-image": "torn.png", "misfit": "misfit", "no-model": "resnet81",
        "no-batch": "drop_last",
    }  # fmt: skip
    assert len(sentences) == len(presets), sentences
    for sentence, word in zip(sentences, expected.values(), strict=True):
        assert word in sentence


class Started:
    """Stands in for the start of a session; keeps the plan."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, notes: list[str]) -> None:
        self.session, _ = new_session(home)
        self.plan: Plan | None = None
        monkeypatch.setattr(validate, "validate", lambda *_: Answer(notes=notes))
        monkeypatch.setattr(begin, "begin", self.begin)

    def begin(self, plan: Plan, home: Path) -> SessionPaths:
        del home
        self.plan = plan
        return self.session

    @property
    def runs(self) -> tuple[RunSpec, ...]:
        assert self.plan is not None
        return self.plan.runs


def test_detached_it_prints_the_id_alone_and_remarks_on_stderr(
    here: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    del here
    started = Started(home, monkeypatch, ["two images are alike"])

    code = main(
        ["run", "batch-size", "--detach", "--seeds", "2", "--epochs", "1.5", "--parallel", "1"]
    )

    out, err = capsys.readouterr()
    assert (code, out) == (0, f"{started.session.id}\n")
    assert "note: two images are alike" in err
    assert [spec.id for spec in started.runs] == ["batch-32", "batch-128", "batch-512"]
    assert {(spec.preset.epochs, tuple(spec.seeds)) for spec in started.runs} == {(1.5, (0, 1))}
    assert started.plan is not None
    assert started.plan.session.parallel == 1
    assert started.plan.session.command[:3] == ["valtui", "run", "batch-size"]


def test_profile_is_asked_of_every_run_and_of_none_by_itself(
    here: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del here
    started = Started(home, monkeypatch, [])

    for options in ([], ["--profile"]):
        assert main(["run", "batch-size", "--detach", *options]) == 0
        assert {spec.profile for spec in started.runs} == {bool(options)}


def test_without_a_terminal_it_follows_in_plain_lines(
    here: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del here
    started = Started(home, monkeypatch, [])
    followed: list[str] = []

    def follow(session: SessionPaths) -> int:
        followed.append(session.id)
        return 7

    monkeypatch.setattr("valtui.cli.plain.follow", follow)

    assert main(["run", "batch-32"]) == 7
    assert followed == [started.session.id]


def test_on_a_terminal_the_app_takes_the_plan(
    here: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del here
    taken: dict[str, object] = {}

    def run_app(where: Path, **options: object) -> int:
        taken.update(options, home=where)
        return 0

    monkeypatch.setattr(run, "on_terminal", lambda: True)
    monkeypatch.setattr(screen, "on_terminal", lambda: True)
    monkeypatch.setattr("valtui.app.run_app", run_app)

    assert main(["run", "batch-32", "--no-mouse"]) == 0
    assert (taken["home"], taken["mouse"]) == (home, False)
    assert isinstance(taken["plan"], Plan)


def test_a_broken_preset_is_listed_with_its_sentence_among_the_others(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "presets" / "broken.toml").write_text("batchsize = 3\n")
    (here / "presets" / "seed-cnn.toml").write_text("epochs = 0\n")
    (here / "presets" / "studies" / "odd.toml").write_text("presets = []\n")

    assert main(["presets"]) == 0
    text = capsys.readouterr().out
    assert main(["presets", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)

    assert "no setting is called 'batchsize'" in text
    presets = {one["name"]: one for one in listed["presets"]}
    assert "batchsize" in presets["broken"]["error"]
    assert presets["batch-128"]["error"] is not None  # it extends the broken seed-cnn
    assert {one["name"]: bool(one["error"]) for one in listed["studies"]}["odd"]


def test_presets_are_listed_with_what_differs_and_where_from(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "presets" / "mine.toml").write_text(
        'extends = "batch-128"\ndescription = "\\u009b31m red"\n[model]\ndropout = 0.5\n'
    )

    assert main(["presets", "--json"]) == 0
    raw = capsys.readouterr().out
    listed = json.loads(raw)

    assert "\x9b" not in raw
    assert listed["schema"] == 1
    mine = next(one for one in listed["presets"] if one["name"] == "mine")
    assert mine["differs"] == {"batch_size": 128, "model.dropout": 0.5}
    assert (mine["from"], mine["path"]) == ("./presets", str(here / "presets" / "mine.toml"))
    study = next(one for one in listed["studies"] if one["name"] == "batch-size")
    assert study["presets"] == ["batch-32", "batch-128", "batch-512"]
