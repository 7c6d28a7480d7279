"""Gradient norms of small and large batches: what they are, and that taking them changes nothing."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from support.replicas import build_replica, random_images, replica_of, small_preset
from support.training import Bench, same
from valtui_trainer.presets.types import Augmentation, Model, Preset
from valtui_trainer.training.noise_scale import gradient_pairs, square
from valtui_trainer.training.replica import Replica

BATCHNORM = Model(name="small-cnn", width=4, batchnorm=True, dropout=0.3)


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def direct(replica: Replica, rows: torch.Tensor) -> list[torch.Tensor]:
    """Return the gradient of the mean loss over `rows`."""
    images, labels = random_images().batch(rows)
    loss = nn.functional.cross_entropy(replica.model(images), labels)
    return list(torch.autograd.grad(loss, list(replica.model.parameters())))


def test_norms_are_those_of_the_batches_that_were_drawn() -> None:
    replica, data = build_replica(small_preset(), 0), random_images()
    order = torch.randperm(80, generator=dice())[:64]
    parts = [direct(replica, rows) for rows in order.split(16)]

    small, large, images = gradient_pairs(replica, data, 16, 3, dice(), small_in_large=4)

    assert (small.shape, large.shape, images) == ((3,), (3,), 64)
    assert small.dtype == large.dtype == torch.float64
    assert float(small[0]) == pytest.approx(np.mean([float(square(p)) for p in parts]), rel=1e-9)
    assert float(large[0]) == pytest.approx(float(square(direct(replica, order))), rel=1e-9)
    assert len(set(large.tolist())) == 3


def test_a_large_batch_holds_what_the_set_has_and_two_small_ones_at_least() -> None:
    replica, data = build_replica(small_preset(), 0), random_images()

    _, large, images = gradient_pairs(replica, data, 40, 2, dice())

    assert images == 80
    assert float(large[0]) == pytest.approx(float(large[1]), rel=1e-9)
    with pytest.raises(ValueError, match="less than two batches of 41"):
        gradient_pairs(replica, data, 41, 2, dice())


def test_batchnorm_is_frozen_and_dropout_is_not() -> None:
    plain = build_replica(small_preset(model=Model(name="small-cnn", width=4, batchnorm=True)), 0)
    dropping = build_replica(small_preset(model=BATCHNORM), 0)
    data = random_images()
    order = torch.randperm(80, generator=dice())
    plain.model.eval()
    expected = float(square(direct(plain, order)))

    _, large, _ = gradient_pairs(plain, data, 40, 2, dice())
    _, dropped, _ = gradient_pairs(dropping, data, 40, 2, dice())

    assert float(large[0]) == pytest.approx(expected, rel=1e-9)
    assert float(dropped[0]) != pytest.approx(float(dropped[1]), rel=1e-3)


def test_norms_are_on_average_those_of_independent_images() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(100, 3))
    replica, data = replica_of(model, small_preset(), 0), random_images()
    each = torch.stack(
        [
            torch.cat([p.flatten() for p in direct(replica, torch.tensor([row]))])
            for row in range(80)
        ]
    )
    spread = float(each.var(0).sum())
    whole = float(each.mean(0).square().sum()) - spread / 80

    small, large, images = gradient_pairs(replica, data, 4, 100, dice(), small_in_large=10)

    assert float(small.mean()) == pytest.approx(whole + spread / 4, rel=0.03)
    assert float(large.mean()) == pytest.approx(whole + spread / images, rel=0.05)


@pytest.mark.parametrize("model", ["own", "remembering"])
def test_nothing_of_the_replica_is_changed(home: Path, digits: Path, model: str) -> None:
    settings = Preset(
        data=str(digits),
        model=BATCHNORM if model == "own" else Model(name="support.own_models:Remembering"),
        augmentation=Augmentation(rotation=20, flip=True),
        log_every=10,
    )
    bench = Bench(home, settings)
    for _ in range(3):
        bench.loop.one_step()
    replica = bench.loop.replicas[0]
    replica.model.eval()
    before, modes = replica.state(), [module.training for module in replica.model.modules()]
    gradients = [p.grad for p in replica.model.parameters()]
    copies = [grad.clone() for grad in gradients if grad is not None]
    generators = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()

    gradient_pairs(replica, bench.material.train_set, 16, 2, dice())

    assert same(replica.state(), before)
    assert [module.training for module in replica.model.modules()] == modes
    assert all(p.grad is g for p, g in zip(replica.model.parameters(), gradients, strict=True))
    assert same([g for g in gradients if g is not None], copies)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == generators[:2]
    assert torch.equal(torch.get_rng_state(), generators[2])
    assert replica.open_steps == 3
