"""Quantiles of chi-squared, F and Student-t are those of the printed tables."""

from __future__ import annotations

import numpy as np
import pytest

from valtui_trainer.measure import quantiles


@pytest.mark.parametrize(
    ("found", "table"),
    [
        (quantiles.chi2(0.95, 1), 3.841),
        (quantiles.chi2(0.95, 10), 18.307),
        (quantiles.chi2(0.05, 10), 3.940),
        (quantiles.f(0.95, 5, 10), 3.326),
        (quantiles.f(0.95, 20, 20), 2.124),
        (quantiles.student(0.975, 2), 4.303),
        (quantiles.student(0.975, 30), 2.042),
    ],
)
def test_quantiles_are_those_of_the_tables(found: float, table: float) -> None:
    assert found == pytest.approx(table, abs=6e-4)


def test_the_lower_f_quantile_is_the_upper_one_turned_over() -> None:
    assert quantiles.f(0.05, 4.4, 19.8) == pytest.approx(1 / quantiles.f(0.95, 19.8, 4.4))


@pytest.mark.parametrize("probability", [0.01, 0.2, 0.8, 0.999])
def test_the_probability_of_an_f_quantile_is_its_own(probability: float) -> None:
    value = quantiles.f(probability, 18.9, 27.0)

    assert quantiles.f_probability(value, 18.9, 27.0) == pytest.approx(probability)


def test_limits_of_many_are_those_of_each() -> None:
    nu = np.array([4.397, 19.811, 4.397])

    low, high = quantiles.deviation_limits_of(nu, 0.9)

    each = [quantiles.deviation_limits(one, 0.9) for one in nu.tolist()]
    assert np.column_stack([low, high]) == pytest.approx(np.array(each))
