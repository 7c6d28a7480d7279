"""The compare screen: the presets side by side in numbers that say how sure they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from screens.conftest import Recorded, arrives, sees, shown, until
from screens.test_keys import toasts
from screens.test_live import live_screen
from support.pairs import begin_run, describe_set, levels_of, log_levels
from valtui.app import ValtuiApp
from valtui.screens.asking import AskScreen
from valtui.screens.compare import CompareScreen
from valtui_trainer.presets.types import Preset
from valtui_trainer.supervise import validate

AppMaker = Callable[..., ValtuiApp]
Maker = Callable[..., Recorded]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that were checked before a start; all are found well."""
    found: list[str] = []

    def answer(runs: Any, home: Any) -> validate.Answer:
        found.extend(run.id for run in runs)
        return validate.Answer()

    monkeypatch.setattr(validate, "validate", answer)
    return found


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


async def compare_screen(pilot: Pilot[Any], *texts: str) -> str:
    """Go to the compare screen and return what it shows with `texts`."""
    await live_screen(pilot)
    await pilot.press("v")
    return await sees(pilot, *texts)


async def question(pilot: Pilot[Any]) -> str:
    """Wait for a question, and return it in one line."""
    await arrives(pilot, AskScreen)
    asked = pilot.app.screen.query(".dialog-title").first(Static)
    return str(asked.content)


def levels(
    make: Maker, heights: dict[str, float], seeds: tuple[int, ...] = (0, 1, 2), **options: Any
) -> Recorded:
    """Make a session of ended runs around these heights."""
    session = make({name: Preset(batch_size=32 * 2**k) for k, name in enumerate(heights)}, seeds)
    for spec in session.specs:
        log_levels(begin_run(session.paths, spec), levels_of(heights[spec.id], seeds, **options))
    describe_set(session.paths)
    return session


def started(session: Recorded) -> list[Any]:
    """Return the runs that were asked for."""
    found = [json.loads(path.read_text()) for path in session.paths.commands.glob("*.json")]
    return [one["spec"] for one in found]


async def test_says_of_every_pair_whether_it_is_better_or_noise(app: AppMaker, make: Maker) -> None:
    session = levels(make, {"a": 0.3, "b": 0.1, "c": 0.12})

    async with app(session).run_test(size=(160, 40), notifications=True) as pilot:
        text = await compare_screen(pilot, "better, or noise?", "b is better than a by 0.20")

        for words in (
            "b or c: more seeds needed", "seeds each would tell.", "without the best of all:",
            "c is better than a by 0.18", "95 %, for all 3 pairs together (Bonferroni)",
        ):  # fmt: skip
            assert words in text
        assert text.index("b or c") < text.index("b is better than a") < text.index("c is better")


async def test_one_preset_alone_has_no_pair(app: AppMaker, make: Maker) -> None:
    async with app(levels(make, {"a": 0.3})).run_test(size=(120, 40), notifications=True) as pilot:
        await compare_screen(pilot, "better, or noise?", "One preset alone")


async def test_the_sentences_follow_the_runs(app: AppMaker, make: Maker) -> None:
    session = make({"a": Preset(), "b": Preset(batch_size=8)}, (0, 1))
    a, b = (begin_run(session.paths, spec) for spec in session.specs)
    session.living |= {a.run.lock, b.run.lock}
    log_levels(a, levels_of(0.3, (0, 1)), status=None)

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await compare_screen(pilot, "b has no evaluation yet")

        log_levels(b, levels_of(0.1, (0, 1)), status=None)
        await sees(pilot, "b is better than a", "So far: b is at epoch 3.")
        session.living.clear()
        a.finish()
        b.finish()

        await until(pilot, lambda: "So far" not in shown(pilot.app))


async def test_many_pairs_are_reached_by_scrolling(app: AppMaker, make: Maker) -> None:
    session = levels(make, {f"p{k}": 0.1 + k / 10 for k in range(9)})

    async with app(session).run_test(size=(80, 24), notifications=True) as pilot:
        text = await compare_screen(pilot, "for all 36 pairs", "p0 is better than p1")
        assert "p7 is better than p8" not in text
        await pilot.press("tab", "end")

        await sees(pilot, "p7 is better than p8")


