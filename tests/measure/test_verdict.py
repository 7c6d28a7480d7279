"""The rules of the verdict: what comes before what, and when nothing is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.left import Left
from valtui_trainer.measure.verdict import Evidence, judge
from valtui_trainer.measure.volatility import Volatility

JUMPY = Volatility(
    value=0.12, degrees=19.8, interval=Interval(0.1, 0.16), points=40, spikes=(),
    too_narrow=False, robust=0.12, constant=False,
)  # fmt: skip


def left(value: float, low: float, high: float) -> Left:
    """Return a volatility left with its interval."""
    return Left(value**2, value, Interval(low, high), 19.8)


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
