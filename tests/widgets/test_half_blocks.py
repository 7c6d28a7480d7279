"""Small pictures: two pixels a cell, in proportion, each the mean of what falls on it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment

from valtui.widgets.half_blocks import Picture, cells_for, draw, resized

RNG = np.random.default_rng(0)


def picture(*shape: int) -> Picture:
    found = Picture.of(RNG.integers(0, 256, shape).astype(np.uint8))
    assert found is not None
    return found


def text(lines: list[list[Segment]]) -> list[str]:
    return ["".join(segment.text for segment in line) for line in lines]


@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 30), st.integers(1, 20), st.booleans(), st.booleans()
)  # fmt: skip
def test_any_picture_fills_its_cells_and_no_more(
    height: int, width: int, columns: int, rows: int, colour: bool, shades: bool
) -> None:
    shown = picture(height, width, 3) if colour else picture(height, width)

    lines = text(draw(shown, columns, rows, shades=shades))

    assert 1 <= len(lines) <= rows
    assert all(len(line) == columns for line in lines)


def test_a_square_picture_takes_twice_as_many_columns_as_rows() -> None:
    assert cells_for(picture(28, 28), 14, 10) == (14, 7)
    assert cells_for(picture(28, 28), 28, 5) == (10, 5)


def test_pixels_are_means_of_equal_areas() -> None:
    shown = Picture.of(np.array([[0, 100], [200, 40]], np.uint8))
    assert shown is not None

    assert resized(shown, 1, 1).tolist() == [[[85, 85, 85]]]
    assert resized(shown, 4, 2)[0, :, 0].tolist() == [0, 0, 100, 100]


def test_a_cell_holds_the_upper_pixel_in_its_ink_and_the_lower_in_its_ground() -> None:
    shown = Picture.of(np.array([[[255, 0, 0]], [[0, 0, 255]]], np.uint8))
    assert shown is not None

    ((*_, segment, _),) = draw(shown, 1, 1, shades=False)

    assert segment.text == "▀"
    assert segment.style is not None
    assert segment.style.color is not None
    assert segment.style.bgcolor is not None
    assert segment.style.color.triplet == (255, 0, 0)
    assert segment.style.bgcolor.triplet == (0, 0, 255)


def test_shades_follow_the_brightness_and_turn_round_on_a_bright_ground() -> None:
    shown = Picture.of(np.array([[0, 255], [0, 255]], np.uint8))
    assert shown is not None

    assert text(draw(shown, 2, 1, shades=True)) == [" █"]
    assert text(draw(shown, 2, 1, shades=True, ink_is_bright=False)) == ["█ "]


@pytest.mark.parametrize("shape", [(0, 4), (4, 4, 4), (4,), (2, 2, 1)])
def test_what_is_no_picture_is_none(shape: tuple[int, ...]) -> None:
    assert Picture.of(np.zeros(shape, np.uint8)) is None
