"""The table of sessions: what there is, how large, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from screens.conftest import PRESETS, Recorded, arrives, sees, until
from screens.conftest import shown as drawn
from session.test_locks import first_word, holding
from support.commands import wait_until
from valtui import texts
from valtui.app import ValtuiApp
from valtui.notify import begin
from valtui.screens import sessions as screen
from valtui.screens.live import LiveScreen
from valtui.screens.sessions import SessionsScreen
from valtui.widgets.key_line import KeyLine
from valtui_trainer.session.about import write_about
from valtui_trainer.session.config import config_path
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import session_size, summaries

AppMaker = Callable[..., ValtuiApp]
Maker = Callable[..., Recorded]
NEWER = "20260303T030405-newer-aaaaaa"


@pytest.fixture
def done(make: Maker) -> Recorded:
    """A session under a real id whose runs are all done, and that nobody watches."""
    session = make(identity="20260102T030405Z-batch-size-abcdef")
    for name in PRESETS:
        session.begin(name, 20)
        session.end(name)
    session.living.clear()
    return session


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


async def test_rows_that_are_drawn_as_soon_as_they_are_there_are_drawn_whole(
    app: AppMaker, running: Recorded
) -> None:
    name = "a name that is longer than any cell was before"
    async with app().run_test(size=(160, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "kB")
        table, shown = pilot.app.screen.query_one(DataTable), pilot.app.screen
        assert isinstance(shown, SessionsScreen)
        write_about(running.paths, name=name)

        found = summaries(shown._home)
        shown._show(found, [session_size(found[0].paths)])
        table.render_lines(table.size.region)  # before the table has come to itself

        await pilot.pause()
        assert name in drawn(pilot.app)


async def test_enter_opens_a_session(app: AppMaker, running: Recorded) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "kB")

        await pilot.press("enter")

        await arrives(pilot, LiveScreen)


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


async def test_what_is_resumed_here_is_news_to_the_users_command(
    app: AppMaker, ended: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    config_path().parent.mkdir(parents=True)
    config_path().write_text('[notify]\ncommand = "true"\n')
    begun: list[Path] = []
    monkeypatch.setattr(begin, "detached", lambda words, log: begun.append(log))
    async with app().run_test(size=(120, 40)) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "kB")

        await pilot.press("r")

        await until(pilot, lambda: begun == [ended.paths.folder / "notify.log"])


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


async def test_the_head_tells_number_and_total_size(
    app: AppMaker, ended: Recorded, make: Maker
) -> None:
    other = make(identity=NEWER)
    total = texts.size(session_size(ended.paths) + session_size(other.paths))

    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)

        text = await sees(pilot, "2 sessions")
        assert text.splitlines()[0].startswith(f" sessions  2 sessions, {total}  ")


async def test_the_head_of_an_empty_home_says_so(app: AppMaker) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)

        await sees(pilot, "0 sessions, 0 B")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_d_asks_with_title_and_size_then_deletes(
    app: AppMaker, done: Recorded, size: tuple[int, int]
) -> None:
    bytes_taken = texts.size(session_size(done.paths))

    async with app().run_test(size=size, notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "1 session,")

        await pilot.press("d")
        text = await sees(pilot, "Delete batch-size of 2026-01-02 03:04:05", "y  yes")
        assert bytes_taken in text
        assert "cannot be undone" in " ".join(text.replace("│", " ").split())
        await pilot.press("n")
        await arrives(pilot, SessionsScreen)
        assert done.paths.spec.is_file()
        await pilot.press("d", "y")

        await sees(pilot, "0 sessions, 0 B", "Deleted batch-size")
        assert not done.paths.folder.exists()


async def test_d_on_a_live_session_is_refused_in_words(app: AppMaker, running: Recorded) -> None:
    async with app().run_test(size=(160, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "1 session,")

        await pilot.press("d")

        await sees(pilot, "batch-size stays:", "batch-32 is running")
        assert isinstance(pilot.app.screen, SessionsScreen)
    assert running.paths.spec.is_file()


async def test_one_that_comes_to_life_while_the_question_stands_stays(
    app: AppMaker, done: Recorded
) -> None:
    async with app().run_test(size=(160, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "1 session,")

        await pilot.press("d")
        await sees(pilot, "y  yes")
        with holding(done.paths.run("batch-32").lock) as process:
            assert first_word(process) == "held"
            await pilot.press("y")
            await sees(pilot, "run.lock")

    assert done.paths.spec.is_file()


async def test_nothing_looks_at_locks_while_one_is_deleted(
    app: AppMaker, done: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    ticks: list[str] = []
    look, tick, delete = screen.summaries, SessionsScreen._look_again, screen.delete

    def slowly(paths: SessionPaths) -> None:
        before = len(looks)
        ticks.clear()
        wait_until(lambda: len(ticks) > 3, what="three refreshes")
        assert len(looks) == before
        delete(paths)

    monkeypatch.setattr(screen, "summaries", lambda home: looks.append("look") or look(home))
    monkeypatch.setattr(SessionsScreen, "_look_again", lambda self: ticks.append("") or tick(self))
    monkeypatch.setattr(screen, "delete", slowly)
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "1 session,")

        await pilot.press("d", "y")

        await sees(pilot, "0 sessions, 0 B")


async def test_d_without_a_session_does_nothing(app: AppMaker) -> None:
    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "0 sessions")

        await pilot.press("d")

        assert isinstance(pilot.app.screen, SessionsScreen)


async def test_the_cursor_stays_where_the_deleted_session_was(
    app: AppMaker, done: Recorded, make: Maker
) -> None:
    for identity in (NEWER, f"20250101T000000Z{NEWER[15:]}"):
        make(identity=identity)

    async with app().run_test(size=(120, 40), notifications=True) as pilot:
        await table_of_sessions(pilot)
        await sees(pilot, "3 sessions")
        table = pilot.app.screen.query_one(DataTable)

        await pilot.press("down", "d", "y")
        await sees(pilot, "2 sessions")

        assert table.cursor_row == 1


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_footer_has_room_for_all_keys(
    app: AppMaker, ended: Recorded, size: tuple[int, int]
) -> None:
    async with app().run_test(size=size, notifications=True) as pilot:
        await table_of_sessions(pilot)

        await sees(pilot, "d delete", "quit (runs go on)")
        assert pilot.app.screen.query_one(KeyLine).width_needed <= size[0]


async def test_a_list_that_comes_while_the_screen_is_taken_down_has_nowhere_to_go(
    app: AppMaker, running: Recorded
) -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        await table_of_sessions(pilot)
        shown = pilot.app.screen
        assert isinstance(shown, SessionsScreen)
        shown._pruning = True  # what a closing app sets first; then the widgets go, then the screen
        await shown.remove_children()

        shown._show([], [])

        assert shown.is_attached
