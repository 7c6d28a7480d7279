"""Models by name: exact nets, fitted stems, the user's own code, and dropout of our own."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from valtui_trainer.presets.types import Model
from valtui_trainer.training import generators
from valtui_trainer.training.dropout import (
    Dropout,
    replace_dropout,
    set_generator,
    set_probability,
    uses_global_random,
)
from valtui_trainer.training.models import ModelError, build

DIGITS = {"channels": 1, "height": 28, "width": 28, "classes": 10}


def make(name: str, images: dict[str, int] | None = None, **settings: Any) -> nn.Module:
    allow_code = settings.pop("allow_code", False)
    return build(Model(name=name, **settings), allow_code=allow_code, **(images or DIGITS))


def kinds(model: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in model.children()]


def test_the_seed_is_one_convolution_of_32_and_one_linear_layer() -> None:
    model = make("seed-cnn", dropout=0.25)

    assert kinds(model) == ["Conv2d", "ReLU", "MaxPool2d", "Dropout", "Flatten", "Linear"]
    assert sum(p.numel() for p in model.parameters()) == 32 * 9 + 32 + 32 * 13 * 13 * 10 + 10
    assert model.get_submodule("dropout").p == 0.25
    assert model.training


def test_the_trials_net_is_conv16_conv32_with_batchnorm() -> None:
    model = make("small-cnn", batchnorm=True, batchnorm_momentum=0.01)

    block = ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"]
    assert kinds(model) == [*block, *block, "Flatten", "Dropout", "Linear"]
    assert model.get_submodule("convolution2").weight.shape == (32, 16, 3, 3)
    assert model.get_submodule("linear").weight.shape == (10, 32 * 7 * 7)
    assert model.get_submodule("batchnorm1").momentum == 0.01


def test_weights_follow_the_seed_and_nothing_else() -> None:
    def weights(seed: int) -> torch.Tensor:
        with generators.seeded_init(seed):
            return torch.cat([p.flatten() for p in make("small-cnn").parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_weights_lie_channels_last() -> None:
    weight = make("small-cnn").get_submodule("convolution2").weight

    assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("name", "settings", "images", "sentence"),
    [
        ("small-cnn", {"depth": 5}, DIGITS, "28x28 bear a model.depth of 4 at most, not 5"),
        ("seed-cnn", {}, {**DIGITS, "height": 3}, "needs images of 4x4 or more"),
        ("seed-cnn", {"batchnorm": True}, DIGITS, "choose small-cnn"),
        ("vit_b_16", {}, DIGITS, "does not fit grey images of 28x28"),
        ("resnet81", {}, DIGITS, "Did you mean 'resnet18'"),
        ("seedcnn", {}, DIGITS, "Did you mean 'seed-cnn'"),
        ("squeezenet1_1", {"width": 8}, DIGITS, "model.width is for"),
        ("somewhere:Net", {}, DIGITS, "--allow-code"),
        ("no_such_module_here:Net", {"allow_code": True}, DIGITS, "cannot be imported"),
        ("torch.nn:Nothing", {"allow_code": True}, DIGITS, "cannot be imported"),
        ("torch.nn:Linear", {"allow_code": True}, DIGITS, "cannot be built"),
        ("builtins:dict", {"allow_code": True}, DIGITS, "must give a torch.nn.Module"),
        ("torch.nn:Flatten", {"allow_code": True}, DIGITS, r"shape \(2, 784\).* \(2, 10\)"),
    ],
)
def test_what_cannot_be_built_is_said_in_a_sentence(
    name: str, settings: dict[str, Any], images: dict[str, int], sentence: str
) -> None:
    with pytest.raises(ModelError, match=sentence) as caught:
        make(name, images, **settings)

    assert "\n" not in str(caught.value)


def test_a_resnet_keeps_the_resolution_of_small_images() -> None:
    model = make("torchvision:resnet18", batchnorm_momentum=0.05, dropout=0.2)

    stem = model.get_submodule("conv1")
    assert isinstance(stem, nn.Conv2d)
    assert (stem.in_channels, stem.kernel_size, stem.stride) == (1, (3, 3), (1, 1))
    assert isinstance(model.get_submodule("maxpool"), nn.Identity)
    assert {m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm2d)} == {0.05}
    assert kinds(model.get_submodule("fc")) == ["Dropout", "Linear"]


def test_large_images_keep_the_stem_but_for_its_channels() -> None:
    model = make("resnet18", {"channels": 1, "height": 64, "width": 64, "classes": 2})

    stem = model.get_submodule("conv1")
    assert isinstance(stem, nn.Conv2d)
    assert (stem.in_channels, stem.kernel_size, stem.stride) == (1, (7, 7), (2, 2))
    assert isinstance(model.get_submodule("maxpool"), nn.MaxPool2d)


@pytest.mark.parametrize(
    "name", ["squeezenet1_1", "mobilenet_v3_small", "googlenet", "regnet_y_400mf"]
)
def test_other_families_take_small_grey_images_too(name: str) -> None:
    model = make(name)

    output = model(torch.zeros(2, 1, 28, 28))

    assert output.shape == (2, 10)


OWN = """
import torch
from torch import nn

