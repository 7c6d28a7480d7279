"""The home screen: what there is to start and to open, whatever it is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import OptionList

from screens.conftest import Recorded, arrives, sees, shown, until
from valtui.app import ValtuiApp
from valtui.screens.live import LiveScreen
from valtui_trainer.presets.types import Preset

AppMaker = Callable[..., ValtuiApp]
HOSTILE = "[@click=app.quit]click[/] \x1b[31mred\u202egnp"


async def test_lists_studies_presets_and_sessions(app: AppMaker, running: Recorded) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        text = await sees(pilot, "batch-size", "RUNNING")

        assert "Does a larger batch calm the validation loss?" in text
        assert "batch_size 512" in text
        assert "● RUNNING  01-02 03:04  batch-size" in text


async def test_an_empty_home_says_what_to_do(app: AppMaker) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "none yet: enter on a study starts one")


async def test_a_new_session_appears(app: AppMaker, make: Callable[..., Recorded]) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "none yet")

        make()

        await sees(pilot, "QUEUED   01-02 03:04  batch-size")


async def test_the_cursor_stays_on_its_session_when_a_newer_one_appears(
    app: AppMaker, make: Callable[..., Recorded]
) -> None:
    make()
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "QUEUED")
        sessions = pilot.app.screen.query_one("#sessions", OptionList)
        before = sessions.highlighted_option

        make(identity="20260303T030405-newer-aaaaaa")
        await until(pilot, lambda: sessions.option_count == 2)

        assert before is not None
        assert sessions.highlighted_option is not None
        assert sessions.highlighted_option.id == before.id


async def test_a_broken_preset_says_what_is_wrong_and_the_rest_stays(
    app: AppMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "aa-broken.toml").write_text("batch_sise = 3\n")
    monkeypatch.chdir(tmp_path)

    async with app().run_test(size=(200, 60), notifications=True) as pilot:
        text = await sees(pilot, "aa-broken", "batch_size 512")

        assert "unknown key" in text or "batch_sise" in text


async def test_a_broken_base_preset_does_not_break_the_list(
    app: AppMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "seed-cnn.toml").write_text("epochs = -3\n")
    monkeypatch.chdir(tmp_path)

    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "optimizer", "batchnorm-none", "epochs")


async def test_names_and_questions_are_shown_as_they_are_written(
    app: AppMaker, make: Callable[..., Recorded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "aa[@click=app.quit]b.toml").write_text(
        'extends = "seed-cnn"\ndescription = "[red]x[/red] \\u001b[31m"\n'
    )
    monkeypatch.chdir(tmp_path)
    make(question=HOSTILE)

    async with app().run_test(size=(160, 50), notifications=True) as pilot:
        await sees(pilot, "aa[@click=app.quit]b", "QUEUED")
        await pilot.press("tab", "tab")
        text = await sees(pilot, "[@click=app.quit]click[/] ␛[31mred\\u202egnp")

        assert "\x1b" not in text
        assert "\u202e" not in text


async def test_enter_opens_a_session_and_escape_returns(app: AppMaker, running: Recorded) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "RUNNING")

        await pilot.press("tab", "tab", "enter")
        await arrives(pilot, LiveScreen)
        await sees(pilot, "validation loss", "batch-512")
        await pilot.press("escape")

        await sees(pilot, "sessions, newest first")


async def test_a_session_that_cannot_be_read_says_so(app: AppMaker, running: Recorded) -> None:
    running.paths.spec.write_text("{")

    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "is damaged", "escape: back")
        await pilot.press("escape")

        await sees(pilot, "studies")


async def test_enter_on_a_study_checks_it_and_says_what_is_wrong(
    app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from valtui_trainer.supervise import validate

    answer = validate.Answer(problems=["No room on the device."])
    monkeypatch.setattr(validate, "validate", lambda runs, home: answer)

    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "augmentation-off")
        await pilot.press("enter")

        await sees(pilot, "No room on the device.", "Nothing was started")


async def test_enter_on_a_study_starts_it_and_shows_it(
    app: AppMaker, living: set[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from valtui_trainer.supervise import validate

    monkeypatch.setattr(validate, "validate", lambda runs, home: validate.Answer())

    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "augmentation-off")
        await pilot.press("enter")

        await arrives(pilot, LiveScreen)
        await sees(pilot, "augmentation-on", "queued")


async def test_a_terminal_that_is_too_small_says_so_until_it_grows(app: AppMaker) -> None:
    async with app().run_test(size=(50, 10), notifications=True) as pilot:
        await sees(pilot, "at least 60x16")

        await pilot.resize_terminal(80, 24)

        await sees(pilot, "studies", "presets")
        assert "at least" not in shown(pilot.app)


async def test_dozens_of_sessions_are_listed(app: AppMaker, make: Callable[..., Recorded]) -> None:
    for number in range(30):
        make({"one": Preset()}, identity=f"20260102T0304{number:02}-many-abcdef")

    async with app().run_test(size=(80, 24), notifications=True) as pilot:
        sessions = pilot.app.screen.query_one("#sessions", OptionList)

        await until(pilot, lambda: sessions.option_count == 30)
