"""Names, notes and search on the screen of all sessions, and where a name is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from screens.conftest import Recorded, arrives, sees, shown, until
from valtui.app import ValtuiApp
from valtui.screens.live import LiveScreen
from valtui_trainer.session.about import read_about, write_about
from valtui_trainer.session.layout import SessionPaths

MakeApp = Callable[..., ValtuiApp]


async def test_n_names_the_session_and_capital_n_notes_on_it(app: MakeApp, ended: Recorded) -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        await sees(pilot, "batch-size", "failed")
        await pilot.press("n")
        await sees(pilot, "Name of batch-size")
        await pilot.press(*"calm", "enter")
        await sees(pilot, "calm", "sessions")
        await pilot.press("N")
        await sees(pilot, "Note of batch-size")
        await pilot.press(*"keep", "enter")
        await until(pilot, lambda: read_about(ended.paths).note == "keep")
        await pilot.press("n")
        await sees(pilot, "Name of")
        await pilot.press("x", "escape")
        await sees(pilot, "calm")

    assert read_about(ended.paths).name == "calm"


async def test_slash_shows_what_fits(
    app: MakeApp, ended: Recorded, make: Callable[..., Recorded], home: Path
) -> None:
    make(identity="20260203T030405-other-abcdef")
    write_about(ended.paths, name="quiet")
    async with app().run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        await sees(pilot, "2 sessions")
        await pilot.press("slash")
        await sees(pilot, "Search names")
        await pilot.press(*"quiet", "enter")
        await sees(pilot, "1 session,", "that fit “quiet”")
        await pilot.press("slash", *["backspace"] * 5, *"none", "enter")
        await sees(pilot, "0 sessions", "that fit “none”")


async def test_a_name_stands_at_the_head_of_the_live_screen_and_on_home(
    app: MakeApp, ended: Recorded
) -> None:
    write_about(ended.paths, name="the calm one")
    async with app(ended).run_test(size=(120, 40)) as pilot:
        await arrives(pilot, LiveScreen)
        await sees(pilot, "the calm one: Does a larger batch")
        await pilot.press("escape")
        await sees(pilot, "the calm one")
        assert "studies" in shown(pilot.app)


def test_a_session_without_a_folder_has_no_name(tmp_path: Path) -> None:
    assert read_about(SessionPaths(tmp_path / "gone")).name == ""
