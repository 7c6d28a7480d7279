"""When a terminal counts as behind: told by the time that it takes to answer."""

from __future__ import annotations

import pytest

from valtui.widgets.pace import FARTHEST, SLACK, TRUST, Pace


@pytest.fixture
def pace() -> Pace:
    """Of a line on which an answer takes a second tenth, as was seen once."""
    pace = Pace()
    pace.wrote(0.0)
    pace.answered(0.1)
    return pace


def test_a_question_follows_a_frame_and_no_second_one_while_it_is_out() -> None:
    pace = Pace()

    assert [pace.wrote(0.0), pace.wrote(0.1), pace.wrote(0.2)] == [True, False, False]


def test_a_terminal_that_answers_in_time_is_never_behind(pace: Pace) -> None:
    pace.wrote(1.0)

    assert not pace.is_behind(1.0 + 0.1 + 0.9 * SLACK)
    assert not pace.answered(1.2)
    assert not pace.is_behind(9.0)


def test_a_terminal_is_behind_until_it_answers(pace: Pace) -> None:
    pace.wrote(1.0)

    assert pace.is_behind(1.0 + pace.patience)
    pace.answered(9.0)
    assert not pace.is_behind(9.0)


def test_what_was_written_after_a_question_is_asked_for_when_it_is_answered(pace: Pace) -> None:
    pace.wrote(1.0)
    pace.wrote(1.1)

    assert pace.answered(1.2)
    assert pace.is_behind(1.2 + pace.patience)
    assert not pace.answered(2.0)


def test_the_lines_own_time_is_the_least_that_was_seen(pace: Pace) -> None:
    for begin, took in ((1.0, 3.0), (5.0, 0.05), (6.0, 0.4)):
        pace.wrote(begin)
        pace.answered(begin + took)

    assert pace.round_trip == pytest.approx(0.05)


def test_a_first_answer_that_had_to_queue_does_not_make_patient_for_long() -> None:
    pace = Pace()
    pace.wrote(0.0)
    pace.answered(30.0)

    assert pace.patience == FARTHEST + SLACK


def test_of_a_terminal_that_never_answered_nothing_is_told() -> None:
    pace = Pace()
    pace.wrote(0.0)

    assert not pace.is_behind(1e9)


def test_an_answer_that_nobody_waits_for_changes_nothing(pace: Pace) -> None:
    assert not pace.answered(5.0)
    assert pace.round_trip == pytest.approx(0.1)
    assert pace.wrote(6.0)


def test_a_question_that_is_forgotten_is_put_again_with_the_next_frame(pace: Pace) -> None:
    pace.wrote(1.0)
    pace.wrote(1.1)
    pace.forget()

    assert not pace.is_behind(9.0)
    assert pace.wrote(9.0)
    assert not pace.answered(9.1)


def test_an_answer_that_never_comes_is_given_up_each_time_later_until_one_comes(pace: Pace) -> None:
    pace.wrote(0.0)
    assert not pace.is_lost(0.9 * TRUST)
    assert pace.is_lost(TRUST)

    pace.give_up()
    assert not pace.is_behind(TRUST)
    pace.wrote(100.0)
    assert not pace.is_lost(100.0 + TRUST)
    assert pace.is_lost(100.0 + 2 * TRUST)

    pace.answered(140.0)
    pace.wrote(200.0)
    assert pace.is_lost(200.0 + TRUST)
