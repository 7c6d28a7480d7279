"""The library: where presets come from, how they inherit, and the sentence for each mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.keys import difference, varying
from valtui_trainer.presets.library import Library, refuse_varied, with_settings
from valtui_trainer.presets.types import Preset


@pytest.fixture
def here(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with an empty `presets/studies`."""
    del home
    folder = tmp_path / "here"
    (folder / "presets" / "studies").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def write(here: Path, name: str, text: str) -> Path:
    path = here / "presets" / f"{name}.toml"
    path.write_text(text)
    return path


def refusal(name: str) -> str:
    with pytest.raises(PresetError) as caught:
        Library.open().preset(name)
    return str(caught.value)


def test_every_shipped_preset_and_study_resolves(here: Path) -> None:
    library = Library.open(here)

    presets = {name: library.preset(name).preset for name in library.presets}
    studies = {name: library.study(name).study for name in library.studies}

    assert set(studies) == {
        "augmentation", "batch-size", "batchnorm", "capacity", "dropout", "learning-rate",
        "optimizer", "validation-size", "weight-decay",
    }  # fmt: skip
    assert all(study.question.endswith("?") for study in studies.values())
    assert all(name in presets for study in studies.values() for name in study.presets)


def test_each_shipped_study_varies_something(here: Path) -> None:
    library = Library.open(here)

    for name in library.studies:
        members = [library.preset(one).preset for one in library.study(name).study.presets]
        assert varying(members), name


def test_the_seed_model_is_as_specified(here: Path) -> None:
    seed = Library.open(here).preset("seed-cnn").preset

    assert (seed.model.name, seed.optimizer.name) == ("seed-cnn", "adam")
    assert (seed.batch_size, seed.epochs, seed.eval_every) == (32, 10, 0.25)
    assert seed.model.dropout == 0


