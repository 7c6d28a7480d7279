"""A chart shows what it is given, moves its view and cursor, and refreshes little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.message import Message

from valtui.widgets import axis, frame
from valtui.widgets.chart import Chart, Mark, Series
from valtui.widgets.plot import Window, draw, drawing_order, scale_for, summarise
from valtui.widgets.pyramid import Pyramid

SIZE = (60, 16)


def pyramid(values: Sequence[float], step: float = 10.0) -> Pyramid:
    grown = Pyramid()
    grown.append([index * step for index in range(len(values))], values)
    return grown


def falling(points: int = 21) -> Pyramid:
    return pyramid([0.1 + 1.9 * math.exp(-index / 5) for index in range(points)])


class Shown(App[None]):
    """One chart, and the messages it sent."""

    CSS: ClassVar[str] = "Chart { background: #101010; }"

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Message] = []

    def compose(self) -> ComposeResult:
        yield Chart()

    def on_chart_cursor_moved(self, message: Chart.CursorMoved) -> None:
        self.heard.append(message)

    def on_chart_view_changed(self, message: Chart.ViewChanged) -> None:
        self.heard.append(message)


def lines_of(chart: Chart) -> list[str]:
    return [chart.render_line(y).text for y in range(chart.size.height)]


def text_of(chart: Chart) -> str:
    return "\n".join(lines_of(chart))


async def test_without_data_it_says_what_it_waits_for() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        chart = app.query_one(Chart)

        assert "waiting for the first evaluation" in text_of(chart)

        chart.empty = "no preset is shown"

        assert "no preset is shown" in text_of(chart)


async def test_a_series_of_nothing_but_nan_is_as_good_as_empty() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        chart = app.query_one(Chart)

        chart.show([Series("a", 0, pyramid([math.nan, math.nan]))])

        assert "waiting" in text_of(chart)


async def test_axes_have_labels_at_their_ticks_and_the_newest_point_its_glyph() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        chart = app.query_one(Chart)

        chart.show([Series("a", 0, falling(), glyph="7")], x_label="step")

        lines = lines_of(chart)
        assert any(line.startswith("    2┤") for line in lines)
        assert lines[-2].startswith("     └┬")
        assert lines[-1].startswith(" step 0")
        assert lines[-1].rstrip().endswith("200")
        assert "7" in "".join(line[6:] for line in lines[:-2])


async def test_two_lines_that_end_together_both_show_their_glyph() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        chart = app.query_one(Chart)

        chart.show([Series(name, 0, falling(), glyph=name) for name in "abcd"])

        plot = "".join(line[6:] for line in lines_of(chart)[:-2])
        assert set("abcd") <= set(plot)


async def test_marks_stand_on_their_point_above_it_or_through_the_whole_height() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        chart = app.query_one(Chart)
        values = [1.0, 1.0, math.nan, 1.0, 2.0, 1.0, 0.0]
        marks = (
            Mark(20, None, "✕", "nan"),
            Mark(30, 1.0, "▲", "spike"),
            Mark(60, 0.0, "◆", "best"),
            Mark(50, None, "┊", "seam"),
            Mark(999, 1.0, "!", "far"),
        )

        chart.show([Series("a", 0, pyramid(values), marks=marks)])

        lines = lines_of(chart)
        row_of = {
            glyph: next(row for row, line in enumerate(lines) if glyph in line) for glyph in "✕▲◆"
        }
        assert row_of["▲"] == row_of["✕"] - 1
        assert row_of["◆"] == len(lines) - 3
        assert text_of(chart).count("┊") > 8
        assert "!" not in text_of(chart)


async def test_on_a_log_axis_what_is_not_positive_is_left_out() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        chart = app.query_one(Chart)
        chart.show([Series("a", 0, pyramid([100.0, 10.0, 0.0, -5.0, 0.1]))])

        chart.log = True

        labels = [line[:5].strip() for line in lines_of(chart)]
        assert [label for label in labels if label] == ["100", "10", "1", "0.1"]


async def test_only_the_cells_that_changed_are_refreshed(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Shown()
    async with app.run_test(size=(120, 30)) as pilot:
        chart = app.query_one(Chart)
        data = falling(100)
        chart.show([Series("a", 0, data)], x_end=2000)
        await pilot.pause()
        asked: list[Region] = []
        monkeypatch.setattr(chart, "refresh", lambda *regions: asked.extend(regions))

        chart.refresh_data()
        unchanged = list(asked)
        data.append([1000.0], [0.1])
        chart.refresh_data()

        assert unchanged == []
        assert 1 <= len(asked) <= 2
        assert all(region.height == 1 and region.width <= 4 for region in asked)


async def test_a_line_is_made_of_few_pieces() -> None:
    app = Shown()
    async with app.run_test(size=(120, 30)):
        chart = app.query_one(Chart)

        chart.show([Series("a", 0, falling(200)), Series("b", 1, pyramid([1.0] * 200))])

        assert max(len(chart.render_line(y)._segments) for y in range(30)) <= 8


async def test_reading_gives_each_visible_series_at_its_nearest_point() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        chart = app.query_one(Chart)
        chart.show(
            [
                Series("a", 0, pyramid([1.0, 2.0, 3.0])),
                Series("hidden", 1, pyramid([5.0]), visible=False),
                Series("b", 2, pyramid([7.0, math.nan, 9.0])),
            ]
        )

        (first, value), (second, gap) = chart.read(12.0)

        assert (first, value, second) == ("a", 2.0, "b")
        assert math.isnan(gap)


async def test_zoom_keeps_the_point_it_is_around_and_pan_stops_at_the_ends() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        chart = app.query_one(Chart)
        chart.show([Series("a", 0, falling())])
        assert chart.view == (0.0, 200.0)

        chart.zoom(2, around=50)
        zoomed = chart.view
        chart.pan(9)
        panned = chart.view
        await pilot.pause()
        chart.zoom(0.01)
        await pilot.pause()

        assert zoomed == (25.0, 125.0)
        assert panned == (100.0, 200.0)
        assert chart.view == (0.0, 200.0)
        views = [message for message in app.heard if isinstance(message, Chart.ViewChanged)]
        assert (views[0].lo, views[0].hi, views[0].all) == (100.0, 200.0, False)
        assert views[-1].all


async def test_a_linked_view_is_set_without_an_echo() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        chart = app.query_one(Chart)
        chart.show([Series("a", 0, falling())])

        chart.set_view(50, 100)
        await pilot.pause()

        assert chart.view == (50, 100)
        assert app.heard == []
        assert lines_of(chart)[-1].split()[0] == "50"


async def test_the_mouse_moves_the_cursor_and_the_wheel_zooms() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        chart = app.query_one(Chart)
        chart.show([Series("a", 0, falling())])
        await pilot.pause()

        await pilot.hover(Chart, offset=(33, 5))
        await pilot.pause()

        assert chart.cursor == pytest.approx(200 * 27.5 / 54)
        moved = app.heard[-1]
        assert isinstance(moved, Chart.CursorMoved)
        assert moved.x == chart.cursor
        assert sum(line[33] == "│" for line in lines_of(chart)) > 8
        assert "102" in lines_of(chart)[-1]


async def test_a_double_click_shows_all_again() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        chart = app.query_one(Chart)
        chart.show([Series("a", 0, falling())])
        chart.set_view(50, 100)

        await pilot.double_click(Chart, offset=(30, 5))

        assert chart.view == (0.0, 200.0)


async def test_dragging_pans_a_zoomed_view() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        chart = app.query_one(Chart)
        chart.show([Series("a", 0, falling())])
        chart.set_view(50, 104)

        await pilot.mouse_down(Chart, offset=(30, 5))
        await pilot.hover(Chart, offset=(20, 5))
        await pilot.mouse_up(Chart, offset=(20, 5))

        assert chart.view == pytest.approx((60, 114))


async def test_the_focused_series_lies_on_top_and_is_bold() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        chart = app.query_one(Chart)
        level = pyramid([1.0] * 21)

        chart.show([Series("a", 0, level, focused=True), Series("b", 1, level)])

        drawn = [
            segment
            for y in range(14)
            for segment in chart.render_line(y)
            if any("\u2800" < character < "\u2900" for character in segment.text)
        ]
        first = chart.get_component_styles("chart--series-1").color.rich_color
        assert [segment.style.color for segment in drawn if segment.style] == [first]
        assert all(segment.style and segment.style.bold for segment in drawn)


async def test_moving_the_focus_changes_the_colours_at_once() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        chart = app.query_one(Chart)
        level, other = pyramid([1.0] * 21), pyramid([1.0] * 21)
        chart.show([Series("a", 0, level, focused=True), Series("b", 1, other)])
        await pilot.pause()
        before = app.export_screenshot()

        chart.show([Series("a", 0, level), Series("b", 1, other, focused=True)])
        await pilot.pause()

        assert app.export_screenshot() != before


async def test_bands_and_the_dim_part_have_weaker_colours_of_the_same_series() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        chart = app.query_one(Chart)
        low, high = pyramid([0.2] * 21), pyramid([1.8] * 21)

        chart.show([Series("a", 0, pyramid([1.0] * 21), low, high, dim_until=100)])

        colours = {
            segment.style.color
            for y in range(14)
            for segment in chart.render_line(y)
            if segment.style and any("\u2800" < sign < "\u2900" for sign in segment.text)
        }
        assert len(colours) == 2


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (11, 5), (12, 3), (20, 4), (40, 8), (80, 24)])
async def test_any_size_shows_something(size: tuple[int, int]) -> None:
    app = Shown()
    async with app.run_test(size=size):
        chart = app.query_one(Chart)

        chart.show([Series("a", 0, falling())], x_label="step")
        chart.cursor = 50.0

        lines = lines_of(chart)
        assert all(len(line) == size[0] for line in lines)
        assert "".join(lines).strip()


async def test_a_theme_can_change_while_it_is_shown() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        chart = app.query_one(Chart)
        chart.show([Series("a", 0, falling())])
        before = {segment.style for y in range(14) for segment in chart.render_line(y)}

        app.theme = "textual-light"
        await pilot.pause()

        after = {segment.style for y in range(14) for segment in chart.render_line(y)}
        assert not {style.color for style in before if style} & {
            style.color for style in after if style
        }


VALUES = st.one_of(
    st.floats(), st.sampled_from([0.0, 1.0, -1.0, math.nan, math.inf, 1e308, -1e308, 5e-324])
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(VALUES, max_size=20), max_size=4),
    st.integers(1, 40),
    st.integers(1, 12),
    st.booleans(),
)
@example([[1.797693124862316e308], [-6.000000016000003e299]], 1, 1, False)
def test_whatever_the_values_a_picture_can_be_drawn(
    values: list[list[float]], columns: int, rows: int, log: bool
) -> None:
    order = drawing_order(
        [
            Series(
                str(index), index, data := pyramid(series), data, data, (Mark(0, None, "x", ""),)
            )
            for index, series in enumerate(values)
        ]
    )
    window = Window(0.0, 200.0, columns)

    summary = summarise(order, window, log)
    scale = scale_for(summary, None, log)

    if scale is not None:
        picture = draw(summary, window, scale, rows)
        assert picture.dots.shape == picture.owner.shape == (rows, columns)
        assert frame.y_ticks(scale, rows, axis.number)
        # every dot has an owner, and no owner is without a dot or a glyph
        inked = (picture.dots > 0) | (picture.glyph > 0)
        assert (inked == (picture.owner >= 0)).all()
