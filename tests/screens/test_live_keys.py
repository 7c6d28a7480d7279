"""The keys of the live screen, each by what it changes on the screen or writes for the runs."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from textual.widgets import OptionList

from screens.conftest import Recorded, arrives, sees, shown, until
from screens.test_live import live_screen
from valtui.app import ValtuiApp
from valtui.screens.asking import AskScreen, ChooseScreen
from valtui.screens.live import LiveScreen
from valtui.widgets.chart import Chart
from valtui_trainer.presets.types import Preset

AppMaker = Callable[..., ValtuiApp]
Maker = Callable[..., Recorded]


async def test_a_number_focuses_the_preset_of_that_number(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("3")
        await sees(pilot, "▸3 ━━ batch-512")
        await pilot.press("9")

        await sees(pilot, "▸3 ━━ batch-512")


async def test_tab_goes_round_the_presets(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("tab", "tab")
        await sees(pilot, "▸3")
        await pilot.press("tab")

        await sees(pilot, "▸1")


async def test_space_hides_a_presets_lines_once_another_is_focused(
    app: AppMaker, running: Recorded
) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await live_screen(pilot)
        chart = screen.query_one("#val", Chart)

        await pilot.press("space")
        assert "batch-32" in dict(chart.read(2.0))
        await pilot.press("2")
        await sees(pilot, "▸2")

        assert "batch-32" not in dict(chart.read(2.0))
        await pilot.press("1", "space", "2")
        assert "batch-32" in dict(chart.read(2.0))


async def test_l_switches_the_losses_between_logarithmic_and_linear(
    app: AppMaker, running: Recorded
) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await live_screen(pilot)
        chart = screen.query_one("#val", Chart)

        assert chart.log
        await pilot.press("l")

        assert not chart.log


async def test_x_goes_from_epochs_to_time_to_steps(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await sees(pilot, "epoch 0")

        await pilot.press("x")
        await sees(pilot, "sec 0")
        await pilot.press("x")
        await sees(pilot, "step 0")
        await pilot.press("x")

        await sees(pilot, "epoch 0")


async def test_u_shows_the_volatility_in_units_of_the_loss(
    app: AppMaker, running: Recorded
) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("u")

        await sees(pilot, "volatility in loss (10 evaluations, 90 %)")


async def test_z_zooms_all_panels_alike_and_Z_shows_everything(
    app: AppMaker, running: Recorded
) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await live_screen(pilot)
        charts = list(screen.query(Chart))
        whole = [chart.view for chart in charts]

        await pilot.press("z")
        await until(pilot, lambda: all(chart.view != whole[0] for chart in charts))
        assert len({chart.view for chart in charts}) == 1
        await pilot.press("Z")

        await until(pilot, lambda: [chart.view for chart in charts] == whole)


async def test_the_cursor_reads_the_same_step_in_all_panels(
    app: AppMaker, running: Recorded
) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await live_screen(pilot)
        await pilot.press("x", "x")
        await sees(pilot, "step 0")

        await pilot.press("left")
        newest = await sees(pilot, "step 200")
        await pilot.press("left")
        before = await sees(pilot, "step 190 ")

        assert len({chart.cursor for chart in screen.query(Chart)}) == 1
        said = before.splitlines()[-3]
        run = screen.feed.runs[0].seeds[0]
        train = run.train["train_loss"][run.train["step"] == 190][0]
        val = run.val["val_loss"][run.val["step"] == 190][0]
        assert f"1 train {train:.3f} val {val:.3f} vol " in said
        assert said.count("train") == 3
        assert newest != before
        await pilot.press("Z")
        await until(pilot, lambda: "step 190" not in shown(pilot.app))


async def test_a_shows_the_accuracy_in_the_place_of_the_training_loss(
    app: AppMaker, running: Recorded
) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("a")
        text = await sees(pilot, "validation accuracy ─")
        await pilot.press("a")

        assert "train loss" not in text
        await sees(pilot, "train loss")


async def test_the_accuracy_is_the_balanced_one_where_classes_are_not(
    app: AppMaker, make: Maker
) -> None:
    session = make({"one": Preset()})
    session.begin("one", 100, balanced=False)

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("a")

        await sees(pilot, "validation accuracy, classes balanced")


async def test_brackets_turn_the_pages_of_a_small_screen(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(80, 24), notifications=True) as pilot:
        await live_screen(pilot)
        await sees(pilot, "validation loss", "[ 2 of 3 ]")

        await pilot.press("right_square_bracket")
        text = await sees(pilot, "volatility, % of loss", "[ 3 of 3 ]", "▸1", "batch-512")
        assert "validation loss" not in text
        await pilot.press("right_square_bracket")
        await sees(pilot, "train loss", "[ 1 of 3 ]")
        await pilot.press("left_square_bracket")

        await sees(pilot, "volatility, % of loss")


async def test_o_shows_why_a_run_failed_and_its_traceback(app: AppMaker, ended: Recorded) -> None:
    log = ended.writers["batch-128"].attempt.log
    log.write_text("epoch 1\nTraceback (most recent call last):\n  File x\nValueError: [b]no\x1b\n")

    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("2", "o")
        text = await sees(pilot, "Traceback (most recent call last):", "attempt 0: failed")
        assert "ValueError: [b]no␛" in text
        assert "The loss is not finite at step 320 (stop_on_nan)." in text
        await pilot.press("escape")

        await sees(pilot, "validation loss")


async def test_o_on_a_run_that_has_not_begun_says_so(app: AppMaker, make: Maker) -> None:
    async with app(make()).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("o")

        await sees(pilot, "batch-32 has not been started yet")


async def test_s_asks_and_n_stops_nothing(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("s")
        await sees(pilot, "Stop batch-32?")
        await pilot.press("n")
        await sees(pilot, "validation loss")

        assert running.commands == []


async def test_s_and_y_stop_the_focused_run(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("2", "s", "y")

        await sees(pilot, "batch-128: asked to stop")
        assert running.commands == ["stop batch-128"]


async def test_s_on_a_run_that_has_ended_says_so(app: AppMaker, ended: Recorded) -> None:
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("s")

        await sees(pilot, "batch-32 has ended already")
        assert ended.commands == []


async def test_the_full_stop_pauses_and_r_goes_on(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("full_stop")
        await sees(pilot, "batch-32: asked to pause")
        writer = running.writers["batch-32"]
        writer.event("command", "paused; 512 MB of cuda:0 stay taken", id="1", command="pause")
        writer.beat(200, phase="paused")
        await sees(pilot, "‖ paused", "512 MB of cuda:0 stay taken")
        await pilot.press("r")

        await until(pilot, lambda: running.commands == ["pause batch-32", "resume batch-32"])


async def test_r_starts_the_next_attempt_of_a_failed_run_but_not_of_a_running_one(
    app: AppMaker, ended: Recorded
) -> None:
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("r")
        await sees(pilot, "there is nothing to resume")
        await pilot.press("2", "r")

        await until(pilot, lambda: ended.commands == ["resume batch-128"])


async def test_Q_asks_then_stops_every_run_and_leaves(app: AppMaker, running: Recorded) -> None:
    valtui = app(running)
    async with valtui.run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("Q")
        await sees(pilot, "Stop 3 runs and quit?")
        await pilot.press("y")

        await until(pilot, lambda: len(running.commands) == 3)
    assert running.commands == ["stop batch-32", "stop batch-128", "stop batch-512"]


async def test_Q_does_not_leave_when_nobody_can_be_told(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        running.paths.commands.rmdir()

        await pilot.press("Q", "y")

        await sees(pilot, "The command could not be written")
        assert pilot.app.is_running
        assert isinstance(pilot.app.screen, LiveScreen)


async def test_q_leaves_and_the_runs_files_stay(app: AppMaker, running: Recorded) -> None:
    before = sorted(running.paths.folder.rglob("*"))

    valtui = app(running)
    async with valtui.run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("q")

    assert valtui.return_code == 0
    assert sorted(running.paths.folder.rglob("*")) == before


async def test_enter_starts_a_further_preset_into_the_session(
    app: AppMaker, running: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    from valtui_trainer.supervise import validate

    monkeypatch.setattr(validate, "validate", lambda runs, home: validate.Answer())

    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("enter")
        await arrives(pilot, ChooseScreen)
        choices = pilot.app.screen.query_one(OptionList)
        choices.highlighted = choices.get_option_index("dropout-25")
        await pilot.press("enter")

        await until(pilot, lambda: running.commands == ["start dropout-25"])


async def test_a_further_preset_that_cannot_start_says_why(
    app: AppMaker, running: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    from valtui_trainer.supervise import validate

    answer = validate.Answer(problems=["The model does not fit."])
    monkeypatch.setattr(validate, "validate", lambda runs, home: answer)

    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("enter")
        await arrives(pilot, ChooseScreen)
        await pilot.press("enter")

        await sees(pilot, "The model does not fit.")
        assert running.commands == []


async def test_a_click_on_a_preset_focuses_it(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.click("RunList", offset=(5, 3))

        await sees(pilot, "▸2")


async def test_enter_answers_yes_and_any_other_way_out_is_no(
    app: AppMaker, running: Recorded
) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        for key in ("escape", "q", "n"):
            await pilot.press("s")
            await arrives(pilot, AskScreen)
            await pilot.press(key)
            await arrives(pilot, LiveScreen)

        assert running.commands == []


async def test_v_compares_and_escape_returns(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await pilot.press("v")
        text = await sees(pilot, "compare", "ratio", "batch-512")
        await pilot.press("escape")

        assert re.search(r"1\s+\[|\(reference\)", text)
        await sees(pilot, "validation loss")