def test_the_local_folder_wins_over_the_config_folder_and_both_over_the_wheel(
    here: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config" / "valtui" / "presets"
    config.mkdir(parents=True)
    (config / "batch-32.toml").write_text("batch_size = 33\n")
    (config / "batch-128.toml").write_text("batch_size = 129\n")
    write(here, "batch-32", "batch_size = 34\n")

    library = Library.open()

    assert library.preset("batch-32").preset.batch_size == 34
    assert library.preset("batch-32").place == "./presets"
    assert library.preset("batch-128").preset.batch_size == 129
    assert library.preset("batch-128").place == "config"
    assert library.preset("batch-512").place == "valtui"


def test_a_preset_extends_another_table_by_table(here: Path) -> None:
    write(here, "parent", "batch_size = 64\n[model]\nwidth = 8\ndropout = 0.5\n")
    write(here, "child", 'extends = "parent"\n[model]\nwidth = 16\n')

    child = Library.open().preset("child").preset

    assert (child.batch_size, child.model.width, child.model.dropout) == (64, 16, 0.5)


def test_a_description_is_not_inherited(here: Path) -> None:
    write(here, "parent", 'description = "the parent"\n')
    write(here, "child", 'extends = "parent"\n')

    assert Library.open().preset("child").preset.description == ""


def test_a_preset_that_extends_its_own_name_extends_the_one_it_replaces(here: Path) -> None:
    write(here, "batch-128", 'extends = "batch-32"\nbatch_size = 100\n')

    assert Library.open().preset("batch-128").preset.batch_size == 100


def test_a_preset_is_found_by_its_path(here: Path) -> None:
    path = here / "elsewhere.toml"
    path.write_text("batch_size = 7\n")

    assert Library.open().preset(str(path)).preset.batch_size == 7


def test_a_fault_is_refused_with_file_and_line_unless_the_name_says_planted(here: Path) -> None:
    path = write(here, "mine", "epochs = 3\n\n[fault]\noverlap = 0.2\n")
    write(here, "planted-mine", "epochs = 3\n\n[fault]\noverlap = 0.2\n")
    inline = write(here, "inline", "fault = { sorted_by_class = true }\n")

    assert f"{path}:4: fault.overlap = 0.2" in refusal("mine")
    assert f"{inline}:1" in refusal("inline")
    assert "planted-" in refusal("mine")
    assert Library.open().preset("planted-mine").preset.fault.overlap == 0.2


def test_an_inherited_fault_is_refused_too_and_can_be_taken_back(here: Path) -> None:
    write(here, "planted-mine", "[fault]\noverlap = 0.2\n")
    heir = write(here, "heir", 'epochs = 3\nextends = "planted-mine"\n')
    write(here, "healed", 'extends = "planted-mine"\n[fault]\noverlap = 0.0\n')

    assert f"{heir}:2" in refusal("heir")
    assert "inherited" in refusal("heir")
    assert Library.open().preset("healed").preset.fault == Preset().fault


def test_a_fault_is_refused_by_path_and_by_set_as_well(here: Path) -> None:
    path = here / "elsewhere.toml"
    path.write_text('[fault]\nvalidation = "augmented"\n')
    planted = here / "planted-elsewhere.toml"
    planted.write_text("epochs = 3\n")
    write(here, "mine", "epochs = 3\n")
    write(here, "planted-mine", "epochs = 3\n")
    library = Library.open()
    asked: dict[str, object] = {"fault.wrong_labels": 0.1}

    assert f"{path}:2" in refusal(str(path))
    with pytest.raises(PresetError, match=r"--set: fault\.wrong_labels = 0\.1"):
        with_settings(library.preset("mine"), asked)
    for name in ("planted-mine", str(planted)):
        assert with_settings(library.preset(name), asked).preset.fault.wrong_labels == 0.1


def test_a_circle_is_named_with_its_members(here: Path) -> None:
    write(here, "a", 'extends = "b"\n')
    write(here, "b", 'extends = "c"\n')
    write(here, "c", 'extends = "a"\n')

    sentence = refusal("a")

    assert "circle: a → b → c → a" in sentence
    assert re.search(r"c?a?\.toml:1", sentence)


def test_a_preset_that_extends_itself_is_refused(here: Path) -> None:
    write(here, "lonely", 'extends = "lonely"\n')

    assert "lonely" in refusal("lonely")


def test_an_unknown_key_is_named_with_file_line_and_the_nearest(here: Path) -> None:
    path = write(here, "typo", "# a comment\nepochs = 3\nbatchsize = 64\n")

    sentence = refusal("typo")

    assert f"{path}:3" in sentence
    assert "batchsize" in sentence
    assert "did you mean 'batch_size'" in sentence


def test_an_unknown_key_in_a_table_is_named_with_its_line(here: Path) -> None:
    path = write(here, "typo", "epochs = 3\n\n[model]\nwidht = 3\n")

    sentence = refusal("typo")

    assert f"{path}:4" in sentence
    assert "model.widht" in sentence
    assert "model.width" in sentence


def test_an_unknown_key_in_an_inline_table_is_named_with_its_line(here: Path) -> None:
    path = write(here, "typo", "epochs = 3\nmodel = { widht = 3 }\n")

    assert f"{path}:2" in refusal("typo")


def test_a_mistake_in_the_parent_names_the_parents_file(here: Path) -> None:
    parent = write(here, "parent", "epochs = 0\n")
    write(here, "child", 'extends = "parent"\nepochs = 3\n')

    assert str(parent) in refusal("child")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('batch_size = "big"', "whole number"),
        ("batch_size = 1.5", "whole number"),
        ("batch_size = 0", "at least 1"),
        ('learning_rate = "fast"', "must be a number"),
        ("learning_rate = 0.0", "more than 0"),
        ("learning_rate = -0.1", "more than 0"),
        ("epochs = inf", "epochs"),
        ("epochs = nan", "epochs"),
        ("learning_rate = nan", "learning_rate"),
        ("weight_decay = nan", "weight_decay"),
        ("weight_decay = inf", "weight_decay"),
        ("val_size = 0", "at least 1"),
        ("seeds = 0", "at least 1"),
        ("seeds = 1000000000", "seeds"),
        ("seeds = [0, -1]", "at least 0"),
        ("seeds = []", "seeds"),
        ("split_seed = 99999999999999999999", "split_seed"),
        ('eval_every = "often"', "epochs"),
        ("eval_every = 0", "more than 0"),
        ('eval_every = "0 steps"', "eval_every"),
        ('eval_every = "0 epochs"', "eval_every"),
        ('precision = "float16"', "float16"),
        ("shuffle = 1", "true or false"),
        ("model = 3", "model"),
        ("model.dropout = 1.0", "less than 1"),
        ("augmentation.rotation = 181", "at most 180"),
        ('optimizer.name = "adan"', "adan"),
        ("description = 3", "text in quotes"),
    ],
)
def test_a_value_that_is_not_possible_is_explained_with_its_line(
    here: Path, line: str, words: str
) -> None:
    path = write(here, "wrong", f"# first\n{line}\n")

    sentence = refusal("wrong")

    assert sentence.startswith(f"{path}:2: ")
    assert words in sentence


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"epochs = \n", "not valid TOML"),
        (b"epochs = 3\nepochs = 4\n", "not valid TOML"),
        (b"\xff\xfe", "UTF-8"),
        (b"#" * 1_000_001, "1 MB"),
    ],
)
def test_a_file_that_is_no_preset_is_refused_in_words(
    here: Path, content: bytes, words: str
) -> None:
    (here / "presets" / "broken.toml").write_bytes(content)

    assert words in refusal("broken")


