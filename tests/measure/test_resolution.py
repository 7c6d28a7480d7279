"""The smallest change that a validation set can show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from valtui_trainer.measure import samples as room
from valtui_trainer.measure.best import jump_z
from valtui_trainer.measure.resolution import smallest_jump

ANY_LOSS = st.floats(width=32, allow_nan=True, allow_infinity=True)


def test_it_is_two_standard_errors_of_the_change_not_of_the_height() -> None:
    rng = np.random.default_rng(0)
    losses = 10 * rng.exponential(size=400) + rng.normal(size=(30, 400))

    assert smallest_jump(losses) == pytest.approx(2 * np.sqrt(2 / 400), rel=0.05)


def test_a_change_of_that_size_has_a_z_of_two() -> None:
    losses = np.random.default_rng(0).normal(size=(2, 400))
    size = smallest_jump(losses)
    losses[1] += size - (losses[1] - losses[0]).mean()

    assert jump_z(losses[0], losses[1]) == pytest.approx(2)


def test_a_set_drawn_by_class_shows_smaller_ones() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 200)
    losses = rng.normal(size=(30, 400)) + 3 * rng.normal(size=(30, 1)) * np.where(labels, 1, -1)

    assert smallest_jump(losses, labels) < 0.6 * smallest_jump(losses)


def test_a_gap_is_left_out() -> None:
    losses = np.random.default_rng(0).normal(size=(30, 400))
    losses[[3, 17], 5] = np.nan, np.inf

    assert smallest_jump(losses) == pytest.approx(2 * np.sqrt(2 / 400), rel=0.05)


def test_it_is_the_same_however_the_work_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = np.random.default_rng(0).normal(size=(30, 40))
    whole = smallest_jump(losses)

    monkeypatch.setattr(room, "CHUNK", 130)

    assert smallest_jump(losses) == whole


@pytest.mark.parametrize("shape", [(0, 0), (1, 5), (5, 0), (5, 1), (0, 5)])
def test_without_pairs_or_samples_nothing_is_said(shape: tuple[int, int]) -> None:
    assert np.isnan(smallest_jump(np.ones(shape)))


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(0, 8), st.integers(0, 4)), elements=ANY_LOSS)
)
@settings(max_examples=50, deadline=None)
@pytest.mark.filterwarnings("error")
def test_no_content_raises_or_warns(losses: np.ndarray) -> None:
    assert not smallest_jump(losses) < 0


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="labels"):
        smallest_jump(np.ones((3, 5)), np.arange(4))
