"""Rolling volatility: that of each window, and never changed by what comes after."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure.volatility import rolling, volatility

GAPPY = st.one_of(st.just(np.nan), st.floats(0.1, 9))


def noise(*size: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=size)


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 30)), elements=GAPPY),
    st.booleans(),
    st.integers(3, 12),
    st.data(),
)
def test_rolling_is_the_volatility_of_each_window(
    y: np.ndarray, relative: bool, window: int, data: st.DataObject
) -> None:
    gaps = data.draw(st.lists(st.floats(0.5, 3), min_size=y.shape[1], max_size=y.shape[1]))
    x = np.cumsum(gaps)

    found = rolling(y, x, window=window, least=5, relative=relative)

    for end in range(y.shape[1]):
        part = slice(max(0, end - window + 1), end + 1)
        alone = volatility(y[:, part], x[part], relative=relative)
        value = alone.value if alone.points >= 5 else np.nan
        assert found.value[end] == pytest.approx(value, rel=1e-9, abs=1e-14, nan_ok=True)
        if alone.interval is not None:
            assert found.low[end] == pytest.approx(alone.interval.low, rel=1e-3)
            assert found.high[end] == pytest.approx(alone.interval.high, rel=1e-3)


def test_from_five_points_on_there_is_a_value_and_from_eight_an_interval() -> None:
    found = rolling(noise(12))

    assert np.flatnonzero(np.isfinite(found.value))[0] == 4
    assert np.flatnonzero(np.isfinite(found.low))[0] == 7


def test_a_huge_value_long_ago_leaves_no_trace() -> None:
    y = 1e-3 * noise(60)
    y[3] = 1e9

    found = rolling(y)

    assert found.value[-1] == pytest.approx(volatility(y[-10:]).value)


def test_a_tail_gives_what_the_whole_gives_to_the_bit() -> None:
    y = np.abs(noise(2, 80)) + 0.1

    whole, tail = rolling(y), rolling(y[:, 40:])

    for name in ("value", "low", "high"):
        assert np.array_equal(getattr(whole, name)[60:], getattr(tail, name)[20:])


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(np.float64, 50, elements=GAPPY), st.integers(0, 50))
def test_a_new_point_never_changes_a_past_one(y: np.ndarray, seen: int) -> None:
    whole, part = rolling(y), rolling(y[:seen])

    for name in ("value", "low", "high", "descending"):
        past = getattr(whole, name)[:seen]
        assert np.array_equal(past, getattr(part, name), equal_nan=name != "descending")


def test_a_constant_window_does_not_fluctuate() -> None:
    y = np.concatenate([noise(10), np.full(20, 0.4)])

    found = rolling(y)

    assert (found.value[20:] == 0.0).all()
    assert (found.high[20:] == 0.0).all()


def test_a_steep_fall_counts_as_descending_until_two_windows_agree() -> None:
    t = np.arange(80)
    y = 0.2 + 5 * np.exp(-t / 2) + 0.01 * noise(80)

    found = rolling(y).descending

    assert found[:20].all()
    assert not found[45:].any()
    assert (np.diff(found.astype(int)) <= 0).all(), "once settled it stays so"


def test_plain_noise_settles_as_soon_as_two_windows_have_intervals() -> None:
    settled = [int(np.argmin(rolling(row).descending)) for row in noise(300, 40)]

    assert min(settled) == 17
    assert np.median(settled) == 17


def test_too_short_a_series_is_still_descending() -> None:
    assert rolling(noise(9)).descending.all()
