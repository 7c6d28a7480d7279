"""The table of sessions: what there is, how large, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable

from textual.pilot import Pilot
from textual.widgets import DataTable

from screens.conftest import Recorded, sees, until
from valtui.app import ValtuiApp
from valtui.screens.live import LiveScreen

AppMaker = Callable[..., ValtuiApp]
Maker = Callable[..., Recorded]
NEWER = "20260303T030405-newer-aaaaaa"


async def table_of_sessions(pilot: Pilot[str]) -> str:
    """Open the table from home."""
    await sees(pilot, "sessions, newest first")
    await pilot.press("s")
    return await sees(pilot, "started (UTC)")


async def test_shows_when_what_state_presets_progress_and_size(
    app: AppMaker, running: Recorded
) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)

        text = await sees(pilot, "2026-01-02 03:04:05", "running", "50 %", "kB")
        assert "batch-32, batch-128, batch-512" in text


async def test_enter_opens_a_session(app: AppMaker, running: Recorded) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "kB")

        await pilot.press("enter")

        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))


async def test_s_asks_then_stops_all_runs(app: AppMaker, running: Recorded) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "kB")

        await pilot.press("s")
        await sees(pilot, "Stop batch-32, batch-128, batch-512?")
        await pilot.press("n")
        assert running.commands == []
        await pilot.press("s", "y")

        await until(pilot, lambda: len(running.commands) == 3)
        assert running.commands[0] == "stop batch-32"


async def test_s_on_an_ended_session_says_that_nothing_runs(app: AppMaker, ended: Recorded) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "kB")

        await pilot.press("s")

        await sees(pilot, "Nothing runs in this session.")


async def test_r_resumes_what_failed_or_was_stopped(app: AppMaker, ended: Recorded) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "kB")

        await pilot.press("r")

        await until(pilot, lambda: ended.commands == ["resume batch-128", "resume batch-512"])


async def test_a_command_that_cannot_be_written_is_told(app: AppMaker, ended: Recorded) -> None:
    ended.paths.commands.rmdir()

    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "kB")

        await pilot.press("r")

        await sees(pilot, "The command could not be written")


async def test_the_cursor_stays_on_its_session_when_a_newer_one_appears(
    app: AppMaker, ended: Recorded, make: Maker
) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "kB")
        table = pilot.app.screen.query_one(DataTable)

        make(identity=NEWER)
        await until(pilot, lambda: table.row_count == 2)

        assert table.cursor_row == 1


async def test_escape_returns_home_even_while_sizes_are_read(
    app: AppMaker, ended: Recorded
) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "sessions, newest first")

        await pilot.press("s", "escape")

        await sees(pilot, "sessions, newest first")
