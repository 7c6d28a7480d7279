"""The bell rings for what is news, and a command is run, where the user wants that; the palette and theme of their own hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from screens.conftest import Recorded, arrives, sees, shown, until
from valtui.app import ValtuiApp
from valtui.notify import begin
from valtui.screens.live import LiveScreen
from valtui_trainer.session.config import config_path

MakeApp = Callable[..., ValtuiApp]


def configure(text: str) -> None:
    """Write the user's defaults."""
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_text(text)


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_end_of_a_run_rings_where_that_is_wanted(
    app: MakeApp, running: Recorded, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    configure(f"[notify]\nbell = {str(wanted).lower()}\n")
    rung: list[bool] = []
    monkeypatch.setattr(ValtuiApp, "bell", lambda self: rung.append(True))
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        screen = pilot.app.screen
        screen = await arrives(pilot, LiveScreen)
        if wanted:
            await until(pilot, lambda: screen._watcher is not None)
        running.end("batch-32")
        if wanted:
            await sees(pilot, "batch-32 is done")
            assert rung == [True]
        else:
            await sees(pilot, "1 done")
            assert rung == []


async def test_theme_and_palette_of_the_user_hold(app: MakeApp, ended: Recorded) -> None:
    configure('theme = "nord"\npalette = "grey"\n')
    async with app(ended).run_test(size=(120, 40)) as pilot:
        await arrives(pilot, LiveScreen)
        assert pilot.app.theme == "nord"
        chart = pilot.app.screen.query_one("#val")
        colour = chart.get_component_styles("chart--series-1").color
        assert colour.hex.lower() == "#ffffff"


async def test_a_theme_that_is_not_there_is_said(app: MakeApp, ended: Recorded) -> None:
    configure('theme = "pink"\n')
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "There is no theme 'pink'")
        assert "pink" in shown(pilot.app)


async def test_the_users_command_is_seen_to_whoever_let_runs_live(
    app: MakeApp, ended: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('[notify]\ncommand = "true"\n')
    begun: list[Path] = []
    monkeypatch.setattr(begin, "detached", lambda words, log: begun.append(log))
    async with app(ended).run_test(size=(120, 40)) as pilot:
        screen = await arrives(pilot, LiveScreen)
        await until(pilot, lambda: screen._can_measure and screen.feed.ended)
        await pilot.pause(0.2)
        assert begun == []
        ended.begin("batch-128", 20)
        await until(pilot, lambda: begun)
        ended.end("batch-128")
        await until(pilot, lambda: screen.feed.ended)
        assert begun == [ended.paths.folder / "notify.log"]
        ended.begin("batch-512", 20)
        await until(pilot, lambda: len(begun) == 2)


async def test_where_there_is_no_command_no_process_waits_for_news(
    app: MakeApp, running: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("[notify]\nbell = true\n")
    begun: list[Path] = []
    monkeypatch.setattr(begin, "detached", lambda words, log: begun.append(log))
    async with app(running).run_test(size=(120, 40)) as pilot:
        screen = await arrives(pilot, LiveScreen)
        await until(pilot, lambda: screen._tells)
        assert begun == []
