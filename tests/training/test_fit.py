"""Parts that fit the memory, and what a replica takes of it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from support.replicas import build_replica, random_images, small_preset
from valtui_trainer.presets.types import Model, Optimizer
from valtui_trainer.training.fit import STACKED, USABLE, Footprint, estimate, fit

ONE = Footprint(state=100, step=400)
NEEDED = (ONE.state + STACKED * ONE.step) / USABLE
"""Free bytes that one replica of a stack asks for."""


@pytest.mark.parametrize(
    ("replicas", "room", "parts"),
    [
        (8, 8, [8]), (8, 100, [8]), (8, 7, [4, 4]), (8, 4, [4, 4]), (8, 3, [3, 3, 2]),
        (8, 2, [2, 2, 2, 2]), (5, 4, [3, 2]), (3, 1, [1, 1, 1]), (1, 1, [1]), (4, 0, []),
    ],
)  # fmt: skip
def test_parts_are_few_and_even(replicas: int, room: float, parts: list[int]) -> None:
    assert fit(replicas, ONE, int(NEEDED * room + 1)) == parts


def test_a_loop_needs_the_activations_of_one_replica_only() -> None:
    free = int((8 * ONE.state + ONE.step) / USABLE) + 2

    assert fit(8, ONE, free, stacked=False) == [8]
    assert fit(8, ONE, free) == [1] * 8
    assert fit(8, ONE, int(ONE.step / USABLE), stacked=False) == []


@given(
    replicas=st.integers(1, 64), state=st.integers(0, 10**6), step=st.integers(0, 10**6),
    free=st.integers(0, 10**8), stacked=st.booleans(),
)  # fmt: skip
def test_parts_hold_all_replicas_and_each_fits(
    replicas: int, state: int, step: int, free: int, stacked: bool
) -> None:
    parts = fit(replicas, Footprint(state, step), free, stacked=stacked)

    assert sum(parts) in (0, replicas)
    if parts:
        assert max(parts) - min(parts) <= 1
        each = parts[0] * (state + STACKED * step) if stacked else parts[0] * state + step
        assert each <= USABLE * free + 1e-6


@pytest.mark.parametrize(
    ("optimizer", "copies"),
    [(Optimizer(), 4), (Optimizer(name="sgd", momentum=0.9), 3), (Optimizer(name="sgd"), 2)],
    ids=["adam", "momentum", "sgd"],
)
def test_a_replica_holds_weights_gradients_and_averages(optimizer: Optimizer, copies: int) -> None:
    replica = build_replica(small_preset(optimizer=optimizer), 0)
    weights = sum(p.numel() * p.element_size() for p in replica.model.parameters())

    found = estimate(replica, random_images())

    assert copies * weights <= found.state <= copies * weights + 1000


def test_a_step_takes_more_where_the_batch_or_the_net_is_larger() -> None:
    data = random_images(200)

    def step(**settings: object) -> int:
        return estimate(build_replica(small_preset(**settings), 0), data).step

    small = step()
    assert step(batch_size=64) == pytest.approx(2 * small, rel=0.01)
    assert step(model=Model(width=8)) > 1.5 * small
    assert small > 32 * 4 * 8 * 8 * 8  # the convolution's output alone, in float64


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_step_on_cuda_is_measured_by_its_peak() -> None:
    device = torch.device("cuda")
    replica = build_replica(small_preset(), 0, device, torch.float32)

    found = estimate(replica, random_images(device=device, dtype=torch.float32))

    assert found.step > 32 * 4 * 8 * 8 * 4
