"""A sparkline is one character a value, and takes any number there is."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valtui.widgets.sparkline import BLOCKS, spark


@given(st.lists(st.floats()), st.integers(0, 40))
def test_any_values_fit_into_the_width(values: list[float], width: int) -> None:
    text = spark(values, width)

    assert len(text) == min(len(values), width)
    assert set(text) <= {*BLOCKS, " "}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([3, 3, 3], "▁▁▁"),
        ([1, math.nan, 2], "▁ █"),
        ([0, math.inf, 1, -math.inf], "▁██▁"),
        ([math.nan], " "),
        ([], ""),
    ],
)
def test_values_become_blocks(values: list[float], text: str) -> None:
    assert spark(values, 20) == text


def test_more_values_than_characters_are_averaged() -> None:
    assert spark([0, 0, 2, 2, 4, 4], 3) == "▁▅█"


def test_given_ends_keep_two_sparklines_comparable() -> None:
    assert spark([1, 2], 5, low=0, high=8) == "▂▃"
    assert spark([-5, 50], 5, low=0, high=8) == "▁█"


def test_it_needs_no_numpy() -> None:
    code = "import valtui.widgets.sparkline, sys; sys.exit('numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
