"""Replicas trained side by side, one after another: each is to the bit what it would be alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from support.training import Bench, same
from valtui_trainer.presets.types import Augmentation, Model, Optimizer, Preset

LIVELY = Augmentation(rotation=20, shift_x=0.2, flip=True)
SETTINGS: dict[str, dict[str, object]] = {
    "dropout and augmentation": {
        "model": Model(width=4, dropout=0.4), "augmentation": LIVELY,
    },
    "batchnorm, sgd, a rest batch": {
        "model": Model(name="small-cnn", width=4, batchnorm=True),
        "optimizer": Optimizer(name="sgd", momentum=0.9), "weight_decay": 0.01, "batch_size": 48,
    },
}  # fmt: skip


def preset(digits: Path, **settings: object) -> Preset:
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 32, "epochs": 3, "eval_every": 1, "log_every": 50,
        "model": Model(width=4),
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("room", [None, 0], ids=["resident", "streamed"])
def test_each_replica_trains_to_the_bit_as_it_would_alone(
    home: Path, digits: Path, name: str, room: int | None
) -> None:
    settings = preset(digits, **SETTINGS[name])
    together = Bench(home, settings, (0, 1, 2), room)
    alone = [Bench(home, settings, (seed,), room) for seed in (0, 1, 2)]

    for bench in (together, *alone):
        for _ in range(12):
            bench.loop.one_step()

    expected = torch.cat([bench.loop.ensemble.figures() for bench in alone])
    assert torch.equal(together.loop.ensemble.figures(), expected)
    for replica, bench in zip(together.loop.replicas, alone, strict=True):
        assert same(replica.state(), bench.loop.replicas[0].state())


def test_a_replica_that_is_not_finite_leaves_the_others_as_they_were(
    home: Path, digits: Path
) -> None:
    settings = preset(digits, model=Model(width=4, dropout=0.4))
    sound, spoilt = Bench(home, settings, (0, 1)), Bench(home, settings, (0, 1))
    with torch.no_grad():
        spoilt.loop.replicas[0].model.get_parameter("linear.weight")[0, 0] = torch.nan

    for bench in (sound, spoilt):
        for _ in range(3):
            bench.loop.one_step()

    first, second = spoilt.loop.ensemble.figures()
    assert first[:3].isnan().all()
    assert torch.equal(second, sound.loop.ensemble.figures()[1])
    assert same(spoilt.loop.replicas[1].state(), sound.loop.replicas[1].state())
