"""BatchNorm statistics that depend on the weights alone, against a slow direct computation."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from support.training import Bench
from valtui_trainer.presets.types import Lenses, Model, Preset
from valtui_trainer.training.data.split import shuffled_rows
from valtui_trainer.training.dropout import Dropout
from valtui_trainer.training.lenses.batchnorm import (
    fixed_batches,
    norm_layers,
    set_exact_statistics,
)
from valtui_trainer.training.lenses.passes import Passes
from valtui_trainer.training.lenses.untouched import untouched

CPU = torch.device("cpu")


class Samples:
    """Random images, or whatever a model takes, as a set to take batches of."""

    def __init__(self, *shape: int) -> None:
        self.device = self.index_device = CPU
        self.samples = torch.randn(*shape, generator=torch.Generator().manual_seed(3)) * 3 + 40

    def batch(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.samples[index], torch.zeros(len(index), dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.samples)


NETS: dict[str, tuple[nn.Sequential, tuple[int, ...]]] = {
    "two dimensions": (
        nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.5),
                      nn.Conv2d(6, 5, 3), nn.BatchNorm2d(5)),
        (3, 8, 8),
    ),
    "one dimension": (
        nn.Sequential(nn.Linear(7, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 5), nn.BatchNorm1d(5)),
        (7,),
    ),
    "a series": (nn.Sequential(nn.Conv1d(2, 4, 3), nn.BatchNorm1d(4)), (2, 9)),
    "three dimensions": (nn.Sequential(nn.Conv3d(1, 4, 2), nn.BatchNorm3d(4)), (1, 4, 4, 4)),
    "cumulative average, no weights": (
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, momentum=None, affine=False)), (1, 5, 5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch_size", [32, 50, 1000])
def test_statistics_are_those_of_all_values_in_the_batches(name: str, batch_size: int) -> None:
    net, shape = NETS[name]
    net = copy.deepcopy(net).double()  # weights are drawn at random: float32 rounds some too far
    data = Samples(600, *shape)
    data.samples = data.samples.double()
    batches = fixed_batches(data, 0, batch_size)
    expected = direct(net, [data.batch(rows)[0] for rows in batches])

    with untouched(net, CPU):
        set_exact_statistics(net, data, batches)
        found = [(n.running_mean.clone(), n.running_var.clone()) for n in norm_layers(net)]

    for (mean, variance), (true_mean, true_variance) in zip(found, expected, strict=True):
        torch.testing.assert_close(mean, true_mean, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(variance, true_variance, rtol=1e-9, atol=1e-10)


def direct(net: nn.Sequential, batches: list[torch.Tensor]) -> list[tuple[torch.Tensor, ...]]:
    """Return mean and population variance of what each BatchNorm layer of a float64 net is given."""
    values = batches
    found = []
    for layer in net:
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            everything = torch.cat(values)
            over = [0, *range(2, everything.ndim)]
            found.append((everything.mean(over), everything.var(over, unbiased=False)))
            values = [normalised(layer, batch) for batch in values]
        elif not isinstance(layer, nn.Dropout):
            with torch.no_grad():
                values = [layer(batch) for batch in values]
    return found


def normalised(layer: nn.modules.batchnorm._BatchNorm, batch: torch.Tensor) -> torch.Tensor:
    """Return `batch` normalised by its own mean and biased variance."""
    over = [0, *range(2, batch.ndim)]
    mean, variance = batch.mean(over, keepdim=True), batch.var(over, unbiased=False, keepdim=True)
    result = (batch - mean) / (variance + layer.eps).sqrt()
    if not layer.affine:
        return result
    shape = (1, -1) + (1,) * (batch.ndim - 2)
    with torch.no_grad():
        return result * layer.weight.view(shape) + layer.bias.view(shape)


def test_a_layer_that_is_called_twice_averages_over_both_and_an_idle_one_keeps_its_statistics() -> (
    None
):
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.idle = nn.BatchNorm1d(4), nn.BatchNorm1d(4)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return self.norm(values) + self.norm(values + 10.0)

    net, data = Twice(), Samples(320, 4)
    net.idle.running_mean.fill_(7.0)
    batches = fixed_batches(data, 0, 32)
    given = torch.cat([data.batch(rows)[0] for rows in batches])
    everything = torch.cat([given, given + 10.0]).double()

    with untouched(net, CPU):
        set_exact_statistics(net, data, batches)
        mean, variance = net.norm.running_mean.double(), net.norm.running_var.double()
        idle = net.idle.running_mean.clone()

    torch.testing.assert_close(mean, everything.mean(0), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(variance, everything.var(0, unbiased=False), rtol=1e-4, atol=1e-5)
    assert torch.equal(idle, torch.full((4,), 7.0))


def test_the_exact_loss_depends_on_the_weights_alone(home: Path, digits: Path) -> None:
    model = Model(name="small-cnn", width=4, batchnorm=True, dropout=0.3)
    bench = Bench(home, Preset(data=str(digits), batch_size=32, model=model))
    bench.advance(5)
    net = bench.loop.replicas[0].model
    passes = Passes(bench.loop.preset, bench.loop.train_set, bench.loop.val_set)
    first = passes.exact(net)

    for value in (1e6, math.nan):
        for layer in norm_layers(net):
            layer.running_mean.fill_(value)
            layer.running_var.fill_(abs(value))
            layer.num_batches_tracked.fill_(12)

        assert passes.exact(net) == first

    with torch.no_grad():
        next(net.parameters()).mul_(1.5)
    assert passes.exact(net) != first


def test_the_batches_are_fixed_mixed_and_whole() -> None:
    data = Samples(2000, 1)
    rows = shuffled_rows(2000, 5, "batchnorm-subset")[:512]

    batches = fixed_batches(data, 5, 32)
    odd = fixed_batches(data, 5, 300)
    large = fixed_batches(data, 5, 1024)
    few = fixed_batches(Samples(20, 1), 5, 32)

    assert [len(batch) for batch in batches] == [32] * 16
    assert np.array_equal(torch.cat(batches).numpy(), rows)
    assert [len(batch) for batch in odd] == [300]
    assert [len(batch) for batch in large] == [512]
    assert [len(batch) for batch in few] == [20]
    assert not torch.equal(torch.cat(fixed_batches(data, 6, 32)), torch.cat(batches))


def test_only_batchnorm_with_running_statistics_counts() -> None:
    net = nn.Sequential(
        nn.BatchNorm2d(3), nn.BatchNorm2d(3, track_running_stats=False), nn.GroupNorm(1, 3),
        nn.InstanceNorm2d(3, track_running_stats=True), Dropout(0.5),
    )  # fmt: skip

    assert norm_layers(net) == [net[0]]


def test_a_torchvision_model_has_an_exact_loss_and_stays_as_it_was(
    home: Path, digits: Path
) -> None:
    settings = Preset(data=str(digits), batch_size=128, model=Model(name="resnet18"))
    bench = Bench(home, settings)
    net = bench.loop.replicas[0].model
    before = bench.checksum()

    loss = Passes(settings, bench.loop.train_set, bench.loop.val_set).exact(net)

    assert math.isfinite(loss)
    assert len(norm_layers(net)) == 20
    assert bench.checksum() == before


def test_streamed_images_give_the_same_exact_loss(home: Path, digits: Path) -> None:
    model = Model(name="small-cnn", width=4, batchnorm=True)
    settings = Preset(data=str(digits), batch_size=32, model=model, lenses=Lenses(most=1e9))
    benches = [Bench(home, settings, room=room) for room in (None, 0)]

    losses = [
        Passes(settings, one.loop.train_set, one.loop.val_set).exact(one.loop.replicas[0].model)
        for one in benches
    ]

    assert losses[0] == losses[1]
