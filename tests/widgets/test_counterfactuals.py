"""The table's rows, the strip of samples and the bars of groups fit any width and tell all by signs."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.widget import Widget

from valtui.widgets.counterfactuals import Counterfactual, Counterfactuals
from valtui.widgets.group_bars import Bar, GroupBars, Kind
from valtui.widgets.half_blocks import Picture
from valtui.widgets.item_list import Item, ItemList
from valtui.widgets.sample_strip import Sample, SampleStrip
from valtui.widgets.selecting import Selecting

ROWS = [
    Counterfactual("a", "1", "with A", "50 % [25, 75]", 0.5, 0.25, 0.75, ("loss −1 %", "free"), ""),
    Counterfactual("b", "2", "with B", "200 % [90, 300]", 2.0, 0.9, 3.0, ("", "cost 3 %"), ""),
    "others:",
    Counterfactual("c", "·", "with C", "", None, 0, 0, (), "no answer: it is off"),
]
PICTURE = Picture.of(np.zeros((28, 28), np.uint8))
SAMPLES = [Sample(PICTURE, (f"class {number}", f"9 %  #{number}")) for number in range(5)]
KINDS = [
    Kind("class", "by class", (Bar("猫" * 30, 0.7, 0.5, "70 %", "more"), Bar("b", -0.1, 0.5, "−10 %", "")), "1 more"),
    "nothing of quarters",
]  # fmt: skip
ITEMS = [Item("x", "✕", "name", "a long sentence " * 20, "wrong", 3), Item("", "", "", "plain")]


def lines_of(widget: Widget, show: Any, width: int, height: int = 30) -> list[str]:
    """Return what a widget draws, without the blanks at the ends of lines."""

    class One(App[None]):
        def compose(self) -> ComposeResult:
            yield widget

    async def look() -> list[str]:
        app = One()
        async with app.run_test(size=(width, height)) as pilot:
            show()
            await pilot.pause()
            strips = app.screen._compositor.render_strips()
            assert {strip.cell_length for strip in strips} == {width}
            return [strip.text.rstrip() for strip in strips]

    return asyncio.run(look())


def test_a_bar_tells_the_sure_part_from_the_estimate_and_the_interval() -> None:
    table = Counterfactuals()

    lines = lines_of(table, lambda: table.show(ROWS), 40)

    bar = next(line for line in lines if "50 % [25, 75]" in line)
    assert "█▓" in bar
    assert "▓░" in bar
    assert "░·" in bar
    assert "▸" in next(line for line in lines if "200 % [90, 300]" in line)
    assert "  · with C  no answer: it is off" in lines


@pytest.mark.parametrize("width", [70, 80, 120, 200])
def test_a_wide_table_needs_one_line_a_row(width: int) -> None:
    table = Counterfactuals()

    lines = [line for line in lines_of(table, lambda: table.show(ROWS), width) if line]

    assert len(lines) == 5
    assert any("1 with A" in line and "50 %" in line and "free" in line for line in lines)


@pytest.mark.parametrize("width", [20, 33, 50, 77, 120])
def test_everything_fits_any_width(width: int) -> None:
    table, bars, items, strip = Counterfactuals(), GroupBars(), ItemList(), SampleStrip("s")

    lines_of(table, lambda: table.show(ROWS), width)
    lines_of(bars, lambda: bars.show(KINDS), width)
    lines_of(items, lambda: items.show(ITEMS), width)
    lines_of(strip, lambda: strip.show("title " * 9, SAMPLES), width)


def test_the_cursor_is_a_sign_before_the_line() -> None:
    table, items = Counterfactuals(), ItemList()

    def choose(widget: Any, what: Any, key: str) -> None:
        widget.show(what)
        widget.select(key)

    lines = lines_of(table, lambda: choose(table, ROWS, "b"), 60)
    pointed = [line for line in lines if line.startswith("▸")]
    others = lines_of(items, lambda: choose(items, ITEMS, "b"), 60)

    assert len(pointed) == 1
    assert "2 with B" in pointed[0]
    assert not any("▸" in line for line in others)


def test_a_group_is_marked_where_its_size_would_put_it() -> None:
    bars = GroupBars()

    lines = lines_of(bars, lambda: bars.show(KINDS), 60)

    assert "█┃█" in lines[1]
    assert "·┃·" in lines[2]
    assert lines[3].endswith("1 more")


@pytest.mark.parametrize(
    ("size", "shown"), [((80, 14), 5), ((46, 24), 5), ((40, 9), 3), ((12, 40), 5)]
)
def test_as_many_samples_are_shown_as_there_is_room_for(size: tuple[int, int], shown: int) -> None:
    strip = SampleStrip("s")

    text = "\n".join(lines_of(strip, lambda: strip.show("title", SAMPLES), *size))

    assert text.count("#") == shown
    assert ("more" in text) == (shown < 5)


def test_a_sample_without_a_picture_says_so() -> None:
    strip = SampleStrip("s")

    text = "\n".join(lines_of(strip, lambda: strip.show("", [Sample(None, ("cat",))]), 40))

    assert "no picture" in text
    assert "cat" in text


def test_a_click_chooses_the_row_under_the_pointer() -> None:
    chosen: list[str] = []

    class One(App[None]):
        def compose(self) -> ComposeResult:
            yield Counterfactuals()

        def on_selecting_chosen(self, event: Selecting.Chosen) -> None:
            chosen.append(event.key)

    async def click() -> None:
        app = One()
        async with app.run_test(size=(100, 20)) as pilot:
            app.query_one(Counterfactuals).show(ROWS)
            await pilot.pause()
            await pilot.click(Counterfactuals, offset=(5, 2))
            await pilot.click(Counterfactuals, offset=(5, 3))
            await pilot.pause()

    asyncio.run(click())

    assert chosen == ["b"]
