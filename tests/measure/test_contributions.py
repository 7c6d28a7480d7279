"""Contributions of samples: they add up, the hardest are found, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure import samples as room
from valtui_trainer.measure.contributions import (
    contributions,
    group_shares,
    hardest,
    largest,
    quartiles,
)
from valtui_trainer.measure.volatility import q, q_form

ANY_LOSS = st.floats(width=32, allow_nan=True, allow_infinity=True)
LOSSES = arrays.arrays(
    np.float32, st.tuples(st.integers(0, 16), st.integers(0, 4)), elements=ANY_LOSS
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def planted(rng: np.random.Generator, points: int = 60, n: int = 500) -> np.ndarray:
    """Losses in which samples 3, 5, 8, 13 and 21 jump together."""
    losses = rng.normal(size=(points, n))
    losses[:, [3, 5, 8, 13, 21]] += 20 * rng.normal(size=(points, 1))
    return losses


# --- each sample -----------------------------------------------------------------------------------


def test_each_is_the_form_of_the_sample_and_the_mean(rng: np.random.Generator) -> None:
    losses = rng.normal(size=(20, 7))
    mean = losses.mean(axis=1)

    found = contributions(losses)

    assert found == pytest.approx(q_form(losses.T / 7, mean) / q(mean))
    assert found is not None
    assert found.sum() == pytest.approx(1)


def test_a_sample_that_moves_against_the_others_counts_negative(rng: np.random.Generator) -> None:
    common = rng.normal(size=20)

    found = contributions(np.column_stack([3 * common, -common]))

    assert found == pytest.approx([1.5, -0.5])


def test_places_gaps_and_seeds_count(rng: np.random.Generator) -> None:
    x = np.cumsum(1.0 + np.arange(20) % 3)
    losses = rng.normal(size=(20, 7))
    holed = losses.copy()
    holed[4, 2] = np.nan
    gapped = losses.copy()
    gapped[4] = np.nan
    mean = gapped.mean(axis=1)

    found = contributions([holed, losses], x)

    forms = q_form(gapped.T / 7, mean, x), q_form(losses.T / 7, losses.mean(axis=1), x)
    one, two = contributions(holed, x), contributions(losses, x)
    assert one == pytest.approx(forms[0] / q(mean, x))
    assert one is not None
    assert two is not None
    assert found is not None
    assert (np.minimum(one, two) - 1e-9 <= found).all()
    assert (found <= np.maximum(one, two) + 1e-9).all()


def test_they_are_the_same_however_the_work_is_cut(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = rng.normal(size=(30, 20)).astype(np.float32)
    losses[9] = np.inf
    whole, hard = contributions(losses), hardest(losses, 0.1)

    monkeypatch.setattr(room, "CHUNK", 90)

    assert contributions(losses) == pytest.approx(whole)
    again = hardest(losses, 0.1)
    assert hard is not None
    assert again is not None
    assert again.share == pytest.approx(hard.share)
    assert again.left.ratio == pytest.approx(hard.left.ratio)


# --- the hardest -----------------------------------------------------------------------------------


def test_samples_that_jump_together_are_found_and_scored(rng: np.random.Generator) -> None:
    losses = planted(rng)

    found = hardest(losses, 0.01)

    assert found is not None
    assert sorted(found.indices.tolist()) == [3, 5, 8, 13, 21]
    assert found.share > 0.9
    assert found.permuted == 0.01
    assert found.interval is not None
    assert found.interval.low <= found.share <= found.interval.high
    assert found.left.value < 0.4
    assert found.left.interval is not None
    assert found.left.interval.high < 0.6


def test_the_hardest_comes_first(rng: np.random.Generator) -> None:
    losses = rng.normal(size=(40, 100))
    losses[:, [20, 60]] += np.array([20, 40]) * rng.normal(size=(40, 1))

    found = hardest(losses, 0.02)

    assert found is not None
    assert found.indices.tolist() == [60, 20]


def test_where_nobody_is_hard_nobody_is_found() -> None:
    """By the choice itself 22 of 500 carry half; scored elsewhere they carry their number."""
    rng = np.random.default_rng(1)
    shares, left, in_sample = [], [], []
    for _ in range(150):
        losses = rng.normal(size=(40, 500))
        found = hardest(losses, 22 / 500)
        assert found is not None
        shares.append(found.share)
        left.append(found.left.value)
        all_of_them = contributions(losses)
        assert all_of_them is not None
        in_sample.append(all_of_them[found.indices].sum())

    assert np.median(in_sample) == pytest.approx(0.5, abs=0.12)
    assert np.mean(shares) == pytest.approx(22 / 500, abs=0.012)
    assert np.median(shares) == pytest.approx(22 / 500, abs=0.012)
    assert np.median(left) == pytest.approx((500 / 478) ** 0.5, abs=0.012), "that of a smaller set"


def test_the_permuted_value_is_that_of_permuting(rng: np.random.Generator) -> None:
    """Even where some are hard, and with the estimator's own residuals, permuted at each triple."""
    losses = planted(rng, points=41, n=100)
    w = np.array([0.5, -1, 0.5]) / np.sqrt(1.5)
    shares = []
    for _ in range(300):
        halves = []
        for half in (losses[0::2], losses[1::2]):
            residual = w[0] * half[:-2] + w[1] * half[1:-1] + w[2] * half[2:]
            halves.append(rng.permuted(residual, axis=1))
        parts = [half * half.mean(axis=1, keepdims=True) / 100 for half in halves]
        chosen = [largest(part.sum(axis=0), 5) for part in parts]
        carried = parts[0][:, chosen[1]].sum() + parts[1][:, chosen[0]].sum()
        shares.append(carried / sum(part.sum() for part in parts))

    found = hardest(losses, 0.05)

    assert found is not None
    error = np.std(shares) / np.sqrt(300)
    assert np.mean(shares) == pytest.approx(found.permuted, abs=4 * error)


