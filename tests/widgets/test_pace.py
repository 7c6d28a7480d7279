"""When a terminal counts as behind: told by the time that it takes to answer."""

from __future__ import annotations

import pytest

from valtui.widgets.pace import FARTHEST, LATEST, SLACK, TRUST, Pace


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


def test_the_lines_own_time_is_the_least_of_the_latest_answers(pace: Pace) -> None:
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


def test_an_answer_that_never_comes_is_given_up_and_the_next_one_later(pace: Pace) -> None:
    pace.wrote(1.0)
    assert not pace.is_lost(1.0 + 0.9 * TRUST)
    assert pace.is_lost(1.0 + TRUST)

    pace.give_up()
    assert not pace.is_behind(1.0 + TRUST)
    pace.wrote(100.0)
    assert not pace.is_lost(100.0 + TRUST)
    assert pace.is_lost(100.0 + 2 * TRUST)


def test_a_terminal_that_stopped_answering_counts_as_one_that_never_did(pace: Pace) -> None:
    for begin in (100.0, 200.0):
        pace.wrote(begin)
        pace.give_up()

    pace.wrote(300.0)
    assert pace.round_trip is None
    assert not pace.is_behind(1e9)


def test_a_terminal_that_answers_again_is_trusted_as_before(pace: Pace) -> None:
    pace.wrote(1.0)
    pace.give_up()
    answer_all(pace, 20.0)
    pace.wrote(30.0)
    answer_all(pace, 30.1)

    pace.wrote(200.0)
    assert pace.is_lost(200.0 + TRUST)


def test_a_first_answer_that_never_comes_is_asked_for_again() -> None:
    pace = Pace()
    pace.wrote(0.0)
    assert not pace.wrote(0.9 * TRUST)

    assert pace.wrote(1.1 * TRUST)
    answer_all(pace, 1.1 * TRUST + 0.1)
    assert pace.wrote(2.5 * TRUST)
    pace.answered(2.5 * TRUST + 0.1)

    assert pace.round_trip == pytest.approx(0.1)


def test_of_a_question_that_was_put_twice_the_second_answer_counts(pace: Pace) -> None:
    pace.wrote(10.0)
    pace.put_again(15.0)

    assert not pace.answered(15.01)
    assert pace.is_behind(15.01)
    pace.answered(15.3)
    assert not pace.is_behind(15.3)
    assert pace.round_trip == pytest.approx(0.1)


def test_an_answer_after_giving_up_is_not_taken_for_the_next_questions(pace: Pace) -> None:
    pace.wrote(10.0)
    pace.put_again(15.0)
    pace.give_up()
    pace.wrote(26.0)

    for late in (26.01, 26.02):
        pace.answered(late)
    assert pace.is_behind(26.0 + pace.patience)
    pace.answered(26.4)

    assert not pace.is_behind(30.0)
    assert pace.round_trip == pytest.approx(0.1)


def test_answers_that_are_lost_are_not_waited_for_once_a_later_one_came(pace: Pace) -> None:
    pace.wrote(10.0)
    pace.put_again(15.0)
    pace.answered(15.1)

    pace.put_again(20.0)
    pace.answered(20.1)

    assert not pace.is_behind(30.0)
    assert pace.out == 0


def test_the_lines_own_time_follows_a_line_that_became_slower(pace: Pace) -> None:
    for number in range(LATEST):
        pace.wrote(10.0 + number)
        pace.answered(10.4 + number)

    assert pace.round_trip == pytest.approx(0.4)


def answer_all(pace: Pace, at: float) -> None:
    """Give every answer that is out."""
    for _ in range(pace.out):
        pace.answered(at)