def test_a_missing_file_is_named(here: Path) -> None:
    del here
    assert "nowhere.toml: there is no such file" in refusal("nowhere.toml")


def test_an_unknown_name_is_answered_with_the_nearest(here: Path) -> None:
    del here
    assert "batch-32" in refusal("batch-33")


def test_an_unknown_parent_is_answered_with_the_nearest(here: Path) -> None:
    path = write(here, "child", 'extends = "seed-cn"\n')

    sentence = refusal("child")

    assert f"{path}:1" in sentence
    assert "seed-cnn" in sentence


@pytest.mark.parametrize("parent", ["3", '["seed-cnn"]', "true"])
def test_extends_must_name_one_preset(here: Path, parent: str) -> None:
    write(here, "child", f"extends = {parent}\n")

    assert "must name one preset" in refusal("child")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('question = "Why?"\npresets = ["batch-33"]\n', "unknown preset 'batch-33'"),
        ('question = "Why?"\npresets = []\n', "presets"),
        ('presets = ["batch-32"]\n', "'question' is missing"),
        ('question = "Why?"\npresets = ["batch-32"]\nanswers = "?"\n', "answers"),
        ('question = "Why?"\npresets = "batch-32"\n', "presets"),
        ("question = 3\npresets = []\n", "question"),
    ],
)
def test_a_wrong_study_is_refused_in_words(here: Path, content: str, words: str) -> None:
    path = here / "presets" / "studies" / "mine.toml"
    path.write_text(content)

    with pytest.raises(PresetError, match=re.escape(words)) as caught:
        Library.open().study("mine")

    assert str(path) in str(caught.value)


def test_a_broken_file_does_not_keep_others_from_being_read(here: Path) -> None:
    write(here, "broken", "epochs = \n")

    assert Library.open().preset("batch-32").preset.batch_size == 32


def test_a_setting_replaces_one_value_alone(here: Path) -> None:
    del here
    named = Library.open().preset("dropout-25")

    changed = with_settings(named, {"model.width": 4})

    assert difference(changed.preset, named.preset) == {"model.width": 4}


def test_a_setting_out_of_range_is_refused(here: Path) -> None:
    del here
    named = Library.open().preset("batch-32")

    with pytest.raises(PresetError, match="--set: batch_size = 0"):
        with_settings(named, {"batch_size": 0})


def test_a_setting_below_a_plain_value_is_refused(here: Path) -> None:
    del here
    with pytest.raises(PresetError):
        with_settings(Library.open().preset("batch-32"), {"batch_size": {"x": 1}})


def test_a_key_that_the_study_varies_cannot_be_set(here: Path) -> None:
    del here
    library = Library.open()
    study = library.study("batch-size")
    presets = [library.preset(name).preset for name in study.study.presets]

    refuse_varied(study, presets, ["epochs"])
    with pytest.raises(PresetError, match="varies batch_size itself"):
        refuse_varied(study, presets, ["epochs", "batch_size"])


def test_presets_that_are_alike_differ_in_nothing() -> None:
    assert varying([Preset(), Preset(description="other words")]) == ()
    assert varying([Preset(), Preset(epochs=3)]) == ("epochs",)
