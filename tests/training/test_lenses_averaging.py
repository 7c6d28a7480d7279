"""The average of the weights: its formula, its way in and out of a model, and its place in checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from support.training import Bench, same
from valtui_trainer.presets.types import Augmentation, Lenses, Model, Preset
from valtui_trainer.session.records import Val
from valtui_trainer.session.tail import Tail
from valtui_trainer.training import checkpoint
from valtui_trainer.training.lenses.averaging import Average

ALL = Lenses(averaged_weights=True, most=1e9)
MODELS = {
    "batchnorm": Model(name="small-cnn", width=4, batchnorm=True, dropout=0.3),
    "none": Model(width=4, dropout=0.3),
}


def walk(steps: int, half_life: float) -> tuple[nn.Module, Average, list[torch.Tensor]]:
    """Return a layer whose weights took random steps, its average, and where they were."""
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    average, places = Average(layer, half_life), []
    for _ in range(steps):
        with torch.no_grad():
            layer.weight.add_(torch.randn(2, 3))
        average.update()
        places.append(layer.weight.detach().double().clone())
    return layer, average, places


@pytest.mark.parametrize("steps", [1, 2, 40])
def test_it_is_the_bias_corrected_average_with_its_half_life(steps: int) -> None:
    layer, average, places = walk(steps, half_life=5)
    shares = [0.5 ** ((steps - 1 - number) / 5) for number in range(steps)]
    expected = sum(s * w for s, w in zip(shares, places, strict=True)) / sum(shares)

    with average.in_place():
        found = layer.weight.detach().double().clone()

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_the_models_own_weights_come_back_untouched_after_an_error_too() -> None:
    layer, average, places = walk(5, half_life=3)
    address = layer.weight.data_ptr()

    with pytest.raises(RuntimeError), average.in_place():
        raise RuntimeError

    assert layer.weight.data_ptr() == address
    assert torch.equal(layer.weight.double(), places[-1])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seeds", [(0,), (0, 1)], ids=["one seed", "two seeds"])
def test_a_resumed_run_sees_the_same_through_every_lens(
    home: Path, digits: Path, name: str, seeds: tuple[int, ...]
) -> None:
    settings = Preset(
        data=str(digits), batch_size=32, epochs=3, eval_every="2 steps", log_every=3,
        model=MODELS[name], lenses=ALL, augmentation=Augmentation(rotation=20),
    )  # fmt: skip
    whole = Bench(home, settings, seeds)
    whole.advance(7)
    written = checkpoint.write(whole.run.checkpoints, whole.loop.state())
    whole.advance(8)

    resumed = Bench(home, settings, seeds)
    state = checkpoint.read(whole.run.checkpoints / written.name)
    assert state is not None
    resumed.loop.load_state(state)
    resumed.advance(8)

    assert seen(resumed) == [one for one in seen(whole) if one[0] > 7]
    assert len(seen(resumed)) == 4 * len(seeds)
    assert all(one[-1] is not None for one in seen(resumed))
    assert same(resumed.loop.state()["lenses"], whole.loop.state()["lenses"])


def test_each_seed_has_an_average_of_its_own(home: Path, digits: Path) -> None:
    settings = Preset(
        data=str(digits), batch_size=32, eval_every="5 steps", log_every=5, lenses=ALL,
        model=MODELS["batchnorm"],
    )  # fmt: skip
    both, alone = Bench(home, settings, (0, 1)), Bench(home, settings, (1,))

    both.advance(10)
    alone.advance(10)

    assert seen(alone) == [one for one in seen(both) if one[1] == 1]
    assert len({one[2:] for one in seen(both)}) == 4


def seen(bench: Bench) -> list[tuple[float | None, ...]]:
    """Return step, seed and what the lenses saw, of each evaluation."""
    bench.journal.sync()
    return [
        (
            r.step, r.seed, r.val_loss, r.val_loss_precise, r.val_loss_calibrated, r.temperature,
            r.val_loss_averaged,
        )
        for r in Tail(bench.attempt.val, Val).read()
    ]  # fmt: skip
