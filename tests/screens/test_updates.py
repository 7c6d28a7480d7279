"""What goes to the terminal: after any keys and data, the cells that were sent make up the whole screen."""

from __future__ import annotations

import random
from typing import Any

import pytest
from rich.style import Style
from textual._compositor import CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Static

from screens.conftest import Recorded, arrives, shown, until
from screens.test_live import AppMaker, live_screen
from valtui.screens.home import HomeScreen
from valtui.widgets.compositor import CellUpdate

Cell = tuple[str, str, str]
KEYS = [
    "1",
    "2",
    "3",
    "tab",
    "space",
    "l",
    "x",
    "u",
    "a",
    "right",
    "left",
    "z",
    "Z",
    "v",
    "escape",
    "[",
    "]",
]


class Seen:
    """A terminal that is given updates."""

    def __init__(self, width: int, height: int) -> None:
        self.sent = 0
        self.begin(width, height)

    def begin(self, width: int, height: int) -> None:
        self.cells: list[list[Cell]] = [[(" ", "", "")] * width for _ in range(height)]

    def take(self, update: CompositorUpdate | None) -> None:
        if isinstance(update, CellUpdate):
            for y, row in update.pieces.items():
                for x, strip in row:
                    self.put(y, x, strip)
        elif isinstance(update, LayoutUpdate):
            for y, strips in enumerate(update.strips):
                self.put(y, 0, Strip.join(strips))

    def put(self, y: int, x: int, strip: Strip) -> None:
        cells = cells_of(strip)
        self.sent += len(cells)
        self.cells[y][x : x + len(cells)] = cells


def cells_of(strip: Strip) -> list[Cell]:
    """The cells of a strip; of a blank the colour of its ink cannot be seen."""
    found = []
    for text, style, _ in strip:
        worn = style or Style()
        found += [
            (one, "" if one == " " else str(worn.clear_meta_and_links()), str(worn.bgcolor))
            for one in text
        ]
    return found


def whole(screen: Screen[Any]) -> list[list[Cell]]:
    """All cells as they should be."""
    return [cells_of(strip) for strip in screen._compositor.render_strips()]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=str)
async def test_the_cells_that_were_sent_make_up_the_screen(
    app: AppMaker, running: Recorded, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen(*size)
    made = app(running)
    display = made._display

    def taking(screen: Screen[Any], update: CompositorUpdate | None) -> None:
        if made._batch_count == 0:
            seen.take(update)
        display(screen, update)

    monkeypatch.setattr(made, "_display", taking)
    chance = random.Random(7)

    async with made.run_test(size=size, notifications=True) as pilot:
        await live_screen(pilot)
        step = 200
        for _ in range(40):
            await pilot.press(chance.choice(KEYS))
            if chance.random() < 0.1:
                columns, rows = chance.choice([size, (size[0] + 23, size[1] + 7)])
                seen.begin(columns, rows)
                await pilot.resize_terminal(columns, rows)
            if chance.random() < 0.4:
                for name in running.writers:
                    running.grow(name, step, step + 5)
                step += 5
            await until(pilot, lambda: seen.cells == whole(pilot.app.screen))


@pytest.mark.parametrize("first", [(160, 40), (90, 40)], ids=str)
async def test_after_a_resize_the_screen_is_as_if_opened_so(
    app: AppMaker, ended: Recorded, first: tuple[int, int]
) -> None:
    async with app(ended).run_test(size=(130, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await until(pilot, lambda: "100 %" in shown(pilot.app))
        await pilot.pause(0.3)
        opened = shown(pilot.app)

    async with app(ended).run_test(size=first, notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.pause(0.1)
        await pilot.resize_terminal(130, 40)

        await until(pilot, lambda: shown(pilot.app) == opened)


async def test_a_picture_of_the_screen_shows_what_is_on_it(app: AppMaker, ended: Recorded) -> None:
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)

        picture = pilot.app.export_screenshot()

        assert "batch-128" in picture
        assert "CellUpdate" not in picture


async def test_a_wide_character_is_sent_whole_or_not_at_all(app: AppMaker) -> None:
    made = app()

    async with made.run_test(size=(80, 24)) as pilot:
        screen = await arrives(pilot, HomeScreen)
        screen.query_one("#title", Static).update("日本語日本語")
        await pilot.pause()
        screen._compositor._dirty_regions = {Region(4, 0, 2, 1)}
        update = screen._compositor.render_partial_update()

        assert isinstance(update, CellUpdate)
        sent = [strip for _, strip in update.pieces[0]]
        assert "".join(strip.text for strip in sent) == "本語"
        assert update.pieces[0][0][0] == 3


async def test_a_change_of_focus_sends_a_part_of_the_screen(
    app: AppMaker, running: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen(200, 50)
    made = app(running)
    monkeypatch.setattr(made, "_display", lambda _, update: seen.take(update))

    async with made.run_test(size=(200, 50), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.pause(0.1)
        before = seen.sent
        await pilot.press("2")
        await pilot.pause(0.05)

        assert 0 < seen.sent - before < 200 * 50 / 2
