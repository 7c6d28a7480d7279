"""The rules of the verdict: what comes before what, and when nothing is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from valtui_trainer.measure.arms import ArmLeft
from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.left import Left
from valtui_trainer.measure.verdict import (
    CAUSE_OF_ARM,
    CAUSE_OF_LENS,
    Evidence,
    explaining_arms,
    judge,
)
from valtui_trainer.measure.volatility import Volatility
from valtui_trainer.presets.arms import ARMS, PROBED

JUMPY = Volatility(
    value=0.12, degrees=19.8, interval=Interval(0.1, 0.16), points=40, spikes=(),
    too_narrow=False, robust=0.12, constant=False,
)  # fmt: skip


def left(value: float, low: float, high: float) -> Left:
    """Return a volatility left with its interval."""
    return Left(value**2, value, Interval(low, high), 19.8)


def arm(value: float, high: float, mean_change: float | None = 0.0) -> ArmLeft:
    """Return what an arm leaves, with its upper limit."""
    return ArmLeft(
        value, Interval(value / 2, high), 27.0, 27.0, replicas=8, points=8,
        mean_change=mean_change, lost=0, too_narrow=False,
    )  # fmt: skip


LENSES = {
    "larger-validation": left(0.95, 0.9, 1.0),
    "exact-batchnorm": left(0.2, 0.15, 0.3),
    "calibrated-outputs": left(0.6, 0.5, 0.7),
    "averaged-weights": left(0.1, 0.05, 0.2),
    "hardest-samples": left(0.05, 0.01, 0.1),
}
EVIDENCE = Evidence(relative=JUMPY, checks={}, left=LENSES)


def test_causes_are_ranked_by_the_volatility_left_and_remedies_and_descriptions_are_none() -> None:
    verdict = judge(EVIDENCE)

    assert verdict.kind == "cause"
    assert verdict.causes == ("batchnorm-statistics", "overconfidence")
    assert verdict.lens == "exact-batchnorm"


@pytest.mark.parametrize(
    ("check", "cause"),
    [("frozen", "random-validation"), ("order", "order"), ("overlap", "overlap")],
)
def test_a_failed_check_comes_before_everything(check: str, cause: str) -> None:
    verdict = judge(replace(EVIDENCE, checks={check: "failed"}))

    assert (verdict.kind, verdict.causes) == ("unsound", (cause,))


def test_of_two_failed_checks_the_graver_leads() -> None:
    verdict = judge(replace(EVIDENCE, checks={"overlap": "failed", "frozen": "failed"}))

    assert verdict.causes == ("random-validation", "overlap")


def test_a_doubtful_check_decides_nothing() -> None:
    doubtful = replace(EVIDENCE, checks={"frozen": "unknown", "resolution": "doubtful"})

    assert judge(doubtful) == judge(EVIDENCE)


@pytest.mark.parametrize("check", ["last-batch", "batchnorm-memory", "zero-learning-rate"])
def test_of_two_causes_the_one_that_a_doubtful_check_speaks_for_leads(check: str) -> None:
    close = {
        "calibrated-outputs": left(0.40, 0.3, 0.5),
        "exact-batchnorm": left(0.44, 0.35, 0.55),
    }

    alone = judge(replace(EVIDENCE, left=close))
    backed = judge(replace(EVIDENCE, left=close, checks={check: "doubtful"}))

    assert alone.causes == ("overconfidence", "batchnorm-statistics")
    assert backed.causes == ("batchnorm-statistics", "overconfidence")


def test_a_doubtful_check_names_no_cause_that_its_lens_does_not_see() -> None:
    innocent = {"exact-batchnorm": left(0.99, 0.95, 1.03), "calibrated-outputs": None}

    assert judge(replace(EVIDENCE, left=innocent, checks={"last-batch": "doubtful"})).kind == "open"


@pytest.mark.parametrize(("degrees", "kind"), [(7.9, "not-enough"), (8.0, "cause")])
def test_below_eight_degrees_of_freedom_no_cause_is_named(degrees: float, kind: str) -> None:
    assert judge(replace(EVIDENCE, relative=replace(JUMPY, degrees=degrees))).kind == kind


def test_without_an_interval_there_is_not_enough_evidence_even_for_calm() -> None:
    few = replace(JUMPY, value=0.001, interval=None, degrees=30.0)

    assert judge(replace(EVIDENCE, relative=few)).kind == "not-enough"


@pytest.mark.parametrize(
    ("high", "spike", "kind"),
    [(0.049, 0.0, "calm"), (0.049, 0.03, "calm"), (0.049, 0.06, "cause"), (0.051, 0.0, "cause")],
)
def test_calm_is_an_upper_limit_under_five_percent_and_no_spike_of_that_size(
    high: float, spike: float, kind: str
) -> None:
    quiet = replace(JUMPY, value=0.04, interval=Interval(0.03, high))

    assert judge(replace(EVIDENCE, relative=quiet, largest_spike=spike)).kind == kind


def test_a_constant_loss_is_calm() -> None:
    flat = replace(JUMPY, value=0.0, interval=None, constant=True)

    assert judge(replace(EVIDENCE, relative=flat)).kind == "calm"
    assert judge(replace(EVIDENCE, relative=replace(flat, degrees=2.0))).kind == "not-enough"


def test_a_lens_whose_interval_reaches_too_high_explains_nothing() -> None:
    unsure = {"exact-batchnorm": left(0.7, 0.5, 0.95), "larger-validation": None}

    verdict = judge(replace(EVIDENCE, left=unsure))

    assert (verdict.kind, verdict.causes) == ("open", ())


def test_a_lens_without_an_interval_explains_nothing() -> None:
    bare = {"exact-batchnorm": Left(0.01, 0.1, None, 19.8)}

    assert judge(replace(EVIDENCE, left=bare)).kind == "open"


# --- arms ------------------------------------------------------------------------------------------

NO_LENS = replace(EVIDENCE, left={})


def test_each_arm_that_a_probe_can_train_has_the_cause_its_preset_change_tests() -> None:
    assert {name: ARMS[name].cause for name in PROBED} == CAUSE_OF_ARM
    assert not set(CAUSE_OF_ARM.values()) & set(CAUSE_OF_LENS.values())


def test_an_arm_that_is_told_from_no_change_is_a_cause_where_no_lens_explains() -> None:
    probed = {"learning-rate-half": arm(0.5, 0.8), "dropout-off": arm(1.1, 1.6)}

    verdict = judge(replace(NO_LENS, arms=probed))

    assert (verdict.kind, verdict.causes) == ("cause", ("learning-rate",))
    assert (verdict.lens, verdict.arm) == (None, "learning-rate-half")


@pytest.mark.parametrize(
    "found",
    [
        None,
        arm(0.7, 1.0),
        replace(arm(0.0, 0.0), interval=None),
        arm(0.7, 0.8, mean_change=0.2),
    ],
    ids=["no estimate", "not told from 1", "dead", "calmer only because the loss is higher"],
)
def test_an_arm_that_is_not_told_to_calm_explains_nothing(found: ArmLeft | None) -> None:
    assert judge(replace(NO_LENS, arms={"batch-size-double": found})).kind == "open"


@pytest.mark.parametrize("change", [-0.5, None])
def test_a_lower_loss_does_not_make_an_arm_calmer_than_it_is(change: float | None) -> None:
    assert explaining_arms({"dropout-off": arm(0.6, 0.89, change)}) == {"dropout-off": 0.6}
    assert explaining_arms({"dropout-off": arm(0.6, 0.91, change)}) == {}


def test_what_an_arm_leaves_may_come_without_a_change_of_the_loss() -> None:
    assert explaining_arms({"dropout-off": left(0.6, 0.4, 0.8)}) == {"dropout-off": 0.6}


def test_of_several_arms_of_a_cause_the_one_that_leaves_least_speaks() -> None:
    probed = {
        "learning-rate-half": arm(0.6, 0.8),
        "learning-rate-quarter": arm(0.3, 0.5),
        "batch-size-double": arm(0.5, 0.85),
        "batch-size-quadruple": arm(0.4, 1.1),
    }

    verdict = judge(replace(NO_LENS, arms=probed))

    assert verdict.causes == ("learning-rate", "batch-size")
    assert verdict.arm == "learning-rate-quarter"
    assert list(explaining_arms(probed)) == ["learning-rate-quarter", "batch-size-double"]


@pytest.mark.parametrize(
    ("calibrated", "causes"),
    [
        (0.78, ("overconfidence", "learning-rate")),
        (0.82, ("learning-rate", "overconfidence")),
    ],
)
def test_an_arm_stands_before_a_lens_only_where_it_leaves_less_than_half_of_what_that_leaves(
    calibrated: float, causes: tuple[str, ...]
) -> None:
    lenses = {"calibrated-outputs": left(calibrated, 0.7, 0.88)}
    probed = {"learning-rate-half": arm(0.4, 0.6)}

    verdict = judge(replace(EVIDENCE, left=lenses, arms=probed))

    assert verdict.causes == causes
    assert (verdict.lens is None) is (causes[0] == "learning-rate")
    assert (verdict.arm is None) is (causes[0] == "overconfidence")


def test_an_arm_that_leaves_more_than_a_lens_stands_behind_it() -> None:
    lenses = {"calibrated-outputs": left(0.75, 0.6, 0.85)}

    verdict = judge(replace(EVIDENCE, left=lenses, arms={"adam-epsilon": arm(0.8, 0.88)}))

    assert verdict.causes == ("overconfidence", "adam-epsilon")
    assert (verdict.lens, verdict.arm) == ("calibrated-outputs", None)


def test_a_lens_that_a_doubtful_check_speaks_for_stands_before_every_arm() -> None:
    lenses = {"exact-batchnorm": left(0.8, 0.7, 0.88)}
    evidence = replace(EVIDENCE, left=lenses, arms={"learning-rate-half": arm(0.3, 0.6)})

    assert judge(evidence).causes[0] == "learning-rate"
    assert judge(replace(evidence, checks={"last-batch": "doubtful"})).causes[0] == (
        "batchnorm-statistics"
    )


@pytest.mark.parametrize(
    "evidence",
    [
        replace(EVIDENCE, checks={"frozen": "failed"}),
        replace(EVIDENCE, relative=replace(JUMPY, degrees=7.0)),
        replace(EVIDENCE, relative=replace(JUMPY, value=0.01, interval=Interval(0.01, 0.02))),
    ],
)
def test_an_arm_overrules_neither_a_failed_check_nor_calm_nor_too_few_evaluations(
    evidence: Evidence,
) -> None:
    probed = {"learning-rate-half": arm(0.2, 0.3)}

    assert judge(replace(evidence, arms=probed)) == judge(evidence)


def test_the_limit_for_arms_can_be_tried_without_touching_that_for_lenses() -> None:
    evidence = replace(EVIDENCE, left={}, arms={"learning-rate-half": arm(0.5, 0.8)})

    assert judge(evidence, arm_explains=0.7).kind == "open"
    assert judge(evidence, explains=0.1).kind == "cause"