async def test_plus_asks_how_many_seeds_it_takes_and_starts_two(
    app: AppMaker, make: Maker, checked: list[str]
) -> None:
    session = levels(make, {"a": 0.3, "b": 0.1, "c": 0.12})

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await compare_screen(pilot, "b or c: more seeds needed")
        await pilot.press("down", "plus")

        asked = await question(pilot)
        assert asked.startswith("Train 2 more seeds (3, 4) of b from scratch, as b+seeds-2?")
        assert re.search(r"To tell it from c takes about \d+ seeds each \(b has 3, c 3\)", asked)
        assert "this adds 2" in asked
        assert "That is about 0:08 of training: b took 0:04 a seed." in asked  # 12 s for 3 seeds
        await pilot.press("y")

        await until(pilot, lambda: session.commands == ["start b+seeds-2"])
        (spec,) = started(session)
        assert (spec["seeds"], spec["preset"]["seeds"], spec["position"]) == ([3, 4], [3, 4], 3)
        assert spec["preset"]["batch_size"] == 64
        assert checked == ["b+seeds-2"]


async def test_plus_and_no_starts_nothing(app: AppMaker, make: Maker) -> None:
    session = levels(make, {"a": 0.3, "b": 0.1})

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await compare_screen(pilot, "b is better than a")
        await pilot.press("plus")
        assert "It is told from b already" in await question(pilot)
        await pilot.press("n")

        await sees(pilot, "b is better than a")
        assert session.commands == []


async def test_plus_twice_starts_the_seeds_once(
    app: AppMaker, make: Maker, checked: list[str]
) -> None:
    session = levels(make, {"a": 0.3, "b": 0.1})

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await compare_screen(pilot, "b is better than a")
        await pilot.press("plus")
        await question(pilot)
        await pilot.press("y")
        await until(pilot, lambda: session.commands == ["start a+seeds-2"])
        await arrives(pilot, CompareScreen)
        await pilot.press("plus")

        await sees(pilot, "a+seeds-2 is about to start.")
        assert checked == ["a+seeds-2"]


async def test_plus_on_the_live_screen_is_for_the_focused_preset(
    app: AppMaker, make: Maker, checked: list[str]
) -> None:
    session = levels(make, {"a": 0.3, "b": 0.1}, (0,))

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("2", "plus")

        asked = await question(pilot)
        assert "can be said from two seeds each on (b has 1, a 1); this adds 2" in asked
        await pilot.press("y")

        await until(pilot, lambda: session.commands == ["start b+seeds-2"])
        assert checked == ["b+seeds-2"]


async def test_plus_says_where_validation_samples_are_missing_instead(
    app: AppMaker, make: Maker
) -> None:
    session = levels(make, {"a": 0.101, "b": 0.1}, deviations=(0.01, 0.3))

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await compare_screen(pilot, "this validation set cannot tell them")
        await pilot.press("plus")

        assert "not seeds that are missing to tell it from b" in await question(pilot)


async def test_plus_on_a_run_that_has_not_begun_knows_no_time(app: AppMaker, make: Maker) -> None:
    async with app(make({"a": Preset()})).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("plus")

        asked = await question(pilot)
        assert "There is no other preset yet that it can be compared with." in asked
        assert "How long that takes is not known yet." in asked


async def test_plus_in_a_full_session_says_so(app: AppMaker, make: Maker) -> None:
    session = make({f"p{k}": Preset() for k in range(9)})

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("plus")

        await until(pilot, lambda: "9 are the most that one can show" in toasts(pilot))


async def test_more_seeds_that_cannot_start_say_why(
    app: AppMaker, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = validate.Answer(problems=["The data set is gone."])
    monkeypatch.setattr(validate, "validate", lambda runs, home: answer)
    session = levels(make, {"a": 0.3, "b": 0.1})

    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        await compare_screen(pilot, "b is better than a")
        await pilot.press("plus")
        await question(pilot)
        await pilot.press("y")

        await sees(pilot, "The data set is gone.")
        assert session.commands == []
