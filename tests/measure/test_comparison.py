"""Comparing presets: means over seeds, ratios of volatilities, the level of a run."""

from __future__ import annotations

import numpy as np

from valtui_trainer.measure.comparison import (
    comparable_spacing,
    last_window_mean,
    student_mean,
    volatility_ratio,
)
from valtui_trainer.measure.volatility import volatility

RNG = np.random.default_rng(5)


def test_one_seed_has_a_mean_but_no_interval() -> None:
    found = student_mean([0.3])

    assert (found.mean, found.interval, found.n) == (0.3, None, 1)


def test_the_students_t_interval_covers_at_three_seeds() -> None:
    hits = 0
    for values in RNG.normal(size=(4_000, 3)):
        found = student_mean(values).interval
        assert found is not None
        hits += found.low <= 0 <= found.high

    assert 0.94 <= hits / 4_000 <= 0.96


def test_values_that_are_not_finite_are_left_out_of_the_mean() -> None:
    found = student_mean([1.0, np.nan, 3.0, np.inf])

    assert (found.mean, found.n) == (2.0, 2)


def test_the_f_interval_covers_the_true_ratio() -> None:
    hits = 0
    for a, b in zip(2 * RNG.normal(size=(2_000, 20)), RNG.normal(size=(2_000, 20)), strict=True):
        found = volatility_ratio(volatility(a), volatility(b)).interval
        assert found is not None
        hits += found.low <= 2 <= found.high

    assert 0.87 <= hits / 2_000 <= 0.93


def test_the_ratio_stands_inside_its_interval_and_turns_over_with_it() -> None:
    a, b = volatility(RNG.normal(size=30)), volatility(RNG.normal(size=(3, 12)))

    over, under = volatility_ratio(a, b), volatility_ratio(b, a)

    assert over.interval is not None
    assert under.interval is not None
    assert over.interval.low < over.value < over.interval.high
    assert np.isclose(over.interval.low, 1 / under.interval.high)


def test_a_ratio_of_short_series_has_no_interval() -> None:
    found = volatility_ratio(volatility(RNG.normal(size=20)), volatility(RNG.normal(size=7)))

    assert found.value > 0
    assert found.interval is None


def test_a_ratio_to_no_fluctuation_is_not_a_number() -> None:
    found = volatility_ratio(volatility(RNG.normal(size=20)), volatility([1.0] * 20))

    assert np.isnan(found.value)
    assert found.interval is None


def test_spacings_within_five_percent_compare() -> None:
    assert comparable_spacing(1000, 1040)
    assert not comparable_spacing(1000, 1100)


def test_the_level_is_the_mean_over_the_last_window() -> None:
    y = np.array([np.arange(20.0), np.full(20, 3.0)])

    assert last_window_mean(y).tolist() == [14.5, 3.0]
    assert last_window_mean([1.0, np.nan, 3.0]).tolist() == [2.0]
    assert np.isnan(last_window_mean([[np.nan]])).all()
