"""The finite set's share of the fluctuation: recovered from known truth, with an interval that covers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure import samples as room
from valtui_trainer.measure.finite import finite_left, predicted_volatility
from valtui_trainer.measure.left import Left
from valtui_trainer.measure.volatility import degrees, q

ANY_LOSS = st.floats(width=32, allow_nan=True, allow_infinity=True)
RUNS = 400
Kind = Callable[[np.random.Generator, int], np.ndarray]


def white(rng: np.random.Generator, points: int) -> np.ndarray:
    return rng.normal(size=points)


def trending(rng: np.random.Generator, points: int) -> np.ndarray:
    return rng.normal(size=points) + 300 * np.exp(-np.arange(points) / 10)


def autoregressive(rng: np.random.Generator, points: int) -> np.ndarray:
    """AR(1), φ = 0.3, scaled so that q is 1 on average."""
    noise = rng.normal(size=points + 20)
    for t in range(1, len(noise)):
        noise[t] += 0.3 * noise[t - 1]
    gamma = 1 / (1 - 0.3**2)
    return noise[20:] / np.sqrt(gamma * (1 - 4 / 3 * 0.3 + 0.3**2 / 3))


def spiky(rng: np.random.Generator, points: int) -> np.ndarray:
    noise = rng.normal(size=points) + 10 * (rng.random(points) < 0.01)
    return noise / np.sqrt(1 + 100 * 0.01 * 0.99)


def heavy(rng: np.random.Generator, points: int) -> np.ndarray:
    return rng.standard_t(3, size=points) / np.sqrt(3)


def sampled(
    rng: np.random.Generator,
    points: int,
    n: int,
    common: float,
    kind: Kind = white,
    labels: np.ndarray | None = None,
) -> np.ndarray:
    """Losses (points, n): trend, a common fluctuation, unit noise of each sample for itself.

    With labels the two classes move against each other, by far more than the common fluctuation.
    """
    losses = 2 + rng.exponential(size=n) + rng.normal(size=(points, n))
    losses += common * kind(rng, points)[:, None]
    if labels is not None:
        losses += 0.5 * rng.normal(size=(points, 1)) * np.where(labels == 0, 1, -1)
    return losses


def coverage(
    points: int, n: int, common: float, kind: Kind = white, labels: np.ndarray | None = None
) -> tuple[float, float]:
    """How often the nominal 90 % interval holds the truth, and the pooled estimate of θ."""
    rng = np.random.default_rng(7)
    shared = common**2
    if labels is not None:
        shared += (0.5 * np.where(labels == 0, 1, -1).mean()) ** 2
    truth = np.sqrt(shared / (shared + 1 / n))
    held, ratios, sizes = [], [], []
    for _ in range(RUNS):
        losses = sampled(rng, points, n, common, kind, labels)
        found = finite_left(losses.mean(axis=1), losses, labels)
        assert found is not None
        assert found.interval is not None
        held.append(found.interval.low <= truth <= found.interval.high)
        ratios.append(found.ratio * q(losses.mean(axis=1)))
        sizes.append(q(losses.mean(axis=1)))
    return float(np.mean(held)), float(np.mean(ratios) / np.mean(sizes))


# --- the value -------------------------------------------------------------------------------------


def test_without_classes_it_is_the_published_formula() -> None:
    losses = sampled(np.random.default_rng(0), 30, 12, 0.3)
    mean, n = losses.mean(axis=1), 12

    found = finite_left(mean, losses)

    q_d = n / (n - 1) * (q(mean) - q(losses.T).sum() / n**2)
    assert found is not None
    assert found.ratio == pytest.approx(q_d / q(mean))
    assert found.degrees == pytest.approx(degrees(30))


def test_with_classes_it_is_the_stratified_formula() -> None:
    labels = np.array([0, 1, 1, 0, 2, 2, 2, 1, 0, 2, 2, 2])
    losses = sampled(np.random.default_rng(0), 30, 12, 0.3)
    mean, n = losses.mean(axis=1), 12

    found = finite_left(mean, losses, labels)

    q_d = q(mean)
    for c in range(3):
        part = losses[:, labels == c]
        size = part.shape[1]
        within = q(part.T).mean() - q(part.mean(axis=1))
        q_d = q_d - (size / n) ** 2 * within / (size - 1)
    assert found is not None
    assert found.ratio == pytest.approx(q_d / q(mean))


@pytest.mark.parametrize(("n", "common"), [(50, 0.1), (500, 0.1), (500, 0.02)])
def test_the_share_of_the_set_is_recovered(n: int, common: float) -> None:
    truth = common**2 / (common**2 + 1 / n)

    _, found = coverage(40, n, common)

    assert found == pytest.approx(truth, abs=0.04)


def test_where_classes_move_against_each_other_only_the_stratified_form_is_right() -> None:
    """The i.i.d. form takes the movement between classes for chance of the draw."""
    labels = np.repeat([0, 1], 100)
    losses = sampled(np.random.default_rng(1), 2_000, 200, 0.05, labels=labels)
    mean = losses.mean(axis=1)

    stratified, plain = finite_left(mean, losses, labels), finite_left(mean, losses)

    truth = 0.05**2 / (0.05**2 + 1 / 200)
    assert stratified is not None
    assert plain is not None
    assert stratified.ratio == pytest.approx(truth, abs=0.05)
    assert plain.ratio < truth - 0.1


def test_an_estimate_below_zero_keeps_its_sign() -> None:
    """Two samples against each other cancel better than chance would have them."""
    noise = np.random.default_rng(0).normal(size=(20, 1))
    losses = np.hstack([noise, -0.9 * noise])

    found = finite_left(losses.mean(axis=1), losses)

    assert found is not None
    assert found.ratio < 0
    assert found.value == 0
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (0, 0)


def test_a_class_of_one_sample_is_given_the_spread_of_all() -> None:
    losses = sampled(np.random.default_rng(0), 200, 30, 0.1)
    mean = losses.mean(axis=1)

    alone, plain = finite_left(mean, losses, np.arange(30)), finite_left(mean, losses)

    assert alone is not None
    assert plain is not None
    assert alone.ratio == pytest.approx(plain.ratio)


def test_labels_are_names_not_numbers() -> None:
    labels = np.repeat([0, 1], 15)
    losses = sampled(np.random.default_rng(0), 20, 30, 0.1)
    mixed = np.random.default_rng(1).permutation(30)

    found = finite_left(losses.mean(axis=1), losses, labels)
    other = finite_left(losses.mean(axis=1), losses[:, mixed], 7 - 5 * labels[mixed])

    assert found is not None
    assert other is not None
    assert other.ratio == pytest.approx(found.ratio)


def test_a_missing_row_is_a_gap() -> None:
    losses = sampled(np.random.default_rng(0), 30, 20, 0.1)
    mean = losses.mean(axis=1)
    holed, gapped = losses.copy(), mean.copy()
    holed[7, 3] = np.nan
    holed[20] = np.inf
    gapped[[7, 20]] = np.nan

    assert finite_left(mean, holed) == finite_left(gapped, losses)


def test_seeds_are_averaged_and_their_degrees_of_freedom_added() -> None:
    rng = np.random.default_rng(0)
    losses = [sampled(rng, 20, 30, 0.1) for _ in range(3)]
    means = np.array([one.mean(axis=1) for one in losses])

    found = finite_left(means, losses)

    alone = [finite_left(mean, one) for mean, one in zip(means, losses, strict=True)]
    assert found is not None
    assert found.degrees == pytest.approx(3 * degrees(20))
    left = [one.ratio * q(mean) for one, mean in zip(alone, means, strict=True) if one]
    assert found.ratio == pytest.approx(np.mean(left) / q(means).mean())


def test_it_is_the_same_however_the_work_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = sampled(np.random.default_rng(0), 30, 20, 0.1).astype(np.float32)
    losses[11] = np.nan
    mean = losses.mean(axis=1)
    labels = np.arange(20) % 3
    whole = finite_left(mean, losses, labels)

    monkeypatch.setattr(room, "CHUNK", 90)

    cut = finite_left(mean, losses, labels)
    assert whole is not None
    assert cut is not None
    assert cut.ratio == pytest.approx(whole.ratio)
    assert cut.degrees == whole.degrees


# --- a set of another size -------------------------------------------------------------------------


def test_the_volatility_of_a_smaller_set_is_predicted() -> None:
    losses = sampled(np.random.default_rng(2), 800, 1_000, 0.03)
    labels = np.repeat([0, 1], 500)
    classes = sampled(np.random.default_rng(3), 800, 1_000, 0.03, labels=labels)

    quarter = predicted_volatility(losses.mean(axis=1), losses, 250)
    by_class = predicted_volatility(classes.mean(axis=1), classes, 250, labels)

    assert quarter == pytest.approx(np.sqrt(q(losses[:, :250].mean(axis=1))), rel=0.06)
    truth = classes[:, np.r_[:125, 500:625]].mean(axis=1)
    assert by_class == pytest.approx(np.sqrt(q(truth)), rel=0.06)


def test_its_own_size_is_what_it_shows_and_no_bound_is_what_is_left() -> None:
    losses = sampled(np.random.default_rng(2), 50, 100, 0.3)
    mean = losses.mean(axis=1)
    left = finite_left(mean, losses)

    assert left is not None
    assert predicted_volatility(mean, losses, 100) == pytest.approx(np.sqrt(q(mean)))
    assert predicted_volatility(mean, losses, np.inf) == pytest.approx(
        left.value * np.sqrt(q(mean))
    )


def test_what_cannot_be_measured_cannot_be_predicted() -> None:
    assert np.isnan(predicted_volatility([1.0, 2.0], np.ones((2, 5)), 10))
    with pytest.raises(ValueError, match="sample"):
        predicted_volatility([1.0, 2.0], np.ones((2, 5)), 0)


# --- what cannot be told ---------------------------------------------------------------------------


def test_below_eight_evaluations_there_is_a_value_but_no_interval() -> None:
    losses = sampled(np.random.default_rng(0), 8, 30, 0.1)
    mean = losses.mean(axis=1)

    seven, eight = finite_left(mean[:7], losses[:7]), finite_left(mean, losses)

    assert seven is not None
    assert eight is not None
    assert seven.interval is None
    assert eight.interval is not None


@pytest.mark.parametrize("shape", [(0, 0), (20, 0), (20, 1), (2, 30), (0, 30)])
def test_too_few_samples_or_evaluations_tell_nothing(shape: tuple[int, int]) -> None:
    losses = np.random.default_rng(0).normal(size=shape)
    mean = losses.sum(axis=1)

    assert finite_left(mean, losses) is None


def test_a_set_that_does_not_fluctuate_tells_nothing() -> None:
    assert finite_left(np.ones(20), np.ones((20, 5))) is None
    assert finite_left(np.zeros((0, 20)), []) is None


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(0, 12), st.integers(0, 4)), elements=ANY_LOSS),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("error")
def test_no_content_raises_warns_or_is_invented(losses: np.ndarray, by_class: bool) -> None:
    labels = np.arange(losses.shape[1]) % 2 if by_class else None
    mean = losses[:, 0] if losses.shape[1] else np.zeros(len(losses))

    found = finite_left(mean, losses, labels)

    assert found is None or isinstance(found, Left)
    assert found is None or np.isfinite([found.ratio, found.value, found.degrees]).all()


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        finite_left(np.ones(3), np.ones((4, 5)))
    with pytest.raises(ValueError, match="shapes"):
        finite_left(np.ones((2, 3)), [np.ones((3, 5))])
    with pytest.raises(ValueError, match="labels"):
        finite_left(np.ones(3), np.ones((3, 5)), np.arange(4))
    with pytest.raises(ValueError, match="losses"):
        finite_left(np.ones((2, 3)), [np.ones((3, 5)), np.ones((3, 6))])


# --- the interval ----------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [8, 40])
@pytest.mark.parametrize(("n", "common"), [(50, 0.1), (300, 0.1), (300, 0.03)])
def test_the_90_percent_interval_covers(points: int, n: int, common: float) -> None:
    held, _ = coverage(points, n, common)

    assert 0.86 <= held <= 0.94


@pytest.mark.parametrize("points", [10, 40])
def test_it_covers_in_sets_drawn_by_class_that_move_against_each_other(points: int) -> None:
    held, _ = coverage(points, 200, 0.05, labels=np.repeat([0, 1], [60, 140]))

    assert 0.86 <= held <= 0.94


@pytest.mark.parametrize("kind", [trending, autoregressive])
def test_it_covers_whatever_the_common_course(kind: Kind) -> None:
    held, _ = coverage(40, 100, 0.1, kind)

    assert 0.85 <= held <= 0.94


def test_it_covers_where_few_samples_carry_most_of_the_noise() -> None:
    """The truth is that of the set at hand: a far larger one against this one."""
    rng = np.random.default_rng(8)
    held = []
    for _ in range(RUNS):
        scales = np.exp(1.5 * rng.normal(size=200))
        losses = scales * rng.normal(size=(20, 200)) + 0.3 * rng.normal(size=(20, 1))
        truth = 0.3 / np.sqrt(0.3**2 + (scales**2).sum() / 200**2)
        found = finite_left(losses.mean(axis=1), losses)
        assert found is not None
        assert found.interval is not None
        held.append(found.interval.low <= truth <= found.interval.high)

    assert 0.86 <= np.mean(held) <= 0.96


@pytest.mark.parametrize("kind", [spiky, heavy])
def test_spikes_and_heavy_tails_of_the_common_course_break_it(kind: Kind) -> None:
    """Where training itself jumps; the volatility's `too_narrow` says so."""
    held, _ = coverage(40, 300, 0.3, kind)

    assert held < 0.85
