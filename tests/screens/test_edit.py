"""`e`: settings are found by typing, checked as they are written, started into the session, saved as a preset."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from screens.conftest import Recorded, arrives, at_once, sees, shown, until
from valtui.app import ValtuiApp
from valtui.screens.edit import EditScreen
from valtui.screens.live import LiveScreen
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.help import help_of
from valtui_trainer.presets.keys import known_keys
from valtui_trainer.presets.library import Library
from valtui_trainer.presets.save import save_preset
from valtui_trainer.session.records import RunSpec, SessionSpec
from valtui_trainer.supervise import validate

MakeApp = Callable[..., ValtuiApp]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[RunSpec]:
    """The runs that were to be checked; all are found sound."""
    found: list[RunSpec] = []

    def answer(runs: Any, home: Path) -> validate.Answer:
        del home
        found.extend(runs)
        return validate.Answer()

    monkeypatch.setattr(validate, "validate", answer)
    return found


async def opened(pilot: Pilot[Any]) -> None:
    """Open the settings of the focused run."""
    await arrives(pilot, LiveScreen)
    await pilot.press("e")
    await sees(pilot, "Settings of batch-32", "differs: in nothing yet")


async def change(pilot: Pilot[Any], words: str, value: str) -> None:
    """Find a setting and write a value."""
    await pilot.press(*["backspace"] * 20, *words, "enter", *["backspace"] * 20, *value)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_changed_preset_is_started_into_the_session(
    app: MakeApp, ended: Recorded, asked: list[RunSpec], size: tuple[int, int]
) -> None:
    async with app(ended).run_test(size=size, notifications=True) as pilot:
        await opened(pilot)
        await change(pilot, "batch", "64")
        await pilot.press("enter")
        await sees(pilot, "differs: batch_size 32 → 64")
        await change(pilot, "dropout", "0.25")
        await pilot.press("enter")
        await sees(pilot, "model.dropout 0.0 → 0.25")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: ended.commands)

    (spec,) = asked
    assert (spec.preset.batch_size, spec.preset.model.dropout) == (64, 0.25)
    assert spec.id == "batch-32~batch-size-64~dropout-0.25"
    assert spec.preset_name == "batch-32"
    assert ended.commands == [f"start {spec.id}"]


async def test_keys_that_arrive_together_act_in_the_order_in_which_they_were_typed(
    app: MakeApp, ended: Recorded, asked: list[RunSpec]
) -> None:
    async with app(ended).run_test(size=(120, 40)) as pilot:
        await arrives(pilot, LiveScreen)
        at_once(
            pilot, "2", "e", *"epocj", "backspace", "h", "enter", *["backspace"] * 9, *"30",
            "backspace", "enter", *["backspace"] * 5, *"momentum", "down", "up", "enter",
            *["backspace"] * 9, *"05", "left", "full_stop", "ctrl+r",
        )  # fmt: skip
        await until(pilot, lambda: asked)

    (spec,) = asked
    assert spec.id == "batch-128~epochs-3~batchnorm-momentum-0.5"


async def test_what_cannot_be_is_said_while_it_is_written(
    app: MakeApp, ended: Recorded, asked: list[RunSpec]
) -> None:
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+r")
        await sees(pilot, "Nothing is changed yet.")
        await change(pilot, "learning", "fast")
        await sees(pilot, "learning_rate = 'fast' is not possible")
        await pilot.press("enter", "ctrl+r")
        await sees(pilot, "learning_rate = 'fast' is not possible", "in nothing yet")
        await pilot.press("escape")
        await pilot.press(*["backspace"] * 20, *"colour")
        await sees(pilot, "no setting has that name")
        await pilot.press("escape")
        await arrives(pilot, LiveScreen)
    assert asked == []


async def test_a_value_put_back_is_no_difference(app: MakeApp, ended: Recorded) -> None:
    async with app(ended).run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await change(pilot, "batch", "64")
        await pilot.press("enter")
        await sees(pilot, "32 → 64")
        await change(pilot, "batch", "32")
        await pilot.press("enter")
        await sees(pilot, "in nothing yet")


async def test_what_stands_in_the_field_is_what_starts(
    app: MakeApp, ended: Recorded, asked: list[RunSpec]
) -> None:
    async with app(ended).run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await change(pilot, "batch", "64")
        await pilot.press("enter")
        await sees(pilot, "32 → 64")
        await change(pilot, "batch", "32")
        await pilot.press("ctrl+r")
        await sees(pilot, "in nothing yet", "Nothing is changed yet.")
    assert asked == []


async def test_where_no_setting_is_found_none_is_changed(app: MakeApp, ended: Recorded) -> None:
    async with app(ended).run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press(*"epoch")
        await sees(pilot, "epochs: ")
        await change(pilot, "epochx", "64")
        await pilot.press("enter")
        screen = await sees(pilot, "no setting has that name", "in nothing yet")
        assert "epochs: " not in screen


async def test_an_edited_run_is_edited_from_what_it_is(
    app: MakeApp, ended: Recorded, asked: list[RunSpec]
) -> None:
    path = ended.paths.spec
    session = msgspec.json.decode(path.read_bytes(), type=SessionSpec)
    asked_for = {"batch_size": 512, "epochs": 7.0}
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(session, settings=asked_for)))
    async with app(ended).run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await change(pilot, "dropout", "0.25")
        await pilot.press("enter", "ctrl+r")
        await until(pilot, lambda: asked)
    before = ended.specs[0].preset

    assert asked[0].preset == msgspec.structs.replace(
        before, model=msgspec.structs.replace(before.model, dropout=0.25)
    )


async def test_it_is_saved_as_a_preset_that_holds_the_difference_alone(
    app: MakeApp, ended: Recorded, tmp_path: Path
) -> None:
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await opened(pilot)
        await change(pilot, "optimizer.name", "sgd")
        await pilot.press("enter")
        await sees(pilot, "optimizer.name adam → sgd")
        await pilot.press("ctrl+s")
        await sees(pilot, "Save as a preset that extends batch-32")
        await pilot.press(*"batch-32", "enter")
        await sees(pilot, "There is a preset or study batch-32 already")
        await pilot.press("ctrl+s")
        await sees(pilot, "called")
        await pilot.press(*"mine", "enter")
        await sees(pilot, "Saved as")

    path = tmp_path / "config" / "valtui" / "presets" / "mine.toml"
    assert tomllib.loads(path.read_text()) == {"extends": "batch-32", "optimizer": {"name": "sgd"}}
    assert Library.open().preset("mine").preset.optimizer.name == "sgd"


async def test_home_edits_the_preset_under_the_cursor(
    app: MakeApp, ended: Recorded, asked: list[RunSpec]
) -> None:
    del ended
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "presets", "studies")
        await pilot.press("e")
        await sees(pilot, "Go to a preset first")
        presets = pilot.app.screen.query_one("#presets")
        presets.focus()
        await pilot.press("home", "e")
        await arrives(pilot, EditScreen)
        await change(pilot, "epochs", "3")
        await pilot.press("enter")
        await sees(pilot, "differs: epochs")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: asked)

    assert asked[0].preset.epochs == 3


async def test_a_run_of_another_program_has_no_settings_to_change(
    app: MakeApp, ended: Recorded
) -> None:
    path = ended.paths.run("batch-32").spec
    spec = msgspec.json.decode(path.read_bytes(), type=RunSpec)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(spec, source="recorder")))
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await arrives(pilot, LiveScreen)
        await pilot.press("e")
        await sees(pilot, "batch-32 is recorded by")
        assert "Settings of" not in shown(pilot.app)


@pytest.mark.parametrize(
    ("name", "extends", "changes", "words"),
    [
        ("../x", "batch-32", {"batch_size": 3}, "cannot be a preset's name"),
        ("", "batch-32", {"batch_size": 3}, "cannot be a preset's name"),
        (
            "x",
            "planted-overlap",
            {"batch_size": 3},
            "planted-overlap holds a mistake made on purpose",
        ),
        ("x", "gone", {"batch_size": 3}, "gone is no preset any more"),
        ("x", "batch-32", {"val_size": None}, "val_size = none cannot stand in a preset's file"),
    ],
)
def test_what_cannot_be_saved_is_refused(
    home: Path, name: str, extends: str, changes: dict[str, Any], words: str
) -> None:
    del home
    with pytest.raises(PresetError, match=words):
        save_preset(name, extends, changes, Library.open())


def test_every_setting_has_a_meaning() -> None:
    for key in known_keys():
        assert len(help_of(key).partition(" Default:")[0]) > 10, key


def test_what_is_saved_loads_from_every_folder(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    (tmp_path / "here" / "presets").mkdir(parents=True)
    (tmp_path / "here" / "presets" / "foo.toml").write_text('extends = "seed-cnn"\nepochs = 7\n')
    monkeypatch.chdir(tmp_path / "here")

    save_preset("mine", "foo", {"batch_size": 48}, Library.open())
    save_preset("planted-mine", "planted-overlap", {"batch_size": 48}, Library.open())
    monkeypatch.chdir(tmp_path)

    found = Library.open().preset("mine").preset
    assert (found.epochs, found.batch_size) == (7, 48)
    assert Library.open().preset("planted-mine").preset.fault.overlap == 0.2
