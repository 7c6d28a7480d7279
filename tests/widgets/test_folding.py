"""Sentences are broken at blanks, and figures stay whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from valtui.widgets.folding import fold


@given(st.text(max_size=200), st.integers(2, 60), st.integers(1, 5))
def test_any_text_fits(text: str, width: int, most: int) -> None:
    lines = fold(text, width, most)

    assert 1 <= len(lines) <= most
    assert all(cell_len(line) <= width for line in lines)


@given(st.lists(st.text("abcdé猫", min_size=1, max_size=9), min_size=1), st.integers(20, 60))
def test_nothing_is_lost_where_there_is_room(words: list[str], width: int) -> None:
    assert " ".join(fold(" ".join(words), width, 1000)) == " ".join(words)


def test_what_is_left_over_is_cut_visibly() -> None:
    assert fold("one two three four", 9, 1) == ["one two…"]


def test_a_figure_with_its_interval_is_not_broken() -> None:
    assert fold("it leaves 57 % [50, 65] of it", 20, 5) == ["it leaves", "57 % [50, 65] of it"]


def test_a_word_longer_than_a_line_is_broken() -> None:
    assert fold("abcdefgh", 3, 9) == ["abc", "def", "gh"]
