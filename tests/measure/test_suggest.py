"""Which arms a probe trains where nobody chose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valtui_trainer.measure.suggest import LEADING, ORDER, suggested
from valtui_trainer.measure.verdict import CAUSE_OF_ARM, CAUSE_OF_LENS, Verdict
from valtui_trainer.presets.arms import PROBED

OPEN = Verdict("open")
VERDICTS = [
    OPEN,
    Verdict("not-enough"),
    Verdict("calm"),
    Verdict("unsound", ("order",)),
    *(Verdict("cause", (cause,), lens=lens) for lens, cause in CAUSE_OF_LENS.items()),
    *(Verdict("cause", (cause,), arm=arm) for arm, cause in CAUSE_OF_ARM.items()),
]


def test_the_order_names_each_arm_that_a_probe_can_train_once() -> None:
    assert sorted(ORDER) == sorted(PROBED)
    assert set(LEADING) <= set(CAUSE_OF_LENS.values())


def test_an_open_verdict_asks_learning_rate_and_batch_size_then_the_popular_guesses() -> None:
    assert suggested(OPEN, PROBED, 4) == (
        "learning-rate-half", "batch-size-quadruple", "dropout-off", "augmentation-off",
    )  # fmt: skip
    assert len(suggested(OPEN, PROBED)) == 3


def test_what_does_not_apply_makes_room_for_the_next_of_its_cause_then_of_another() -> None:
    without = [arm for arm in PROBED if arm not in ("batch-size-quadruple", "dropout-off")]

    assert suggested(OPEN, without) == (
        "learning-rate-half", "batch-size-double", "augmentation-off",
    )  # fmt: skip


def test_batchnorm_statistics_ask_for_more_and_for_less_momentum_first() -> None:
    verdict = Verdict("cause", ("batchnorm-statistics", "overconfidence"), "exact-batchnorm")

    assert suggested(verdict, PROBED) == (
        "batchnorm-momentum-up", "batchnorm-momentum-down", "learning-rate-half",
    )  # fmt: skip


def test_overconfidence_asks_for_smaller_steps_and_for_weight_decay_first() -> None:
    verdict = Verdict("cause", ("overconfidence",), "calibrated-outputs")

    assert suggested(verdict, PROBED) == (
        "learning-rate-half", "weight-decay-off", "batch-size-quadruple",
    )  # fmt: skip


def test_after_an_arm_found_the_cause_the_others_of_its_cause_ask_how_much_further_it_goes() -> (
    None
):
    verdict = Verdict("cause", ("learning-rate",), arm="learning-rate-half")

    assert suggested(verdict, PROBED) == (
        "learning-rate-quarter", "batch-size-quadruple", "dropout-off",
    )  # fmt: skip


def test_two_arms_of_one_cause_only_where_nothing_else_is_left() -> None:
    few = ["learning-rate-half", "learning-rate-quarter", "batch-size-double", "adam-epsilon"]

    assert suggested(OPEN, few) == ("learning-rate-half", "batch-size-double", "adam-epsilon")
    assert suggested(OPEN, few, 4)[3] == "learning-rate-quarter"
    assert suggested(OPEN, few[:2]) == ("learning-rate-half", "learning-rate-quarter")


def test_remedies_are_never_suggested() -> None:
    assert suggested(OPEN, ["averaged-weights", "exact-batchnorm", "adam-epsilon"]) == (
        "adam-epsilon",
    )


@pytest.mark.parametrize("count", [0, -1])
def test_none_are_suggested_where_none_are_asked_for(count: int) -> None:
    assert suggested(OPEN, PROBED, count) == ()


@given(
    verdict=st.sampled_from(VERDICTS),
    applicable=st.lists(st.sampled_from(PROBED), unique=True),
    count=st.integers(0, 12),
)
def test_as_many_as_are_asked_for_and_apply_each_once(
    verdict: Verdict, applicable: list[str], count: int
) -> None:
    found = suggested(verdict, applicable, count)

    assert set(found) <= set(applicable)
    assert len(set(found)) == len(found) == min(count, len(applicable))
