"""The live screen: what it draws while runs live, and what becomes of it when they do not."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable

from textual.pilot import Pilot

from screens.conftest import PRESETS, Recorded, arrives, sees, shown, until
from valtui.app import ValtuiApp
from valtui.screens.live import LiveScreen
from valtui.widgets.chart import Chart
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.heartbeat import HeartbeatFile
from valtui_trainer.session.records import Heartbeat

AppMaker = Callable[..., ValtuiApp]
Maker = Callable[..., Recorded]


def braille(text: str) -> int:
    """How many cells hold a part of a line."""
    return sum("\u2801" <= character <= "\u28ff" for character in text)


async def live_screen(pilot: Pilot[str]) -> LiveScreen:
    """Wait until the live screen has drawn its figures."""
    screen = await arrives(pilot, LiveScreen)
    await until(pilot, lambda: screen.figures or screen.feed.gone)
    await pilot.pause()
    return screen


def points(screen: LiveScreen, what: str = "val_loss") -> list[int]:
    """How many points each run's line holds."""
    return [len(getattr(screen.curves[name].lines, what).middle) for name in screen.curves]


async def test_shows_curves_level_volatility_and_state_of_each_run(
    app: AppMaker, running: Recorded
) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        text = await sees(pilot, "train loss", "validation loss", "volatility, % of loss")
        assert braille(text) > 100
        for name in PRESETS:
            assert f"{name}" in text
        assert text.count("● running") >= 3
        assert text.count("n=1") == 3
        assert len(re.findall(r"vol [\d.]+ % \[[\d.]+, [\d.]+\]", text)) == 3
        assert "3 presets × 1 seed " in text


async def test_several_seeds_have_an_interval_and_their_number(
    app: AppMaker, ended: Recorded
) -> None:
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        text = await sees(pilot, "3 presets × 2 seeds")
        assert text.count("n=2") == 3
        assert text.count("±") == 3


async def test_runs_of_one_and_of_two_seeds_stand_side_by_side(app: AppMaker, make: Maker) -> None:
    session = make({"one": Preset(), "two": Preset(batch_size=64)})
    session.specs[1].seeds.append(1)
    from valtui_trainer.session.documents import write_document

    write_document(session.paths.run("two").spec, session.specs[1])
    session.begin("one", 100)
    session.begin("two", 100)

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        text = await sees(pilot, "n=1", "n=2")
        assert "2 presets × 2 seeds" in text


