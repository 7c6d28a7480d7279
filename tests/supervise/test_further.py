"""Runs for a session that has begun keep what was asked of it, and their ids say what they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.keys import settings
from valtui_trainer.presets.library import Library
from valtui_trainer.session.records import Fork
from valtui_trainer.supervise.further import edited_run, further_run, further_seeds
from valtui_trainer.supervise.plan import Plan

Ask = Callable[..., Plan]


def test_a_further_preset_gets_the_next_position_and_an_id_of_its_own(ask: Ask) -> None:
    found = ask("batch-32", "batch-128")

    again = further_run(found.session, list(found.runs), Library.open().preset("batch-32"))

    assert (again.position, again.id, again.preset_name) == (2, "batch-32+seeds-1", "batch-32")
    assert again.session == found.session.id


def test_two_more_seeds_are_the_next_ones_and_all_else_is_as_there(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ask("batch-32", "batch-128", seeds=3, assignments=("model.name=mine:Net",), allow_code=True)  # fmt: skip
    monkeypatch.setenv("VALTUI_DATA", "/elsewhere")
    monkeypatch.chdir(tmp_path.parent)

    more = further_seeds(found.session, list(found.runs), found.runs[0])

    assert (more.id, more.position, more.seeds) == ("batch-32+seeds-2", 2, [3, 4])
    assert more.preset == msgspec.structs.replace(found.runs[0].preset, seeds=[3, 4])
    for name in ("preset_name", "device", "threads", "session", "data_root", "code_path", "allow_code"):  # fmt: skip
        assert getattr(more, name) == getattr(found.runs[0], name)


def test_seeds_that_any_run_of_the_preset_has_are_not_trained_again(ask: Ask) -> None:
    found = ask("batch-32", "batch-128", seeds=2)
    first = further_seeds(found.session, list(found.runs), found.runs[0])
    runs = [*found.runs, first]

    second = further_seeds(found.session, runs, first)
    other = further_seeds(found.session, runs, found.runs[1], count=3)

    assert (second.id, second.seeds) == ("batch-32+seeds-2-2", [4, 5])
    assert (other.id, other.seeds) == ("batch-128+seeds-3", [2, 3, 4])


def test_gaps_between_named_seeds_are_filled_first(ask: Ask) -> None:
    found = ask("batch-32", assignments=("seeds=[1, 7]",))

    assert further_seeds(found.session, list(found.runs), found.runs[0], 4).seeds == [0, 2, 3, 4]


def test_a_preset_with_another_setting_has_seeds_of_its_own(ask: Ask) -> None:
    found = ask("batch-32", seeds=2)
    (one,) = found.runs
    longer = msgspec.structs.replace(
        one, id="batch-32+longer", preset=msgspec.structs.replace(one.preset, epochs=20)
    )

    assert further_seeds(found.session, [one, longer], longer).seeds == [2, 3]
    assert further_seeds(found.session, [longer, one], one, count=1).seeds == [2]


def test_seeds_of_continuations_are_free_and_they_have_no_more_seeds(ask: Ask) -> None:
    found = ask("batch-32")
    (one,) = found.runs
    fork = Fork(run=one.id, file="x.pt", sha256="0", step=60, epoch=1.5, epochs=10)
    beside = msgspec.structs.replace(one, id="batch-32~control", seeds=[1, 2], fork=fork, proof="1")

    more = further_seeds(found.session, [one, beside], one)

    assert (more.seeds, more.fork, more.proof) == ([1, 2], None, "")
    with pytest.raises(PresetError, match="goes on from a checkpoint of batch-32"):
        further_seeds(found.session, [one, beside], beside)


def test_a_session_of_nine_runs_takes_no_more_seeds(ask: Ask) -> None:
    found = ask("batch-32")
    (one,) = found.runs
    runs = [one, *(msgspec.structs.replace(one, id=f"run-{k}") for k in range(8))]

    with pytest.raises(PresetError, match="9 are the most"):
        further_seeds(found.session, runs, one)


def test_a_further_preset_gets_what_was_asked_of_the_session(ask: Ask) -> None:
    found = ask("batch-32", epochs=3.0, seeds=2)

    more = further_run(found.session, list(found.runs), Library.open().preset("batch-128"))

    assert (more.preset.epochs, more.seeds) == (3.0, [0, 1])


def test_an_edited_run_differs_in_what_was_edited_alone(ask: Ask, tmp_path: Path) -> None:
    found = ask("batch-32", assignments=("batch_size=64",), epochs=20.0)
    once = edited_run(
        found.session, list(found.runs), found.runs[0], {"batch_size": 128, "epochs": 40.0}
    )

    twice = edited_run(found.session, [*found.runs, once], once, {"model.dropout": 0.25})

    assert (once.preset.batch_size, once.preset.epochs) == (128, 40.0)
    assert settings(twice.preset) == settings(once.preset) | {"model.dropout": 0.25}
    assert once.id == "batch-32~batch-size-128~epochs-40"
    assert twice.id == "batch-32~batch-size-128~epochs-40~dropout-0.25"
    assert (once.position, twice.position) == (1, 2)


def test_a_setting_that_is_edited_again_is_told_once(ask: Ask) -> None:
    found = ask("batch-32", grid=("batch_size=64,128",))

    edited = edited_run(found.session, list(found.runs), found.runs[0], {"batch_size": 16})

    assert edited.id == "batch-32~batch-size-16"


def test_settings_whose_names_are_alike_are_told_apart(ask: Ask) -> None:
    found = ask("batch-32", grid=("model.batchnorm_momentum=0.5,0.9",))
    one = found.runs[0]

    once = edited_run(found.session, [one], one, {"optimizer.name": "sgd", "model.batchnorm": True})
    twice = edited_run(found.session, [one, once], once, {"schedule.name": "constant"})

    assert once.id == "batch-32~batchnorm-momentum-0.5~optimizer.name-sgd~batchnorm-yes"
    assert twice.id == once.id + "~schedule.name-constant"


def test_more_seeds_of_a_run_with_settings_of_its_own_are_told_as_such(ask: Ask) -> None:
    found = ask("batch-32", grid=("batch_size=64,128",))
    more = further_seeds(found.session, list(found.runs), found.runs[1])
    runs = [*found.runs, more]

    assert more.id == "batch-32~batch-size-128+seeds-2"
    assert further_seeds(found.session, runs, more).id == "batch-32~batch-size-128+seeds-2-2"
    assert edited_run(found.session, runs, more, {"batch_size": 16}).id == "batch-32~batch-size-16"


def test_an_edited_run_is_trained_where_and_how_the_one_it_comes_from(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ask("batch-32", assignments=("model.name=mine:Net",), allow_code=True)
    monkeypatch.setenv("VALTUI_DATA", "/elsewhere")
    monkeypatch.chdir(tmp_path.parent)

    edited = edited_run(found.session, list(found.runs), found.runs[0], {"batch_size": 16})

    for name in ("preset_name", "device", "threads", "session", "data_root", "code_path", "allow_code"):  # fmt: skip
        assert getattr(edited, name) == getattr(found.runs[0], name)


def test_what_was_edited_of_a_continuation_begins_from_scratch(ask: Ask) -> None:
    found = ask("batch-32")
    (one,) = found.runs
    fork = Fork(run=one.id, file="x.pt", sha256="0", step=60, epoch=1.5, epochs=10)
    beside = msgspec.structs.replace(one, id="batch-32~control", fork=fork, proof="1")

    edited = edited_run(found.session, [one, beside], beside, {"batch_size": 16})

    assert (edited.id, edited.fork, edited.proof) == ("batch-32~batch-size-16", None, "")


def test_however_much_is_edited_the_id_still_names_a_folder(ask: Ask) -> None:
    found = ask("batch-32")
    (one,) = found.runs
    changes = {
        "batch_size": 16, "epochs": 3.5, "learning_rate": 0.0123, "weight_decay": 0.0456,
        "model.width": 24, "model.dropout": 0.125, "optimizer.momentum": 0.875,
        "split_seed": 4_000, "val_size": 1_000,
    }  # fmt: skip

    edited = edited_run(found.session, [one], one, changes)
    more = edited_run(found.session, [one, edited], edited, {"model.batchnorm": False})

    assert edited.id.startswith("batch-32~and-more~")
    assert edited.id.endswith("~split-seed-4000~val-size-1000")
    assert more.id.startswith("batch-32~and-more~")
    assert more.id.endswith("~val-size-1000~batchnorm-no")
    assert max(len(edited.id), len(more.id)) < 150
    assert settings(more.preset) == settings(one.preset) | changes | {"model.batchnorm": False}
