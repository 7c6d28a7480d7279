"""Dots are where a slow drawing, dot by dot, would put them."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from valtui.widgets import raster

nan = math.nan
ROWS = 3
HEIGHT = 4 * ROWS
LEVELS = st.one_of(st.floats(-3, HEIGHT + 3), st.just(nan))


def line(levels: list[float], joined: list[bool] | None = None) -> np.ndarray:
    """The dots of one point a column, shape (HEIGHT, columns) of bool."""
    values = np.array([levels])
    links = np.array([joined if joined is not None else [True] * len(levels)])
    begin, stop = raster.spans(values, values, values, values, links, HEIGHT)
    return unpacked(raster.braille(begin, stop, ROWS)[0])


def unpacked(cells: np.ndarray) -> np.ndarray:
    """Braille patterns to single dots."""
    bits = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
    rows, columns = cells.shape
    dots = np.zeros((4 * rows, 2 * columns), bool)
    for row in range(4 * rows):
        for column in range(2 * columns):
            dots[row, column] = cells[row // 4, column // 2] & bits[row % 4][column % 2]
    return dots


def picture(dots: np.ndarray) -> list[str]:
    return ["".join("#" if dot else "." for dot in row) for row in dots]


@given(
    st.lists(
        st.tuples(st.integers(0, HEIGHT), st.integers(-1, HEIGHT - 1)), min_size=2, max_size=12
    ).filter(lambda runs: len(runs) % 2 == 0)
)
def test_the_lookup_table_sets_the_dots_of_each_run_and_no_other(
    runs: list[tuple[int, int]],
) -> None:
    begin, stop = (np.array([part]) for part in zip(*runs, strict=True))

    dots = unpacked(raster.braille(begin, stop, ROWS)[0])

    expected = [[first <= row <= last for first, last in runs] for row in range(HEIGHT)]
    np.testing.assert_array_equal(dots, expected)


@settings(max_examples=120, deadline=None)
@given(st.lists(LEVELS, min_size=2, max_size=24).filter(lambda levels: len(levels) % 2 == 0))
def test_every_point_in_sight_has_its_dot_and_every_line_is_unbroken(levels: list[float]) -> None:
    dots = line(levels)

    known = [column for column, level in enumerate(levels) if not math.isnan(level)]
    for column in known:
        if 0 <= levels[column] < HEIGHT:
            assert dots[int(levels[column]), column]
    inside = all(0 <= levels[column] < HEIGHT for column in known)
    if known and inside:
        for column in range(known[0], known[-1]):
            here, there = np.flatnonzero(dots[:, column]), np.flatnonzero(dots[:, column + 1])
            assert len(here)
            assert here[0] - 1 <= there[-1]
            assert there[0] <= here[-1] + 1
    outside = set(range(len(levels))) - set(range(known[0], known[-1] + 1) if known else ())
    assert not dots[:, sorted(outside)].any()


def test_a_flat_or_slowly_falling_line_is_one_dot_thick() -> None:
    dots = line([2.0, nan, nan, nan, 3.0, 3.0, nan, 4.0])

    assert dots.sum(axis=0).tolist() == [1] * 8


def test_a_steep_line_has_no_dot_twice() -> None:
    dots = line([0.5, 8.5])

    assert picture(dots)[:9] == ["#."] * 4 + [".#"] * 5


def test_sparse_points_are_connected_by_a_straight_line() -> None:
    dots = line([0.5, nan, nan, nan, 4.5, nan])

    assert picture(dots)[:5] == ["#.....", ".#....", "..#...", "...#..", "....#."]


def test_a_gap_is_never_bridged() -> None:
    dots = line([2.5, 2.5, nan, nan, 2.5, 2.5], [True, True, True, True, False, True])

    assert picture(dots)[2] == "##..##"


def test_a_column_that_is_drawn_stays_when_more_points_come() -> None:
    levels = [1.5, 6.5, 3.5, 9.5, 2.5, 7.5]

    before = line([*levels, nan, nan])
    after = line([*levels, 5.5, 0.5])

    np.testing.assert_array_equal(before[:, :5], after[:, :5])


def test_one_point_is_one_dot_and_none_is_none() -> None:
    assert line([nan, 5.0]).sum() == 1
    assert line([nan, nan]).sum() == 0


def test_a_band_is_filled_between_its_points_but_not_across_a_gap() -> None:
    level = np.array([nan, 1.0, nan, 3.0, nan, 5.0, nan])
    joined = np.array([True, True, True, True, True, False, True])

    full = raster.filled(level, joined)

    np.testing.assert_array_equal(full, [nan, 1.0, 2.0, 3.0, nan, 5.0, nan])


def cells(rows: list[list[int]]) -> np.ndarray:
    return np.array(rows, np.uint8)


def test_a_later_series_owns_the_cells_it_shares() -> None:
    lines = np.array([cells([[0x01, 0x01, 0]]), cells([[0, 0x80, 0x80]])])

    result = raster.compose(lines)

    assert result.owner.tolist() == [[0, 1, 1]]
    assert result.dots.tolist() == [[0x01, 0x81, 0x80]]


def test_a_line_is_not_speckled_by_a_band() -> None:
    lines = np.array([cells([[0x01, 0]])])

    result = raster.compose(lines, bands=[(0, cells([[0xFF, 0xFF]]))])

    assert result.dots[0, 0] == 0x01
    assert 0 < result.dots[0, 1] < 0xFF
    assert result.owner.tolist() == [[0, raster.BAND]]


def test_a_line_is_dim_up_to_the_given_column() -> None:
    lines = np.array([cells([[1, 1, 1, 1]])])

    result = raster.compose(lines, dim_until=[2])

    assert result.owner.tolist() == [[raster.DIM, raster.DIM, 0, 0]]


def test_a_spot_takes_its_cell_and_one_outside_is_left_out() -> None:
    lines = np.array([cells([[1, 1]])])

    result = raster.compose(lines, spots=[raster.Spot(0, 1, "▲", 0), raster.Spot(9, 9, "◆", 0)])

    assert "".join(map(chr, result.characters()[0])) == "⠁▲"