class Exact(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.linear = nn.LazyLinear(classes)
        self.channels = channels
    def forward(self, images):
        return self.linear(images.flatten(1))

class Pair(Exact):
    def forward(self, images):
        return images, images

def everything(**images):
    return Exact(images["channels"], images["classes"])

class Fussy(Exact):
    def forward(self, images):
        return self.linear(images.reshape(-1, 999))

def broken():
    raise RuntimeError("no weights\\x1b[2J here")

class Nothing(Exact):
    def __init__(self):
        super().__init__(1, 10)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_nets.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    sys.modules.pop("own_nets", None)
    return "own_nets"


@pytest.mark.parametrize("name", ["Exact", "everything", "Nothing"])
def test_the_users_own_model_is_called_with_what_it_names(own: str, name: str) -> None:
    model = make(f"{own}:{name}", allow_code=True)

    assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
    assert uses_global_random(model)


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("Pair", {}, "returns a tuple"),
        ("Fussy", {}, "does not fit grey images of 28x28 .RuntimeError: shape"),
        ("broken", {}, "no weights␛"),
        ("Exact", {"dropout": 0.5}, "has no dropout layer"),
    ],
)
def test_the_users_mistakes_come_back_as_sentences(
    own: str, name: str, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ModelError, match=sentence):
        make(f"{own}:{name}", allow_code=True, **settings)


def test_dropout_follows_its_generator_and_not_torchs() -> None:
    layer, ones = Dropout(0.25), torch.ones(4000)

    def draw(seed: int) -> torch.Tensor:
        torch.seed()
        set_generator(layer, torch.Generator().manual_seed(seed))
        return layer(ones)

    assert torch.equal(draw(0), draw(0))
    assert not torch.equal(draw(0), draw(1))
    assert draw(0).unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert draw(0).mean().item() == pytest.approx(1, abs=0.05)


def test_dropout_does_nothing_in_eval_mode_or_at_zero() -> None:
    generator = torch.Generator().manual_seed(0)
    before, ones = generator.get_state(), torch.ones(4)

    assert Dropout(0.5, generator=generator).eval()(ones) is ones
    assert Dropout(0.0, generator=generator)(ones) is ones
    assert torch.equal(generator.get_state(), before)
    assert Dropout(1.0)(ones).tolist() == [0, 0, 0, 0]


def test_dropouts_gradient_is_its_mask() -> None:
    inputs = torch.ones(50, requires_grad=True)

    outputs = Dropout(0.5, generator=torch.Generator().manual_seed(0))(inputs)
    outputs.sum().backward()

    assert torch.equal(inputs.grad, outputs.detach())


def test_replacing_keeps_probability_mode_and_whole_channels() -> None:
    shared = nn.Dropout(0.3)
    model = nn.Sequential(shared, nn.Sequential(nn.Dropout2d(0.5), shared)).eval()

    remains = replace_dropout(model)
    set_generator(model, torch.Generator().manual_seed(0))

    assert not remains
    assert isinstance(model[0], Dropout)
    assert model[0] is model[1][1]
    assert (model[0].p, model[0].training) == (0.3, False)
    channels = model[1][0].train()(torch.ones(8, 16, 3, 3)).flatten(2)
    assert set(channels.mean(2).unique().tolist()) == {0.0, 2.0}


def test_random_layers_that_are_not_ours_are_known() -> None:
    class Subclass(nn.Dropout):
        pass

    model = nn.Sequential(nn.Linear(2, 2), nn.AlphaDropout(0.1))
    assert uses_global_random(model)
    assert set_probability(model, 0.0) == 1
    assert not uses_global_random(model)
    assert replace_dropout(nn.Sequential(Subclass(0.1)))
    assert uses_global_random(nn.Sequential(nn.RReLU()))
    assert not uses_global_random(nn.MultiheadAttention(4, 2))
    assert uses_global_random(nn.MultiheadAttention(4, 2, dropout=0.1))
    assert uses_global_random(make("efficientnet_b0"))
    assert not uses_global_random(make("small-cnn"))