async def test_points_that_come_later_appear_once_each(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await live_screen(pilot)
        await until(pilot, lambda: points(screen) == [20, 20, 20])

        running.grow("batch-32", 200, 300)
        await until(pilot, lambda: points(screen) == [30, 20, 20])
        running.grow("batch-512", 200, 220)

        await until(pilot, lambda: points(screen) == [30, 20, 22])
        assert points(screen, "train_loss") == [60, 40, 44]
        assert points(screen, "percent") == [30, 20, 22]


async def test_a_run_that_was_started_later_gets_its_place_even_without_a_point(
    app: AppMaker, make: Maker
) -> None:
    from valtui_trainer.session.create import add_run
    from valtui_trainer.session.records import RunSpec

    session = make({"one": Preset()})
    session.begin("one", 100)

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        spec = RunSpec(
            id="later", preset_name="later", preset=Preset(), seeds=[0], device="cpu", threads=1,
            position=1, session=session.paths.id,
        )  # fmt: skip
        add_run(session.paths, spec)
        await sees(pilot, "later", "queued")

        await pilot.press("2", "space", "a", "x", "left")

        await sees(pilot, "▸2")


async def test_queued_failed_and_lost_runs_say_so(app: AppMaker, make: Maker) -> None:
    session = make()
    session.begin("batch-32", 40)
    session.begin("batch-128", 40)
    session.end("batch-128", "failed", 40, reason="CUDA is out of memory.")
    session.living.discard(session.paths.supervisor_lock)
    session.living.discard(session.writers["batch-32"].run.lock)

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        text = await sees(pilot, "? lost", "✗ failed", "… queued")
        row = next(line for line in text.splitlines() if "✗ failed" in line)
        assert "CUDA is out of memory." in row
        below = text.splitlines()[-2]
        assert "batch-128 failed: CUDA is out of memory." in below


async def test_a_trainer_whose_loop_stands_still_is_hung(app: AppMaker, make: Maker) -> None:
    session = make({"one": Preset()})
    writer = session.begin("one", 40)
    file = HeartbeatFile(writer.attempt.heartbeat)

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        beats = iter(range(2, 100_000))

        def beats_but_does_not_step() -> bool:
            file.write(
                Heartbeat(
                    beat=next(beats), loop=40, phase="training", step=40, total=400, deadline=0.05
                )
            )
            return "HUNG: training" in shown(pilot.app)

        await until(pilot, beats_but_does_not_step)


async def test_losses_that_are_not_finite_are_marked_and_nothing_crashes(
    app: AppMaker, make: Maker
) -> None:
    session = make({"one": Preset(), "two": Preset()})
    writer = session.begin("one", 100)
    session.begin("two", 100)
    for step, loss in ((110, math.nan), (120, math.inf), (130, 0.5)):
        writer.evaluate(step, 0, loss)

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await live_screen(pilot)
        await until(pilot, lambda: points(screen)[0] == 13)

        assert [mark.kind for mark in screen.curves["one"].marks].count("nan") == 2
        await sees(pilot, "✕")
        await pilot.press("l", "u", "x", "a", "left", "v")
        await sees(pilot, "compare")


async def test_a_run_that_only_ever_gave_nan_is_shown(app: AppMaker, make: Maker) -> None:
    session = make({"one": Preset()})
    writer = session.begin("one", 0)
    for step in range(10, 100, 10):
        writer.evaluate(step, 0, math.nan)

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await live_screen(pilot)

        await until(pilot, lambda: points(screen) == [9])
        await sees(pilot, "one", "val –")


async def test_the_seam_of_a_resumed_run_is_marked_and_replaced_points_are_gone(
    app: AppMaker, make: Maker
) -> None:
    session = make({"one": Preset()})
    session.begin("one", 200)

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await live_screen(pilot)
        await until(pilot, lambda: points(screen) == [20])

        second = session.begin("one", 0, from_step=100)
        second.curves(range(101, 141))

        await until(pilot, lambda: points(screen) == [14])
        await sees(pilot, "┆")


async def test_a_resumed_run_with_as_many_points_as_before_is_drawn_anew(
    app: AppMaker, make: Maker
) -> None:
    session = make({"one": Preset()})
    session.begin("one", 200)

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await live_screen(pilot)
        await until(pilot, lambda: points(screen) == [20])

        second = session.begin("one", 0, from_step=100)
        second.curves(range(101, 201), level=0.9)
        await until(pilot, lambda: screen.curves["one"].resets == 1 and points(screen) == [20])

        chart = screen.query_one("#val", Chart)
        await until(pilot, lambda: dict(chart.read(5.0))["one"] > 0.7)
        await until(pilot, lambda: screen.figures[0].level.mean > 0.7)


async def test_a_session_that_is_deleted_while_it_is_open_is_told_without_a_traceback(
    app: AppMaker, running: Recorded
) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        shutil.rmtree(running.paths.folder)
        await sees(pilot, "was deleted; what is drawn is all there is")
        await pilot.press("2", "l", "a", "x", "left", "o", "s", "y", "full_stop", "r")
        await pilot.press("v")
        await sees(pilot, "compare")
        await pilot.press("escape")

        await sees(pilot, "was deleted")
        await pilot.press("escape")
        await sees(pilot, "studies")


async def test_a_damaged_run_that_appears_is_told_without_a_traceback(
    app: AppMaker, running: Recorded
) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        broken = running.paths.run("broken")
        broken.folder.mkdir()
        broken.spec.write_text("{")

        await sees(pilot, "is damaged")


async def test_follows_every_size_of_the_terminal_while_it_runs(
    app: AppMaker, running: Recorded
) -> None:
    async with app(running).run_test(size=(200, 60), notifications=True) as pilot:
        await live_screen(pilot)
        await sees(pilot, "train loss", "validation loss", "volatility", "▸1")

        await pilot.resize_terminal(80, 24)
        small = await sees(pilot, "validation loss", "[ 2 of 3 ]", "▸1", "quit (runs go on)")
        await pilot.resize_terminal(60, 16)
        smallest = await sees(pilot, "validation loss", "▸1")
        await pilot.resize_terminal(50, 10)
        refused = await sees(pilot, "at least 60x16", "50x10")
        await pilot.resize_terminal(120, 40)
        whole = await sees(pilot, "train loss", "validation loss", "volatility", "▸1")

        assert "train loss" not in small
        assert max(len(line) for line in small.splitlines()) == 80
        assert braille(smallest) > 0
        assert "▸1" not in refused
        assert "at least" not in whole
        assert "of 3 ]" not in whole


async def test_the_focused_preset_is_kept_in_sight_on_a_small_screen(
    app: AppMaker, make: Maker
) -> None:
    session = make({f"preset-{number}": Preset() for number in range(1, 10)})
    for name in (f"preset-{number}" for number in range(1, 10)):
        session.begin(name, 60)

    async with app(session).run_test(size=(80, 24), notifications=True) as pilot:
        await live_screen(pilot)
        await sees(pilot, "▸1")

        await pilot.press("9")

        await sees(pilot, "▸9 ━━ preset-9")


async def test_hostile_names_and_reasons_are_shown_as_they_are_written(
    app: AppMaker, make: Maker
) -> None:
    session = make({"[@click=app.quit]x": Preset()}, question="[b]why\x1b[31m\u202e?")
    session.begin("[@click=app.quit]x", 60)
    session.end("[@click=app.quit]x", "failed", 60, reason="[red]no\x1b]0;title\x07")

    async with app(session).run_test(size=(160, 40), notifications=True) as pilot:
        await live_screen(pilot)

        text = await sees(
            pilot, "[@click=app.quit]x", "[red]no␛]0;title\\x07", "[b]why␛[31m\\u202e?"
        )
        assert "\x1b" not in text


async def test_the_presets_figures_are_never_cut(app: AppMaker, make: Maker) -> None:
    presets = {f"learning-rate-0.000{number}": Preset() for number in (1, 3)}
    session = make(presets, seeds=(0, 1))
    for name in presets:
        session.begin(name, 200)

    async with app(session).run_test(size=(100, 30), notifications=True) as pilot:
        await live_screen(pilot)

        text = await sees(pilot, "vol ", "learning-rate-0.0003")
        lines = [line for line in text.splitlines() if "vol " in line and "n=2" in line]
        assert len(lines) == 2
        assert all("…" not in line and "]" in line for line in lines)
