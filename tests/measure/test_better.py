"""Better, or noise: both levels against simulated truth, the outcomes, and how many seeds it takes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from valtui_trainer.measure.better import (
    MOST_SEEDS,
    Told,
    better,
    sample_levels,
    samples_told,
    seeds_needed,
    seeds_told,
)

Floats = npt.NDArray[np.float64]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def levels(
    rng: np.random.Generator,
    seeds: int = 3,
    n: int = 400,
    height: float = 1.0,
    of_seed: float = 0.01,
    of_sample: float = 0.1,
    own: float = 0.1,
) -> Floats:
    """Levels (seeds, n): what belongs to a seed, to the preset at a sample, and to a seed at a sample."""
    shared = rng.normal(0, of_seed, (seeds, 1)) + rng.normal(0, of_sample, n)
    return np.asarray(height + shared + rng.normal(0, own, (seeds, n)))


def covers(found: Told | None, truth: float = 0.0) -> bool:
    """Tell whether an interval holds the truth."""
    assert found is not None
    return found.interval.low <= truth <= found.interval.high


# --- outcomes --------------------------------------------------------------------------------------


def test_what_set_and_seeds_both_tell_is_better(rng: np.random.Generator) -> None:
    found = better(levels(rng, height=0.9), levels(rng, height=1.0))

    assert found.outcome == "better"
    assert found.difference == pytest.approx(0.1, abs=0.03)
    assert (found.seeds, found.samples, found.seeds_needed) == ((3, 3), 400, None)
    for told in (found.over_samples, found.over_seeds, found.over_both):
        assert told is not None
        assert told.told
        assert told.interval.low < found.difference < told.interval.high


def test_both_at_once_is_no_surer_than_either_alone(rng: np.random.Generator) -> None:
    found = better(levels(rng), levels(rng))

    assert found.over_samples is not None
    assert found.over_seeds is not None
    assert found.over_both is not None
    assert found.over_both.error >= max(found.over_samples.error, found.over_seeds.error)


def test_what_the_set_tells_and_seeds_do_not_needs_more_seeds_and_says_how_many(
    rng: np.random.Generator,
) -> None:
    one = 0.9 + np.array([[-0.1], [0.0], [0.1]]) + rng.normal(0, 0.1, 500)
    other = 1.0 + np.array([[-0.1], [0.0], [0.1]]) + rng.normal(0, 0.1, 500)

    found = better(one, other)

    assert found.outcome == "more-seeds-needed"
    assert found.over_seeds is not None
    assert not found.over_seeds.told
    assert found.seeds_needed is not None
    assert 10 < found.seeds_needed < 40


def test_one_seed_says_nothing_of_seeds(rng: np.random.Generator) -> None:
    found = better(levels(rng, seeds=1, height=0.8), levels(rng, seeds=3))

    assert (found.outcome, found.over_seeds, found.over_both) == ("second-seed-needed", None, None)
    assert found.over_samples is not None
    assert found.over_samples.told


def test_a_set_too_small_cannot_tell_however_well_the_seeds_agree(
    rng: np.random.Generator,
) -> None:
    shared = rng.normal(0, 1.0, 20)
    one = shared + rng.normal(0, 0.001, (3, 20))
    other = rng.permutation(shared) + 0.1 + rng.normal(0, 0.001, (3, 20))

    found = better(one, other)

    assert found.outcome == "set-cannot-tell"
    assert found.over_seeds is not None
    assert found.over_seeds.told


def test_networks_trained_alike_have_the_same_losses_but_for_rounding(
    rng: np.random.Generator,
) -> None:
    one = levels(rng)

    assert better(one, one).outcome == "same-losses"
    assert better(one, one * (1 + 1e-7)).outcome == "same-losses"
    assert better(one, levels(rng)).outcome != "same-losses"


def test_without_losses_by_sample_only_the_seeds_are_asked() -> None:
    found = better([[0.90], [0.91], [0.92]], [[1.0], [1.01], [1.02]])

    assert (found.outcome, found.over_samples, found.over_both) == ("no-samples", None, None)
    assert found.over_seeds is not None
    assert found.over_seeds.told


def test_seeds_that_are_not_finite_are_left_out(rng: np.random.Generator) -> None:
    one, other = levels(rng), levels(rng)
    broken = np.vstack([other, np.full(400, np.nan), np.full(400, np.inf)])

    assert better(one, broken) == better(one, other)
    with pytest.raises(ValueError, match="finite"):
        better(one, broken[3:])


def test_shapes_that_do_not_fit_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="samples"):
        better(levels(rng, n=5), levels(rng, n=6))
    with pytest.raises(ValueError, match="shape"):
        better(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="labels"):
        better(levels(rng, n=5), levels(rng, n=5), np.arange(4))


def test_classes_take_out_what_differs_only_between_them(rng: np.random.Generator) -> None:
    labels = np.arange(400) % 4
    one, other = levels(rng), levels(rng) + labels

    plain, stratified = better(one, other).over_samples, better(one, other, labels).over_samples

    assert plain is not None
    assert stratified is not None
    assert stratified.error < 0.4 * plain.error


def test_more_pairs_widen_every_interval(rng: np.random.Generator) -> None:
    one, other = levels(rng), levels(rng)

    alone, among = better(one, other), better(one, other, pairs=36)

    for name in ("over_samples", "over_seeds", "over_both"):
        narrow, wide = getattr(alone, name), getattr(among, name)
        assert wide.interval.low < narrow.interval.low
        assert wide.interval.high > narrow.interval.high


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 30), st.integers(0, 2**32), st.data())
def test_any_levels_have_an_answer(
    first: int, second: int, n: int, seed: int, data: st.DataObject
) -> None:
    scale = data.draw(st.sampled_from([0.0, 1e-30, 1.0, 1e30]))
    chance = np.random.default_rng(seed)

    found = better(scale * chance.normal(size=(first, n)), scale * chance.normal(size=(second, n)))

    for told in (found.over_samples, found.over_seeds, found.over_both):
        assert told is None or covers(told, found.difference)
    assert found.seeds_needed is None or min(first, second) < found.seeds_needed <= MOST_SEEDS


# --- levels ----------------------------------------------------------------------------------------


def test_a_level_is_the_mean_of_the_last_window_without_gaps() -> None:
    losses = np.arange(24, dtype=np.float64).reshape(12, 2)
    losses[5, 0] = np.nan

    expected = np.delete(losses, [0, 1, 5], axis=0).mean(axis=0)

    assert sample_levels(losses) == pytest.approx(expected)
    assert np.isnan(sample_levels(np.full((3, 2), np.inf))).all()


# --- against truth ---------------------------------------------------------------------------------


@pytest.mark.parametrize("strata", [False, True])
def test_the_interval_over_samples_covers(rng: np.random.Generator, strata: bool) -> None:
    labels = np.arange(100) % 5
    of_class = rng.normal(0, 3, 5)
    heights = (of_class - of_class.mean())[labels] if strata else 0.0

    hits = sum(
        covers(samples_told(heights + rng.normal(size=100), labels if strata else None))
        for _ in range(4_000)
    )

    assert 0.935 <= hits / 4_000 <= 0.965


@pytest.mark.parametrize(
    ("first", "second", "ratio", "least"),
    [(2, 2, 1, 0.94), (2, 2, 10, 0.92), (3, 3, 3, 0.93), (2, 8, 1, 0.94), (2, 8, 3, 0.90), (3, 5, 3, 0.92)],
)  # fmt: skip
def test_the_interval_over_seeds_covers(
    rng: np.random.Generator, first: int, second: int, ratio: float, least: float
) -> None:
    hits = sum(
        covers(seeds_told(ratio * rng.normal(size=first), rng.normal(size=second)))
        for _ in range(4_000)
    )

    assert hits / 4_000 >= least


@pytest.mark.parametrize("seeds", [2, 3, 10])
@pytest.mark.parametrize(
    "noise",
    [
        {"of_seed": 0.03, "of_sample": 0.22, "own": 0.2},
        {"of_seed": 0.01, "of_sample": 0.0, "own": 0.2},
        {"of_seed": 0.001, "of_sample": 0.3, "own": 0.1},
    ],
    ids=["both", "seeds", "set"],
)
def test_equal_presets_are_seldom_told_apart(
    rng: np.random.Generator, seeds: int, noise: dict[str, float]
) -> None:
    found = Counter(
        better(levels(rng, seeds, 200, **noise), levels(rng, seeds, 200, **noise)).outcome
        for _ in range(800)
    )

    assert found["better"] / 800 <= 0.075


def test_set_and_seeds_each_alone_are_too_easily_content(rng: np.random.Generator) -> None:
    noise: dict[str, Any] = {"of_seed": 0.03, "of_sample": 0.22, "own": 0.1}
    each = both = 0
    for _ in range(800):
        found = better(levels(rng, 10, 200, **noise), levels(rng, 10, 200, **noise))
        assert found.over_samples is not None
        assert found.over_seeds is not None
        each += found.over_samples.told and found.over_seeds.told
        both += found.outcome == "better"

    assert each / 800 > 0.08
    assert both / 800 <= 0.07


def test_of_many_equal_presets_seldom_any_pair_is_told_apart(rng: np.random.Generator) -> None:
    wrong = 0
    for _ in range(300):
        presets = [levels(rng, 3, 100) for _ in range(4)]
        pairs = [(a, b) for i, a in enumerate(presets) for b in presets[i + 1 :]]
        wrong += any(better(a, b, pairs=len(pairs)).outcome == "better" for a, b in pairs)

    assert wrong / 300 <= 0.08


# --- seeds needed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.95, 1 - 0.05 / 36])
@pytest.mark.parametrize("difference", [1.0, 1.5, 2.5])
def test_with_so_many_seeds_the_difference_is_told_four_times_in_five(
    rng: np.random.Generator, difference: float, level: float
) -> None:
    n = seeds_needed(difference, 1.0, 100, 1.0, 100, level=level)

    assert n is not None
    told = 0
    for _ in range(2_000):
        found = seeds_told(rng.normal(size=n), difference + rng.normal(size=n), level)
        told += found is not None and found.told
    assert 0.75 <= told / 2_000 <= 0.9


def test_more_seeds_are_needed_for_less_and_for_more_pairs_and_beside_a_small_set() -> None:
    def needed(difference: float, **changes: float) -> int:
        found = seeds_needed(difference, 1.0, 3, 1.0, 3, **changes)  # type: ignore[arg-type]
        assert found is not None
        return found

    assert needed(4.0) == 3
    assert needed(1.0) > needed(2.0)
    assert needed(1.5, level=0.995) > needed(1.5)
    assert needed(1.5, set_error=0.4) > needed(1.5)


def test_what_no_number_of_seeds_would_tell_has_no_number() -> None:
    assert seeds_needed(0.1, 1.0, 3, 1.0, 3) is None
    assert seeds_needed(0.0, 1.0, 3, 1.0, 3) is None
    assert seeds_needed(1.0, 0.1, 3, 0.1, 3, set_error=0.9) is None


def test_the_spread_of_a_single_seed_is_taken_from_the_other_preset() -> None:
    assert seeds_needed(1.5, float("nan"), 1, 1.0, 3) == seeds_needed(1.5, 1.0, 3, 1.0, 3)
    with pytest.raises(ValueError, match="one seed"):
        seeds_needed(1.5, float("nan"), 1, float("nan"), 1)


def test_what_is_there_was_not_enough(rng: np.random.Generator) -> None:
    for _ in range(200):
        found = better(levels(rng, 3, height=0.97), levels(rng, 4))
        if found.outcome == "more-seeds-needed" and found.seeds_needed is not None:
            assert found.seeds_needed > 3
