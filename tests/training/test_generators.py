"""Sources of randomness: stable, apart from each other, and never torch's own stream."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from valtui_trainer.training import generators


def test_the_seed_of_a_source_is_the_same_for_ever() -> None:
    assert generators.seed_of(0, "init") == 3816788381649428136
    assert generators.seed_of(1, "order") == 5583400442547613613


@given(st.integers(), st.sampled_from(generators.SOURCES))
def test_every_seed_fits_in_63_bits(seed: int, source: str) -> None:
    assert 0 <= generators.seed_of(seed, source) < 2**63


def test_sources_and_seeds_draw_different_numbers() -> None:
    draws = {
        tuple(torch.rand(4, generator=generators.named(seed, source)).tolist())
        for seed in range(3)
        for source in generators.SOURCES
    }

    assert len(draws) == 3 * len(generators.SOURCES)


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(ValueError, match="weather"):
        generators.named(0, "weather", "cpu")


def test_seeded_init_repeats_weights_and_leaves_the_global_stream_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)

    with generators.seeded_init(1):
        first = torch.nn.Linear(3, 3).weight
    after = torch.rand(3)
    with generators.seeded_init(1):
        again = torch.nn.Linear(3, 3).weight
    with generators.seeded_init(2):
        other = torch.nn.Linear(3, 3).weight

    assert torch.equal(after, expected)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_hashing_seeds_loads_no_torch() -> None:
    code = (
        "import sys; from valtui_trainer.training.generators import seed_of; seed_of(0, 'init'); "
        "assert 'torch' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
