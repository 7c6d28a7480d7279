"""The same preset and seed give the same numbers to the last bit on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from support.training import Bench, train
from valtui_trainer.presets.types import Augmentation, Model, Preset

LIVELY = Augmentation(rotation=20, shift_x=0.2, shift_y=0.2, flip=True)


def preset(digits: Path, **settings: object) -> Preset:
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 32, "epochs": 1, "eval_every": 0.5, "log_every": 2,
        "model": Model(width=4, dropout=0.3), "augmentation": LIVELY,
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


def test_two_runs_of_one_seed_log_the_same_numbers(home: Path, digits: Path) -> None:
    _, first = train(home, preset(digits))
    _, second = train(home, preset(digits))

    assert [(r.step, r.train_loss, r.grad_norm) for r in first.train] == [
        (r.step, r.train_loss, r.grad_norm) for r in second.train
    ]
    assert [r.val_loss for _, r in first.val] == [r.val_loss for _, r in second.val]
    assert len(first.val) == 2


def test_two_seeds_differ(home: Path, digits: Path) -> None:
    _, history = train(home, preset(digits), seeds=(0, 1))

    by_seed = {s: [r.val_loss for _, r in history.val if r.seed == s] for s in (0, 1)}
    assert len(by_seed[0]) == len(by_seed[1]) == 2
    assert by_seed[0] != by_seed[1]


def test_a_seed_trained_beside_another_is_the_seed_trained_alone(home: Path, digits: Path) -> None:
    _, alone = train(home, preset(digits), seeds=(1,))
    _, beside = train(home, preset(digits), seeds=(0, 1))

    assert [r.val_loss for _, r in alone.val] == [r.val_loss for _, r in beside.val if r.seed == 1]


def test_changing_only_the_order_changes_only_the_order(home: Path, digits: Path) -> None:
    one, other = Bench(home, preset(digits)), Bench(home, preset(digits))
    initial = one.checksum()
    other.loop.replicas[0]._order.manual_seed(12345)
    same_weights = other.checksum() == initial

    one.advance(3)
    other.advance(3)

    first, second = one.loop.replicas[0], other.loop.replicas[0]
    assert same_weights
    assert not torch.equal(first.indices, second.indices)
    assert torch.equal(first.indices.sort().values, second.indices.sort().values)
    assert torch.equal(first._dropout.get_state(), second._dropout.get_state())
    assert torch.equal(first._augment.get_state(), second._augment.get_state())


def test_evaluating_changes_nothing_in_training(home: Path, digits: Path) -> None:
    batchnorm = Model(name="small-cnn", width=4, batchnorm=True, dropout=0.3)
    often = Bench(home, preset(digits, model=batchnorm, eval_every="1 step"))
    seldom = Bench(home, preset(digits, model=batchnorm, eval_every=1))

    assert often.advance(6) == seldom.advance(6)


def test_images_that_stream_give_the_same_bits_as_images_on_the_device(
    home: Path, digits: Path
) -> None:
    resident = Bench(home, preset(digits))
    streamed = Bench(home, preset(digits), room=0)

    assert resident.advance(12) == streamed.advance(12)


@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_sees_every_training_image_once(home: Path, digits: Path, shuffle: bool) -> None:
    bench = Bench(home, preset(digits, shuffle=shuffle))

    bench.advance(1)

    indices = bench.loop.replicas[0].indices
    assert indices.sort().values.tolist() == list(range(320))
    assert (indices.tolist() == list(range(320))) is not shuffle
