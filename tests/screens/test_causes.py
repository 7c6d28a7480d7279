"""The causes screen: one verdict everywhere, every number with its interval, words where there is no number."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from screens.conftest import Recorded, arrives, sees, shown, until
from screens.test_live import live_screen
from support.diagnosed import LENSES, NO_BATCHNORM, describe_split, evaluations, tell
from valtui.app import ValtuiApp
from valtui.explanations import EXPLANATIONS
from valtui.screens.causes import CausesScreen
from valtui.screens.explain import ExplainScreen
from valtui.screens.live import LiveScreen
from valtui.widgets.chart import Chart
from valtui.widgets.half_blocks import UPPER_HALF
from valtui.widgets.sample_strip import SampleStrip
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.records import Check
from valtui_trainer.supervise import check as supervise_check

AppMaker = Callable[..., ValtuiApp]
Maker = Callable[..., Recorded]
SIZES = [(80, 24), (120, 40), (200, 60)]
SAMPLES = 200
CLASSES = ("cat", "dog", "bird", "fish")
RANDOM = Check(
    check="frozen", outcome="failed", message="Two evaluations of the same weights differ by 0.02."
)
LAST = Check(check="last-batch", outcome="doubtful", message="The last batch holds 1 sample.")
SOUND = Check(check="order", outcome="sound", message="The training data are shuffled.")


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand at a terminal with colours, whatever the tests run in."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.fixture
def diagnosed(make: Maker) -> Recorded:
    """Two living runs; of the first the samples make the loss jump, the second has no BatchNorm."""
    session = make({"one": Preset(), "two": Preset(batch_size=64)})
    for name, lenses in (("one", LENSES), ("two", NO_BATCHNORM)):
        writer = session.begin(name, 0, val_size=SAMPLES, lenses=lenses)
        evaluations(writer, range(10, 401, 10), lenses=name == "one")
        writer.beat(400)
    describe_split(session.paths, SAMPLES, CLASSES)
    return session


async def causes_screen(pilot: Pilot[Any], live: bool = True) -> CausesScreen:
    """Go to the causes screen and wait until it has drawn something."""
    if live:
        await live_screen(pilot)
        await pilot.press("c")
    screen = await arrives(pilot, CausesScreen)
    await until(pilot, lambda: screen._shown is not None and screen.selected)
    await pilot.pause()
    return screen


def said(pilot: Pilot[Any]) -> str:
    """Return what is said below the charts of the live screen, as one line."""
    region = pilot.app.screen.query_one("#said").region
    lines = shown(pilot.app).splitlines()[region.y : region.bottom]
    return " ".join(" ".join(lines).split())


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
async def test_the_verdict_the_ranked_rows_and_their_intervals_are_there_at_every_size(
    app: AppMaker, diagnosed: Recorded, size: tuple[int, int]
) -> None:
    async with app(diagnosed).run_test(size=size, notifications=True) as pilot:
        screen = await causes_screen(pilot)

        text = await sees(pilot, "▸ 1 with a far larger validation set", "not ranked")
        causes = screen._shown
        assert causes is not None
        assert causes.sentence[:50] in text
        assert "2 with" in text
        assert "need not sum to 100 %" in text
        assert "cost 22 %" in text
        assert "loss −5.0 %" in text
        assert "the preset leaves it off" in text
        assert "(a remedy)" in text
        assert "(a description)" in text
        answered = [row for row in causes.rows if row.left is not None]
        figures = re.findall(r"\d+ %(?: \(estimate below zero\))? \[\d+, \d+\]", text)
        assert len(figures) >= len(answered)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
async def test_samples_groups_and_checks_are_reached_at_every_size(
    app: AppMaker, diagnosed: Recorded, size: tuple[int, int]
) -> None:
    tell(diagnosed.writers["one"], LAST)
    tell(diagnosed.writers["one"], SOUND)
    async with app(diagnosed).run_test(size=size, notifications=True) as pilot:
        await causes_screen(pilot)

        if size[0] < 100:
            await sees(pilot, "[ 1 of 4 ]")
            await pilot.press("right_square_bracket")
        text = await sees(pilot, "2 of 200 samples carry", "(1 % if none", "#1000", UPPER_HALF * 4)
        assert "cat" in text
        if size[0] < 100:
            await pilot.press("right_square_bracket")
        await sees(pilot, "by class", "┃", "×")
        if size[0] < 100:
            await pilot.press("right_square_bracket")
        text = await sees(pilot, "! last batch", "The last batch holds 1 sample.", "✓ order")
        assert "not made yet" in text
        assert re.search(r"a change below ±[\d.]+ is within chance \(z = 2,", text)
        assert len(text.splitlines()) == size[1]


async def test_the_live_screen_says_the_same_verdict(app: AppMaker, diagnosed: Recorded) -> None:
    async with app(diagnosed).run_test(size=(200, 50), notifications=True) as pilot:
        await live_screen(pilot)
        await until(pilot, lambda: said(pilot).startswith("why "))
        above = said(pilot)
        assert above.endswith("c: more")
        screen = await causes_screen(pilot)

        assert screen._shown is not None
        assert above == f"why {screen._shown.sentence} c: more"


async def test_a_failed_check_stands_above_everything_else(
    app: AppMaker, diagnosed: Recorded
) -> None:
    tell(diagnosed.writers["one"], RANDOM)
    async with app(diagnosed).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await until(pilot, lambda: said(pilot).startswith("✕ The measurement is not sound"))
        assert "differ by 0.02" in said(pilot)

        await causes_screen(pilot)

        lines = shown(pilot.app).splitlines()
        assert "✕ The measurement is not sound" in lines[1]
        assert not any("✕" in line for line in lines[4:])


async def test_a_failed_check_is_said_above_a_failed_run(
    app: AppMaker, diagnosed: Recorded
) -> None:
    tell(diagnosed.writers["one"], RANDOM)
    diagnosed.end("two", "failed", 400, reason="The loss is not finite.")
    async with app(diagnosed).run_test(size=(160, 40), notifications=True) as pilot:
        await live_screen(pilot)

        await until(
            pilot, lambda: said(pilot).startswith("✕ ") and "two failed: The loss" in said(pilot)
        )


async def test_enter_explains_what_the_cursor_stands_on_with_this_runs_numbers(
    app: AppMaker, diagnosed: Recorded
) -> None:
    async with app(diagnosed).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await causes_screen(pilot)
        await pilot.press("enter")

        text = await sees(pilot, "What it is", "How it was measured here", "Formula")
        assert isinstance(pilot.app.screen, ExplainScreen)
        assert "With a far larger validation set — one" in text
        assert "30 evaluations" in " ".join(text.split())
        await pilot.press("right")
        await sees(pilot, "With exact BatchNorm statistics — one")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
async def test_the_cursor_reaches_everything_and_all_of_it_has_an_explanation(
    app: AppMaker, diagnosed: Recorded, size: tuple[int, int]
) -> None:
    tell(diagnosed.writers["one"], LAST)
    async with app(diagnosed).run_test(size=size, notifications=True) as pilot:
        screen = await causes_screen(pilot)
        for _ in range(4):
            screen.action_move(-1)
        passed = [screen.selected]
        for _ in range(60):
            screen.action_move(1)
            if screen.selected == passed[-1]:
                break
            passed.append(screen.selected)

        await until(pilot, lambda: "▸ " in shown(pilot.app))
        assert passed[0] == "verdict"
        assert {key.split(":")[0] for key in passed} <= set(EXPLANATIONS)
        expected = {"volatility", "exact-batchnorm", "hardest-samples", "last-batch", "overfitting"}
        assert {*expected, "best", "jump", "hardest", "groups:class"} <= set(passed)


async def test_w_goes_from_the_whole_run_to_its_last_window_and_back(
    app: AppMaker, diagnosed: Recorded
) -> None:
    async with app(diagnosed).run_test(size=(120, 40), notifications=True) as pilot:
        await causes_screen(pilot)
        await sees(pilot, "epochs 2.75–10: 30 evaluations", "whole run  (w")
        await pilot.press("w")
        await sees(pilot, "last window, epochs 7.75–10: 10 evaluations", "last window  (w")
        await pilot.press("w")

        await sees(pilot, "epochs 2.75–10: 30 evaluations", "whole run  (w")


async def test_w_looks_at_what_the_zoomed_chart_shows(app: AppMaker, diagnosed: Recorded) -> None:
    async with app(diagnosed).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("z")
        await pilot.pause()
        await causes_screen(pilot)
        await pilot.press("w", "w")

        await sees(pilot, "chosen range, epochs 5–10: 21 evaluations")


async def test_another_run_takes_the_place_of_this_one_and_stays_focused_below(
    app: AppMaker, diagnosed: Recorded
) -> None:
    async with app(diagnosed).run_test(size=(120, 40), notifications=True) as pilot:
        await causes_screen(pilot)
        await pilot.press("tab")
        await sees(pilot, "▸2 two", "no answer: the model has no BatchNorm")
        await pilot.press("1")
        await sees(pilot, "▸1 one", "with exact BatchNorm statistics   ")
        await pilot.press("2")
        await sees(pilot, "▸2 two")
        await pilot.press("c")

        await sees(pilot, "▸2 ━━ two")


async def test_new_evaluations_are_taken_up(
    app: AppMaker, diagnosed: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("valtui.screens.diagnosis.LEAST_SECONDS", 0.05)
    async with app(diagnosed).run_test(size=(120, 40), notifications=True) as pilot:
        await causes_screen(pilot)
        await sees(pilot, ": 30 evaluations")
        evaluations(diagnosed.writers["one"], range(410, 431, 10))

        await sees(pilot, ": 33 evaluations")


async def test_nothing_is_measured_or_drawn_below_another_screen(
    app: AppMaker, diagnosed: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("valtui.screens.diagnosis.LEAST_SECONDS", 0.05)
    async with app(diagnosed).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await causes_screen(pilot)
        await pilot.press("enter")
        await arrives(pilot, ExplainScreen)
        before = screen._shown
        evaluations(diagnosed.writers["one"], range(410, 431, 10))
        await until(pilot, lambda: len(screen.feed.runs[0].seeds[0].val) == 43)
        await pilot.pause(0.6)
        assert screen._shown is before
        await pilot.press("escape")

        await sees(pilot, ": 33 evaluations")


async def test_k_checks_the_run_and_tells_what_was_found(
    app: AppMaker, diagnosed: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def check(session: Any, run_id: str) -> supervise_check.Answer:
        go_on.wait(20)
        tell(diagnosed.writers[run_id], RANDOM)
        return supervise_check.Answer(checks=[SOUND, RANDOM], step=390)

    monkeypatch.setattr(supervise_check, "check", check)
    monkeypatch.setattr("valtui.screens.diagnosis.LEAST_SECONDS", 0.05)
    async with app(diagnosed).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("k")
        await sees(pilot, "checking one … ")
        await causes_screen(pilot)
        await sees(pilot, "checking one … ")
        go_on.set()

        await sees(pilot, "one, checked at step 390", "✕ frozen: Two")
        await sees(pilot, "✕ The measurement is not sound")
        assert "checking one" not in shown(pilot.app)


async def test_a_check_that_cannot_be_made_is_told_in_a_sentence(
    app: AppMaker, diagnosed: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = supervise_check.Answer(problem="There is no checkpoint \x1b[31m[bold] yet.")
    monkeypatch.setattr(supervise_check, "check", lambda session, run_id: answer)
    async with app(diagnosed).run_test(size=(120, 40), notifications=True) as pilot:
        await causes_screen(pilot)
        await pilot.press("k")

        await sees(pilot, "There is no checkpoint ␛[31m[bold]")


async def test_hostile_names_are_shown_as_they_are_written(app: AppMaker, make: Maker) -> None:
    session = make({"one": Preset()})
    writer = session.begin("one", 0, val_size=SAMPLES, lenses=LENSES)
    evaluations(writer, range(10, 401, 10))
    tell(writer, Check(check="order", outcome="doubtful", message="[red]\x1b[2Jcleared[/]"))
    describe_split(session.paths, SAMPLES, ("[bold]a\x1b[31m", "b\n\nc", "猫" * 60, "d"))
    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await causes_screen(pilot)

        text = await sees(pilot, "[red]␛[2Jcleared[/]", "[bold]a␛[31m", "b␊␊c", "猫猫")
        assert "\x1b" not in text
        assert {len(line) for line in text.splitlines() if "猫" not in line} == {120}


@pytest.mark.parametrize("count", [0, 1, 2, 5, 7])
async def test_a_run_with_few_evaluations_is_told_in_words(
    app: AppMaker, make: Maker, count: int
) -> None:
    session = make({"one": Preset()})
    writer = session.begin("one", 0, val_size=SAMPLES, lenses=LENSES)
    evaluations(writer, range(10, 10 * count + 1, 10))
    describe_split(session.paths, SAMPLES, CLASSES)
    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await causes_screen(pilot)

        text = await sees(pilot, f"{count} evaluation", "no answer")
        assert "nan" not in text
        assert "Not enough evidence yet" in text
        for key in ("down", "down", "enter"):
            await pilot.press(key)
        await sees(pilot, "What it is")


async def test_a_loss_that_never_moves_is_told_in_words(app: AppMaker, make: Maker) -> None:
    session = make({"one": Preset()})
    writer = session.begin("one", 0)
    for step in range(10, 401, 10):
        writer.evaluate(step, 0, 0.5)
    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await until(pilot, lambda: "why Calm: the loss does not fluctuate" in said(pilot))
        await causes_screen(pilot)

        text = await sees(pilot, "Calm: the loss does not fluctuate", "no fluctuation", "no answer")
        assert "nan" not in text


async def test_losses_that_are_not_finite_do_not_stop_it(
    app: AppMaker, diagnosed: Recorded
) -> None:
    for step in (410, 420):
        diagnosed.writers["one"].evaluate(step, 0, float("nan"))
    async with app(diagnosed).run_test(size=(120, 40), notifications=True) as pilot:
        await causes_screen(pilot)

        text = await sees(pilot, "32 evaluations", "1 with a far larger validation set")
        assert "nan" not in text


async def test_without_colours_pictures_are_drawn_in_shades(
    app: AppMaker, diagnosed: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with app(diagnosed).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await causes_screen(pilot)

        strip = screen.query_one(SampleStrip)
        region = strip.region
        lines = shown(pilot.app).splitlines()[region.y : region.bottom]
        text = "\n".join(line[region.x : region.right] for line in lines)
        assert UPPER_HALF not in text
        assert set("░▒▓█") & set(text)


async def test_where_it_overfits_is_marked_on_the_chart(app: AppMaker, make: Maker) -> None:
    session = make({"one": Preset()})
    writer = session.begin("one", 0, val_size=SAMPLES, lenses=LENSES)
    evaluations(writer, range(10, 401, 10), rise=0.003)
    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        text = await sees(pilot, "◢ overfits from here")
        assert text.count("◢") == 2
        await pilot.press("x")
        await sees(pilot, "sec 0", "◢ overfits from here")


async def test_the_cursor_tells_a_jump_from_chance_and_how_sure_the_level_is(
    app: AppMaker, diagnosed: Recorded
) -> None:
    async with app(diagnosed).run_test(size=(160, 40), notifications=True) as pilot:
        screen = await live_screen(pilot)
        await pilot.press("left")

        text = await sees(pilot, "one: jump ", "level ±", "n = 200")
        assert re.search(r"jump [+−][\d.]+ \(z −?[\d.]+: (more than|no more than)", text)
        chart = screen.query_one("#val", Chart)
        chart.post_message(Chart.CursorMoved(chart, 0.1))
        await sees(pilot, "the first evaluation, no jump yet")
        await pilot.press("Z")
        await until(pilot, lambda: said(pilot).startswith("why "))


async def test_a_run_without_losses_by_sample_says_so_at_the_cursor(
    app: AppMaker, diagnosed: Recorded
) -> None:
    diagnosed.writers["one"].attempt.losses.unlink()
    async with app(diagnosed).run_test(size=(160, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("left")

        await sees(pilot, "one: no losses by sample here")


async def test_a_deleted_session_leaves_what_was_drawn(app: AppMaker, diagnosed: Recorded) -> None:
    import shutil

    async with app(diagnosed).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await causes_screen(pilot)
        diagnosed.living.clear()
        shutil.rmtree(diagnosed.paths.folder)
        await until(pilot, lambda: screen.feed.gone)
        await pilot.press("w", "tab", "enter", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, (CausesScreen, LiveScreen)))
        await pilot.press("escape")
