"""Which engine is taken: the loop where a stack is impossible, wrong or no faster."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from torchvision import models as torchvision_models

from support.own_models import Linear
from support.replicas import build_replica, random_images, replica_of, small_preset
from support.training import same, train
from valtui_trainer.presets.types import Augmentation, Model, Preset
from valtui_trainer.training import choose_engine
from valtui_trainer.training.choose_engine import cannot_be_stacked, make_ensemble, tried
from valtui_trainer.training.dropout import replace_dropout
from valtui_trainer.training.ensemble import Ensemble
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.stacked import Stacked
from valtui_trainer.training.stacking import CannotStackError

SETTINGS = small_preset(
    model=Model(name="small-cnn", width=4, batchnorm=True, dropout=0.3),
    augmentation=Augmentation(rotation=20),
)


def replicas(count: int = 2) -> list[Replica]:
    return [build_replica(SETTINGS, seed) for seed in range(count)]


def hooked() -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(100, 3))
    model[1].register_forward_hook(lambda *_: None)
    return model


UNFIT = {
    "code of the user's": (lambda: Linear(10, 10, 3), "code of your own"),
    "the user's inside of ours": (lambda: nn.Sequential(Linear(10, 10, 3)), "code of your own"),
    "hooks": (hooked, "hooks"),
    "weights made anew": (lambda: nn.Sequential(spectral_norm(nn.Linear(9, 3))), "made anew"),
    "a mean over all steps": (lambda: nn.BatchNorm2d(3, momentum=None), "averages over all steps"),
    "recurrence": (lambda: nn.LSTM(3, 3), "cannot be stacked"),
    "torch's own dropout": (lambda: nn.Sequential(nn.AlphaDropout(0.5)), "torch's own generator"),
    "dropout in a function": (
        lambda: torchvision_models.efficientnet_b0(num_classes=3), "torch's own generator",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNFIT)
def test_what_cannot_be_stacked_is_named(name: str) -> None:
    build, why = UNFIT[name]

    assert why in cannot_be_stacked(build())


@pytest.mark.parametrize("name", ["squeezenet1_0", "resnet18", "mobilenet_v3_small"])
def test_nothing_speaks_against_plain_convolutional_nets(name: str) -> None:
    model = torchvision_models.get_model(name, num_classes=3)
    replace_dropout(model)

    assert cannot_be_stacked(model) == ""


def test_one_replica_and_the_cpu_take_the_loop() -> None:
    data = random_images()

    alone, several = make_ensemble(replicas(1), data, "stack"), make_ensemble(replicas(), data)

    assert (type(alone), alone.name) == (Ensemble, "loop")
    assert (type(several), several.reason) == (Ensemble, choose_engine.ON_CPU)


def test_an_engine_that_is_asked_for_is_taken_or_refused_in_words() -> None:
    data = random_images()

    stack, loop = make_ensemble(replicas(), data, "stack"), make_ensemble(replicas(), data, "loop")

    assert (type(stack), stack.name) == (Stacked, "stack")
    assert type(loop) is Ensemble
    with pytest.raises(CannotStackError, match="code of your own"):
        make_ensemble(
            [replica_of(Linear(10, 10, 3), SETTINGS, seed) for seed in (0, 1)], data, "stack"
        )


def test_trying_both_engines_changes_nothing() -> None:
    data, mine, untried = random_images(), replicas(), replicas()
    for ensemble in (Ensemble(mine), Ensemble(untried)):
        ensemble.begin_epoch(data)
        ensemble.step(data, 0, 1e-3)
    before = torch.get_rng_state()

    tried(mine, data)

    assert torch.equal(torch.get_rng_state(), before)
    for one, other in zip(mine, untried, strict=True):
        assert same(one.state(), other.state())


@pytest.mark.parametrize(("stack", "taken"), [(1.0, True), (2.8, False), (9.0, False)])
def test_a_stack_is_taken_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, stack: float, taken: bool
) -> None:
    measured = choose_engine.measured

    def timed(ensemble: Ensemble, data: object) -> tuple[float, torch.Tensor]:
        _, figures = measured(ensemble, data)  # type: ignore[arg-type]
        return (stack if ensemble.name == "stack" else 3.0), figures

    monkeypatch.setattr(choose_engine, "measured", timed)

    found, why = tried(replicas(5), random_images())

    assert found is taken
    assert why == f"a step of 4 takes {1000 * stack:.3g} ms stacked, 3e+03 ms one after another"


def test_a_stack_that_fails_or_errs_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    data, step = random_images(), Stacked.step

    def err(stack: Stacked, *given: object) -> None:
        step(stack, *given)  # type: ignore[arg-type]
        stack._losses[1, stack.open_steps - 1] *= 1.1

    def fail(*_: object) -> None:
        raise RuntimeError("no kernel for this")

    monkeypatch.setattr(Stacked, "step", err)
    erring = tried(replicas(), data)
    monkeypatch.setattr(Stacked, "step", fail)
    failing = tried(replicas(), data)

    assert erring == (False, "stacked, this model has other losses")
    assert failing[0] is False
    assert "no kernel for this" in failing[1]


def test_losses_that_are_not_finite_are_no_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = replicas()
    with torch.no_grad():
        mine[1].model.get_parameter("convolution1.weight")[0] = torch.nan

    _, why = tried(mine, random_images())

    assert "one after another" in why


def test_a_run_of_several_seeds_says_which_engine_trains_them(home: Path, digits: Path) -> None:
    settings = Preset(data=str(digits), model=Model(width=4), epochs=1, log_every=5)
    _, several = train(home, settings, seeds=(0, 1))
    _, alone = train(home, settings)

    told = [event for _, event in several.events if event.kind == "engine"]
    assert [event.message for event in told] == [
        f"2 replicas take each step one after another: {choose_engine.ON_CPU}."
    ]
    assert told[0].data == {"engine": "loop"}
    assert not [event for _, event in alone.events if event.kind == "engine"]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_cuda_both_are_tried_and_eight_small_nets_are_stacked() -> None:
    device = torch.device("cuda")
    data = random_images(device=device, dtype=torch.float32)
    mine = [build_replica(SETTINGS, seed, device, torch.float32) for seed in range(8)]

    ensemble = make_ensemble(mine, data)

    assert "stacked" in ensemble.reason
    assert ensemble.name == "stack"
