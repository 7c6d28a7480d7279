"""Comparing presets: means over seeds, ratios of volatilities, the best evaluation and its look-alikes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from valtui_trainer.measure import quantiles
from valtui_trainer.measure.best import best_evaluation, jump_z, level_uncertainty, look_alikes
from valtui_trainer.measure.comparison import (
    comparable_spacing,
    last_window_mean,
    student_mean,
    volatility_ratio,
)
from valtui_trainer.measure.volatility import volatility

RNG = np.random.default_rng(5)


@pytest.mark.parametrize(
    ("found", "table"),
    [
        (quantiles.chi2(0.95, 10), 18.307),
        (quantiles.chi2(0.05, 10), 3.940),
        (quantiles.f(0.95, 5, 10), 3.326),
        (quantiles.student(0.975, 2), 4.303),
        (quantiles.student(0.975, 30), 2.042),
    ],
)
def test_quantiles_are_those_of_the_tables(found: float, table: float) -> None:
    assert found == pytest.approx(table, abs=6e-4)


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

    assert 0.87 <= hits / 2_000 <= 0.94


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


def test_the_best_evaluation_has_the_lowest_mean_over_seeds() -> None:
    assert best_evaluation([[3.0, 1.0, 2.0], [3.0, 5.0, 2.0]]) == 2
    assert best_evaluation([np.nan, 2.0, np.inf]) == 1
    assert best_evaluation([np.nan]) is None
    assert best_evaluation([]) is None


def test_evaluations_that_differ_by_noise_are_alike_and_worse_ones_are_not() -> None:
    base = RNG.exponential(size=500)
    losses = np.array([base + 0.5, base + 0.01 * RNG.normal(size=500), base]).astype(np.float32)

    found = look_alikes(losses, best=2)

    assert 0 not in found
    assert 2 in found


def test_one_in_ten_equal_evaluations_is_taken_for_worse() -> None:
    base = RNG.exponential(size=200)
    losses = base + RNG.normal(size=(2_000, 200))
    losses[0] = base

    found = look_alikes(losses, best=0)

    assert len(found) / 2_000 == pytest.approx(0.9, abs=0.025)


@given(st.integers(1, 12), st.integers(2, 30), st.data())
def test_the_best_is_always_among_its_look_alikes(
    rows: int, columns: int, data: st.DataObject
) -> None:
    losses = np.random.default_rng(rows * columns).exponential(size=(rows, columns))
    best = data.draw(st.integers(0, rows - 1))

    assert best in look_alikes(losses, best)


def test_a_jump_is_counted_in_its_own_standard_errors() -> None:
    before = RNG.exponential(size=10_000)
    noise = RNG.normal(size=10_000)

    z = jump_z(before, before + 0.05 + noise)

    assert z == pytest.approx(5, abs=1.5)
    assert jump_z(before, before + noise, labels=np.arange(10_000) % 4) == pytest.approx(0, abs=4)


def test_stratifying_removes_what_differs_only_between_classes() -> None:
    labels = np.repeat([0, 1], 500)
    losses = labels * 10.0 + RNG.normal(size=1_000)

    assert level_uncertainty(losses) > 4 * level_uncertainty(losses, labels)
