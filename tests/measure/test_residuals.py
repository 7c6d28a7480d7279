"""Residuals, the form q and its degrees of freedom: what they are, and what moves them not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure.volatility import degrees, pseudo_residuals, q, q_form

FINITE = arrays.arrays(np.float64, 15, elements=st.floats(-5, 5))
GAPPY = arrays.arrays(
    np.float64, st.integers(0, 30), elements=st.one_of(st.just(np.nan), st.floats(-5, 5))
)


def noise(*size: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=size)


def ar1(phi: float, runs: int, length: int) -> np.ndarray:
    """AR(1) series of unit marginal variance, shape (runs, length)."""
    found = noise(runs, length)
    for t in range(1, length):
        found[:, t] = phi * found[:, t - 1] + np.sqrt(1 - phi**2) * found[:, t]
    return found


def dense(x: np.ndarray, known: np.ndarray) -> np.ndarray:
    """M of q = yᵀMy, written out."""
    rows = []
    for i in range(len(x) - 2):
        if known[i : i + 3].all():
            a = (x[i + 2] - x[i + 1]) / (x[i + 2] - x[i])
            row = np.zeros(len(x))
            row[i : i + 3] = np.array([a, -1, 1 - a]) / np.sqrt(a**2 + (1 - a) ** 2 + 1)
            rows.append(row)
    w = np.array(rows)
    return w.T @ w / len(w)


# --- residuals -------------------------------------------------------------------------------------


def test_equal_spacing_is_the_published_formula() -> None:
    y = noise(30)

    middle = 0.5 * y[:-2] - y[1:-1] + 0.5 * y[2:]

    assert q(y) == pytest.approx(2 / (3 * (len(y) - 2)) * np.sum(middle**2))


def test_unequal_spacing_takes_the_line_through_the_neighbours() -> None:
    x = np.array([0.0, 1.0, 4.0])
    y = np.array([0.0, 5.0, 8.0])

    (found,) = pseudo_residuals(x, y)

    a, b = 3 / 4, 1 / 4
    assert found == pytest.approx((a * 0 + b * 8 - 5) / np.sqrt(a * a + b * b + 1))


@given(FINITE, st.floats(-100, 100), st.floats(0.01, 100))
def test_equal_places_anywhere_are_the_same_as_none(
    y: np.ndarray, start: float, gap: float
) -> None:
    x = start + gap * np.arange(15)

    assert pseudo_residuals(x, y) == pytest.approx(pseudo_residuals(None, y), abs=1e-9)


@given(st.lists(st.integers(1, 50), min_size=3, max_size=20), st.integers(-99, 99), st.integers())
def test_a_straight_line_at_any_spacing_leaves_exactly_nothing(
    gaps: list[int], slope: int, start: int
) -> None:
    x = np.cumsum(gaps).astype(float)

    found = pseudo_residuals(x, float(start % 1000) + slope * x)

    assert (found == 0.0).all()


@given(FINITE, st.floats(-2, 2), st.floats(-50, 50))
def test_a_line_added_to_a_series_changes_nothing(
    y: np.ndarray, slope: float, shift: float
) -> None:
    x = np.cumsum(1 + np.arange(15) % 4).astype(float)

    found = pseudo_residuals(x, y + slope * x + shift)

    assert found == pytest.approx(pseudo_residuals(x, y), abs=1e-9)


def test_each_row_is_taken_by_itself() -> None:
    y = noise(3, 12)
    y[1, 4] = np.nan

    found = pseudo_residuals(None, y)

    for row, alone in zip(found, y, strict=True):
        assert np.array_equal(row, pseudo_residuals(None, alone), equal_nan=True)


def test_nothing_bridges_a_gap() -> None:
    y = np.array([0.0, 1.0, 0.0, np.nan, 100.0, 101.0, 100.0])

    found = pseudo_residuals(None, y)

    assert np.isnan(found).tolist() == [False, True, True, True, False]
    assert q(y) == pytest.approx(q([0.0, 1.0, 0.0]))


@pytest.mark.parametrize("x", [[0, 1], [0, 2, 1], [0, 0, 1], [0, np.nan, 2]])
def test_places_that_do_not_fit_or_rise_are_refused(x: list[float]) -> None:
    with pytest.raises(ValueError, match="x "):
        pseudo_residuals(x, [1.0, 2.0, 3.0])


def test_more_than_two_axes_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        pseudo_residuals(None, np.zeros((2, 2, 5)))


# --- the form q ------------------------------------------------------------------------------------


def test_white_noise_reads_as_its_variance() -> None:
    assert q(3.0 * noise(20_000)) == pytest.approx(9.0, rel=0.03)


@pytest.mark.parametrize(("phi", "share"), [(0.6, 0.32), (-0.5, 1.75)])
def test_autocorrelation_reads_as_volatility_from_evaluation_to_evaluation(
    phi: float, share: float
) -> None:
    assert q(ar1(phi, 400, 200)).mean() == pytest.approx(share, rel=0.03)


@given(FINITE, FINITE)
def test_the_form_is_that_of_a_sum(y: np.ndarray, z: np.ndarray) -> None:
    assert q(y + z) == pytest.approx(float(q(y) + 2 * q_form(y, z) + q(z)), abs=1e-9)


def test_many_rows_against_one_series() -> None:
    rows, mean = noise(4, 20), noise(20)

    found = q_form(rows, mean)

    assert found == pytest.approx(np.array([q_form(row, mean) for row in rows]))
    assert q(rows).shape == (4,)
    assert q(mean).shape == ()


def test_two_series_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="points"):
        q_form([1.0, 2.0, 4.0], [1.0, 2.0, 4.0, 3.0])


@given(GAPPY)
@pytest.mark.filterwarnings("error")
def test_q_is_not_a_number_only_where_no_three_points_stand_together(y: np.ndarray) -> None:
    known = np.isfinite(y)

    assert np.isnan(q(y)) == (not (known[:-2] & known[1:-1] & known[2:]).any())


# --- degrees of freedom ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "expected"), [(0, 0), (2, 0), (3, 1), (6, 2.4), (8, 3.4), (10, 4.4), (40, 19.8)]
)
def test_the_degrees_of_freedom_are_the_known_ones(points: int, expected: float) -> None:
    assert degrees(points) == pytest.approx(expected, abs=0.05)


def test_a_verdict_needs_eighteen_evaluations_of_one_seed() -> None:
    assert degrees(17) < 8 <= degrees(18)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.1, 5), st.booleans() | st.just(True)), min_size=3, max_size=25)
)
def test_the_degrees_of_freedom_are_those_of_the_full_matrix(
    points: list[tuple[float, bool]],
) -> None:
    x = np.cumsum([gap for gap, _ in points])
    known = np.array([there for _, there in points])

    found = degrees(x, known)

    if (known[:-2] & known[1:-1] & known[2:]).any():
        m = dense(x, known)
        assert found == pytest.approx(np.trace(m) ** 2 / np.trace(m @ m))
    else:
        assert found == 0


def test_the_degrees_of_freedom_match_the_spread_of_q() -> None:
    found = q(noise(20_000, 10))

    assert 2 * found.mean() ** 2 / found.var() == pytest.approx(degrees(10), rel=0.05)


def test_a_mask_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="known"):
        degrees(5, [True, False])
