"""Of many runs in a folder a person chooses the nine that are watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from screens.conftest import sees, until
from support.real_runs import open_terminal
from valtui.screens.choose_runs import ChooseRunsApp
from valtui_trainer.session.listing import find_session, runs_of

RUNS = [(f"run-{number}", "yesterday  csv") for number in range(1000)]


async def test_the_newest_are_chosen_at_first_and_no_more_than_can_be_shown() -> None:
    app = ChooseRunsApp(RUNS, 9)
    async with app.run_test(size=(100, 24)) as pilot:
        await sees(pilot, "1,000 runs; 9 of 9 chosen", "✓ run-0", "✓ run-8")
        await pilot.press(*"run-77", "space")
        await sees(pilot, "9 runs are the most", "run-770")
        await pilot.press(*["backspace"] * 6, "space")
        await sees(pilot, "8 of 9 chosen")
        await pilot.press(*"run-77", "down", "space", "enter")
        await until(pilot, lambda: app.return_value is not None)

    assert app.return_value == [*(f"run-{number}" for number in range(1, 9)), "run-770"]


async def test_nothing_chosen_is_not_watched_and_escape_leaves() -> None:
    app = ChooseRunsApp([("a\x1b[31m", "x"), ("b", "y")], 1)
    async with app.run_test(size=(80, 24)) as pilot:
        await sees(pilot, "1 of 1 chosen", "a␛[31m")
        await pilot.press("space", "enter")
        await sees(pilot, "Choose at least one run")
        await pilot.press(*"zzz")
        await sees(pilot, "search: zzz")
        await pilot.press("space", "escape")

    assert app.return_value is None


@pytest.mark.slow
def test_watch_asks_on_a_terminal_and_shows_what_was_chosen(place: Path, home: Path) -> None:
    for number in range(12):
        rows = "".join(f"{step},{1 / step:.4f}\n" for step in range(1, 30))
        (place / f"log-{number}.csv").write_text(f"step,val_loss\n{rows}")
    terminal = open_terminal(place, "watch", ".")
    terminal.read_until(lambda: "12 runs; 9 of 9 chosen" in terminal.text)
    for left in range(8, 0, -1):
        terminal.press(" ")
        terminal.read_until(lambda left=left: f"{left} of 9 chosen" in terminal.text)
        terminal.press("\x1b[B")
    terminal.press("\r")
    terminal.read_until(lambda: "1 preset" in terminal.text and "validation loss" in terminal.text)

    assert len(runs_of(find_session(home, None))) == 1
    terminal.press("q")
    terminal.read_until(lambda: terminal.process.poll() is not None)
    terminal.close()