@pytest.mark.parametrize("points", [12, 40])
def test_its_intervals_cover_where_nobody_is_hard(points: int) -> None:
    rng = np.random.default_rng(2)
    held = []
    for _ in range(400):
        found = hardest(rng.normal(size=(points, 200)), 0.02)
        assert found is not None
        assert found.interval is not None
        assert found.left.interval is not None
        held.append(
            (
                found.interval.low <= 0.02 <= found.interval.high,
                found.left.interval.low <= (200 / 196) ** 0.5 <= found.left.interval.high,
            )
        )

    assert (np.mean(held, axis=0) >= 0.86).all()
    assert (np.mean(held, axis=0) <= 0.955).all()


def test_its_intervals_cover_where_some_are_so_hard_that_they_are_always_chosen() -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(400):
        losses = rng.normal(size=(30, 100))
        losses[:, :5] += 5 * rng.normal(size=(30, 1))
        found = hardest(losses, 0.05)
        assert found is not None
        assert found.interval is not None
        assert found.left.interval is not None
        alone = 5 + 25 * 25
        held.append(
            (
                found.interval.low <= alone / (alone + 95) <= found.interval.high,
                found.left.interval.low
                <= (95 / 95**2 / ((alone + 95) / 100**2)) ** 0.5
                <= found.left.interval.high,
            )
        )

    assert (np.mean(held, axis=0) >= 0.86).all()
    assert (np.mean(held, axis=0) <= 0.95).all()


def test_seeds_are_scored_together(rng: np.random.Generator) -> None:
    losses = [planted(rng, points=12) for _ in range(3)]

    alone, together = hardest(losses[0]), hardest(losses)

    assert alone is not None
    assert together is not None
    assert sorted(together.indices.tolist()) == [3, 5, 8, 13, 21]
    assert together.left.degrees == pytest.approx(3 * alone.left.degrees)


@pytest.mark.parametrize("shape", [(0, 0), (20, 0), (20, 1), (5, 30), (1, 30), (2, 2)])
def test_too_few_to_choose_and_score_tell_nothing(shape: tuple[int, int]) -> None:
    assert hardest(np.random.default_rng(0).normal(size=shape)) is None


def test_below_eight_evaluations_there_is_a_share_but_no_interval(rng: np.random.Generator) -> None:
    found = hardest(rng.normal(size=(7, 30)))

    assert found is not None
    assert found.interval is None
    assert found.left.interval is None


