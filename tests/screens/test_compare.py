"""The compare screen: the presets side by side in numbers that say how sure they are."""

from __future__ import annotations

import re
from collections.abc import Callable

from screens.conftest import Recorded, sees, until
from screens.test_live import live_screen
from valtui.app import ValtuiApp
from valtui.screens.compare import CompareScreen
from valtui_trainer.presets.types import Preset

AppMaker = Callable[..., ValtuiApp]
Maker = Callable[..., Recorded]


async def test_shows_every_column_and_the_settings_that_differ(
    app: AppMaker, ended: Recorded
) -> None:
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("v")

        text = await sees(pilot, "batch-512")
        header = text.splitlines()[1].split("  ")
        assert [word.strip() for word in header if word.strip()] == [
            "preset", "batch_size", "val loss", "vol. %", "ratio", "best", "volatility",
            "accuracy", "images/s",
        ]  # fmt: skip
        assert "epochs" not in text.splitlines()[1]
        for word in ("done", "failed", "stopped", "(reference)", "alike)", "1000/s"):
            assert word in text


async def test_two_seeds_give_an_interval_and_one_gives_none(
    app: AppMaker, ended: Recorded, make: Maker
) -> None:
    single = make({"one": Preset()}, identity="20260103T030405-single-abcdef")
    single.begin("one", 100)

    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("v")
        several = await sees(pilot, "±", "n=2")
    async with app(single).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("v")
        one = await sees(pilot, "n=1")

    assert len(re.findall(r"±[\d.]+ n=2", several)) == 3
    assert not re.search(r"±[\d.]", one)


async def test_a_ratio_needs_evaluations_at_the_same_spacing(app: AppMaker, make: Maker) -> None:
    session = make({"one": Preset(), "two": Preset(), "three": Preset()})
    session.begin("one", 200)
    session.begin("two", 200)
    session.begin("three", 200, images_per_evaluation=3200.0)

    async with app(session).run_test(size=(160, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("v")

        text = await sees(pilot, "(reference)", "at another spacing")
        assert text.count("at another spacing") == 1


async def test_the_figures_follow_the_runs(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("v")
        before = await sees(pilot, "running")

        running.grow("batch-128", 200, 400)
        running.end("batch-128")

        after = await sees(pilot, "done")
        first = [line for line in before.splitlines() if "batch-128" in line]
        last = [line for line in after.splitlines() if "batch-128" in line]
        await until(pilot, lambda: first != last)


async def test_points_that_come_after_the_end_was_seen_still_count(
    app: AppMaker, ended: Recorded
) -> None:
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("v")
        await sees(pilot, "stopped", "0.319")

        ended.writers["batch-512"].curves(range(241, 321), level=0.9)

        screen = pilot.app.screen
        assert isinstance(screen, CompareScreen)
        await until(pilot, lambda: float(screen._shown[3][2].split()[0]) > 0.6)


async def test_a_small_screen_shows_the_table_without_the_notes(
    app: AppMaker, ended: Recorded
) -> None:
    async with app(ended).run_test(size=(80, 24), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("v")

        text = await sees(pilot, "val loss", "batch-512")
        assert "Student-t" not in text