@pytest.mark.parametrize("fraction", [0.0, 1.0, np.nan])
def test_a_fraction_that_is_none_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction"):
        hardest(np.ones((20, 30)), fraction)


# --- groups ----------------------------------------------------------------------------------------


def test_groups_carry_what_their_samples_carry(rng: np.random.Generator) -> None:
    losses = rng.normal(size=(30, 50))
    group = np.arange(50) % 4
    group[:3] = -1
    each = contributions(losses)

    found = group_shares(losses, group)

    assert each is not None
    assert [(one.group, one.size) for one in found] == [(0, 12), (1, 12), (2, 11), (3, 12)]
    for one in found:
        assert one.share == pytest.approx(each[group == one.group].sum())
        assert one.interval is not None
        assert one.interval.low < one.share < one.interval.high


def test_all_in_one_group_carry_all(rng: np.random.Generator) -> None:
    (found,) = group_shares(rng.normal(size=(30, 50)), np.zeros(50, int))

    assert found.interval is not None
    assert (found.interval.low, found.share, found.interval.high) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize("points", [8, 15, 40])
@pytest.mark.parametrize("jump", [0.0, 0.5])
def test_their_intervals_cover_without_cross_fitting(points: int, jump: float) -> None:
    """Classes that are fixed beforehand; at 0.5 the first moves for itself."""
    rng = np.random.default_rng(4)
    group = np.repeat([0, 1], [25, 75])
    first = 25 + 25**2 * jump**2
    truth = first / (first + 75)
    held, shares = [], []
    for _ in range(500):
        losses = rng.normal(size=(points, 100))
        losses[:, :25] += jump * rng.normal(size=(points, 1))
        found = group_shares(losses, group)[0]
        assert found.interval is not None
        held.append(found.interval.low <= truth <= found.interval.high)
        shares.append(found.share)

    assert 0.86 <= np.mean(held) <= 0.95
    assert np.mean(shares) == pytest.approx(truth, abs=4 * np.std(shares) / 500**0.5)


def test_groups_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="group"):
        group_shares(np.ones((20, 30)), np.zeros(29, int))


def test_without_fluctuation_no_group_carries_any() -> None:
    assert group_shares(np.ones((20, 30)), np.arange(30) % 2) == ()
    assert contributions(np.ones((20, 30))) is None
    assert hardest(np.ones((20, 30))) is None


@given(LOSSES)
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("error")
def test_no_content_raises_warns_or_is_invented(losses: np.ndarray) -> None:
    each, hard = contributions(losses), hardest(losses, 0.4)
    groups = group_shares(losses, np.arange(losses.shape[1]) % 2)

    if each is not None:
        assert each.sum() == pytest.approx(1, abs=1e-6 * (1 + np.abs(each).max()))
    assert hard is None or np.isfinite([hard.share, hard.left.ratio, hard.left.value]).all()
    assert all(np.isfinite(one.share) for one in groups)


# --- quartiles -------------------------------------------------------------------------------------


def test_quartiles_have_a_quarter_each(rng: np.random.Generator) -> None:
    values = rng.normal(size=400)

    found = quartiles(values)

    assert found is not None
    assert np.bincount(found).tolist() == [100] * 4
    assert all(values[found == k].max() < values[found == k + 1].min() for k in range(3))


def test_equal_values_are_together_and_one_value_is_no_quartile() -> None:
    assert quartiles([0, 0, 0, 0, 1]) is not None
    assert quartiles([5, 5, 5, 9, 1, 1, 1, 1]).tolist() == [2, 2, 2, 3, 1, 1, 1, 1]  # type: ignore[union-attr]
    assert quartiles([2.0] * 9) is None
    assert quartiles([]) is None
    assert quartiles([np.nan, np.nan]) is None


def test_what_is_not_finite_is_in_no_quartile() -> None:
    assert quartiles([1.0, np.nan, 2.0, np.inf]).tolist() == [1, -1, 3, -1]  # type: ignore[union-attr]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20))
@pytest.mark.filterwarnings("error")
def test_quartiles_rise_with_the_values(values: list[float]) -> None:
    found = quartiles(values)

    if found is not None:
        known = np.array(values)[found >= 0]
        order = np.argsort(known, kind="stable")
        assert (np.diff(found[found >= 0][order]) >= 0).all()
