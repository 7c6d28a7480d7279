"""Networks by name: the seed's, a small family, torchvision's, the user's own; each fitted to the images.

Weights are drawn here from torch's global stream: call `build` under `generators.seeded_init`.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections import OrderedDict
from typing import Any, Protocol

import torch
from torch import nn

from valtui_trainer.session.safe import safe
from valtui_trainer.training.dropout import Dropout, set_probability

SMALL_IMAGE = 64
DEFAULT_MOMENTUM = 0.1
OWN = ("seed-cnn", "small-cnn")
PREFIX = "torchvision:"


class ModelError(ValueError):
    """A model cannot be built or does not fit the images; its text says why, and what to do."""


class ModelSpec(Protocol):
    """What a preset says about its model; `presets.types.Model` is one."""

    @property
    def name(self) -> str:
        """`seed-cnn`, `small-cnn`, a torchvision model (`torchvision:` optional), or `module:Class`."""

    @property
    def width(self) -> int | None:
        """Channels of the first convolution of our own (None: 32 for seed-cnn, 16 for small-cnn)."""

    @property
    def depth(self) -> int:
        """Blocks of small-cnn."""

    @property
    def batchnorm(self) -> bool:
        """BatchNorm in small-cnn."""

    @property
    def batchnorm_momentum(self) -> float:
        """Weight of the newest batch; at 0.1 torchvision's and the user's models keep their own."""

    @property
    def dropout(self) -> float:
        """Probability; at 0 torchvision's and the user's models keep their own."""


def build(
    spec: ModelSpec,
    *,
    channels: int,
    height: int,
    width: int,
    classes: int,
    allow_code: bool = False,
) -> nn.Module:
    """Return the model on the CPU, in train mode and channels_last, proven on a batch of zeros.

    Args:
        spec: the model table of a preset. `module:Class` is imported and called with those of
            channels, height, width and classes that it names as parameters (all, for `**kwargs`).
        channels: of the images, 1 or 3.
        height: of the images, in pixels.
        width: of the images, in pixels.
        classes: number of outputs.
        allow_code: whether `module:Class` may be imported, which runs the user's code.

    Raises:
        ModelError: no such model, code that is not allowed or fails, a setting that the model has no
            place for, or images that do not fit.
    """
    images = {"channels": channels, "height": height, "width": width, "classes": classes}
    name = spec.name.removeprefix(PREFIX)
    model: nn.Module
    if name == "seed-cnn":
        model = seed_cnn(spec, **images)
    elif name == "small-cnn":
        model = small_cnn(spec, **images)
    elif ":" in name:
        model = fit_settings(own_model(name, images, allow_code), spec, insert=False)
    else:
        model = fit_settings(torchvision_model(name, **images), spec, insert=True)
    probe(model, name, **images)
    return model.to(memory_format=torch.channels_last).train()


def seed_cnn(
    spec: ModelSpec, *, channels: int, height: int, width: int, classes: int
) -> nn.Sequential:
    """Return the seed's net: a convolution, ReLU, max-pooling, dropout, and one linear layer."""
    if spec.batchnorm:
        raise ModelError("seed-cnn has no BatchNorm. For model.batchnorm choose small-cnn.")
    rows, columns = (height - 2) // 2, (width - 2) // 2
    if rows < 1 or columns < 1:
        raise ModelError(f"seed-cnn needs images of 4x4 or more; these are {height}x{width}.")
    filters = spec.width or 32
    layers: list[tuple[str, nn.Module]] = [
        ("convolution", nn.Conv2d(channels, filters, 3)),
        ("relu", nn.ReLU()),
        ("pool", nn.MaxPool2d(2)),
        ("dropout", Dropout(spec.dropout)),
        ("flatten", nn.Flatten()),
        ("linear", nn.Linear(filters * rows * columns, classes)),
    ]
    return nn.Sequential(OrderedDict(layers))


def small_cnn(
    spec: ModelSpec, *, channels: int, height: int, width: int, classes: int
) -> nn.Sequential:
    """Return `depth` blocks of convolution, BatchNorm (if asked), ReLU and pooling, then one linear.

    Each block halves the image; the first has `width` channels, each further one twice as many.
    """
    rows, columns = height >> spec.depth, width >> spec.depth
    if rows < 1 or columns < 1:
        deepest = min(height, width).bit_length() - 1
        raise ModelError(
            f"small-cnn halves the image in each block: images of {height}x{width} bear a "
            f"model.depth of {deepest} at most, not {spec.depth}."
        )
    layers: list[tuple[str, nn.Module]] = []
    incoming, filters = channels, spec.width or 16
    for block in range(1, spec.depth + 1):
        layers.append((f"convolution{block}", nn.Conv2d(incoming, filters, 3, padding=1)))
        if spec.batchnorm:
            norm = nn.BatchNorm2d(filters, momentum=spec.batchnorm_momentum)
            layers.append((f"batchnorm{block}", norm))
        layers += [(f"relu{block}", nn.ReLU()), (f"pool{block}", nn.MaxPool2d(2))]
        incoming, filters = filters, 2 * filters
    layers += [
        ("flatten", nn.Flatten()),
        ("dropout", Dropout(spec.dropout)),
        ("linear", nn.Linear(incoming * rows * columns, classes)),
    ]
    return nn.Sequential(OrderedDict(layers))


def torchvision_names() -> tuple[str, ...]:
    """Return the names of torchvision's classification models."""
    from torchvision import models

    return tuple(models.list_models(module=models))


def torchvision_model(
    name: str, *, channels: int, height: int, width: int, classes: int
) -> nn.Module:
    """Return a classification model of torchvision, untrained, its stem fitted to the images."""
    from torchvision import models

    known = torchvision_names()
    if name not in known:
        lower = {entry.lower(): entry for entry in (*OWN, *known)}
        match = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.5)
        hint = f" Did you mean {lower[match[0]]!r}?" if match else ""
        raise ModelError(
            f"No model is called {safe(name, 80)!r}.{hint} There are seed-cnn, small-cnn, "
            "torchvision's classification models, and your own as module:Class."
        )
    extra: dict[str, Any] = {}
    if name.startswith(("inception", "googlenet")):
        extra = {"aux_logits": False, "init_weights": True}
    elif name.startswith("vit_"):
        extra = {"image_size": height}
    elif name.startswith("maxvit"):
        extra = {"input_size": (height, width)}
    try:
        model: nn.Module = models.get_model(name, weights=None, num_classes=classes, **extra)
    except (ValueError, AssertionError, RuntimeError) as error:
        raise ModelError(misfit(name, channels, height, width, error)) from None
    fit_stem(model, channels, small=min(height, width) < SMALL_IMAGE)
    return model


def fit_stem(model: nn.Module, channels: int, *, small: bool) -> None:
    """Give the first convolution `channels` inputs; for small images let it keep the resolution.

    Small: a stride above 1 becomes 1 and a kernel above 3 becomes 3, and a max-pooling between first
    and second convolution goes. Patches (a stride as large as the kernel) stay. A new convolution
    is drawn by Kaiming's rule (fan out, ReLU).
    """
    convolutions = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d)]
    if not convolutions:
        return
    name, old = convolutions[0]
    kernel, stride, padding = old.kernel_size, old.stride, old.padding
    shrink = small and stride[0] > 1 and kernel[0] > stride[0]
    if shrink:
        kernel, stride, padding = (3, 3), (1, 1), (1, 1)
    if not shrink and old.in_channels == channels:
        return
    new = nn.Conv2d(channels, old.out_channels, kernel, stride, padding, bias=old.bias is not None)  # type: ignore[arg-type]
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    put(model, name, new)
    if not shrink:
        return
    names = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.MaxPool2d)]
    after = names[names.index(name) + 1 : names.index(name) + 2]
    if after and isinstance(model.get_submodule(after[0]), nn.MaxPool2d):
        put(model, after[0], nn.Identity())


def fit_settings(model: nn.Module, spec: ModelSpec, *, insert: bool) -> nn.Module:
    """Apply the preset's dropout and BatchNorm momentum where they are not the default.

    `insert`: a model without dropout gets a layer before its last linear layer.
    """
    if spec.width is not None:
        raise ModelError(
            f"model.width is for seed-cnn and small-cnn; {safe(spec.name, 80)} has sizes of its own. "
            "Leave it out."
        )
    if spec.batchnorm_momentum != DEFAULT_MOMENTUM:
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = spec.batchnorm_momentum
    if spec.dropout > 0.0 and not set_probability(model, spec.dropout):
        linear = [n for n, m in model.named_modules() if isinstance(m, nn.Linear) and n]
        if not insert or not linear:
            raise ModelError(
                f"model.dropout is {spec.dropout:g}, but {safe(spec.name, 80)} has no dropout layer. "
                "Add one to it, or leave the setting out."
            )
        last = model.get_submodule(linear[-1])
        put(model, linear[-1], nn.Sequential(Dropout(spec.dropout), last))
    return model


def put(model: nn.Module, name: str, new: nn.Module) -> None:
    """Put `new` where the submodule `name` (dotted) is."""
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, new)


def own_model(name: str, images: dict[str, int], allow_code: bool) -> nn.Module:
    """Import and call the user's `module:Class`."""
    shown = safe(name, 120)
    if not allow_code:
        raise ModelError(
            f"The model {shown} is code of your own, which runs only when you allow it: start again "
            "with --allow-code."
        )
    place, _, wanted = name.partition(":")
    try:
        maker: Any = importlib.import_module(place)
        for part in wanted.split("."):
            maker = getattr(maker, part)
    except Exception as error:
        raise ModelError(
            f"The model {shown} cannot be imported ({reason(error)}). Start valtui in the folder "
            f"that holds the module {safe(place, 80)}, or add that folder to PYTHONPATH."
        ) from error
    try:
        model = maker(**accepted(maker, images))
    except Exception as error:
        raise ModelError(
            f"The model {shown} cannot be built ({reason(error)}). It is called with those of "
            "channels, height, width and classes that it names as parameters, and nothing else."
        ) from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"{shown} gives a {type(model).__name__}; it must give a torch.nn.Module.")
    return model


def accepted(maker: Any, images: dict[str, int]) -> dict[str, int]:
    """Return those of `images` that `maker` takes by keyword; none where that cannot be told."""
    try:
        parameters = inspect.signature(maker).parameters
    except (TypeError, ValueError):
        return {}
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return images
    by_name = {n for n, p in parameters.items() if p.kind is not p.POSITIONAL_ONLY}
    return {key: value for key, value in images.items() if key in by_name}


@torch.no_grad()
def probe(
    model: nn.Module, name: str, *, channels: int, height: int, width: int, classes: int
) -> None:
    """Run two empty images through `model` in eval mode; leaves it in eval mode.

    Raises:
        ModelError: it fails on them, or does not give (2, classes).
    """
    model.eval()
    try:
        output = model(torch.zeros(2, channels, height, width))
    except Exception as error:
        raise ModelError(misfit(name, channels, height, width, error)) from None
    if not isinstance(output, torch.Tensor):
        raise ModelError(
            f"{safe(name, 80)} returns a {type(output).__name__}; it must return one tensor of "
            f"logits (images, {classes})."
        )
    if output.shape != (2, classes):
        raise ModelError(
            f"{safe(name, 80)} returns the shape {tuple(output.shape)} for two images; it must be "
            f"(2, {classes}), one logit for each class."
        )


def misfit(name: str, channels: int, height: int, width: int, error: Exception) -> str:
    """Return the sentence for a model that fails on images of this size."""
    kind = "grey" if channels == 1 else "colour"
    return (
        f"The model {safe(name, 80)} does not fit {kind} images of {height}x{width} "
        f"({reason(error)}). Choose a smaller model, such as small-cnn or resnet18, or larger images."
    )


def reason(error: Exception) -> str:
    """Return kind and first line of an error, safe to print."""
    first = str(error).strip().split("\n")[0].rstrip(".")
    return safe(f"{type(error).__name__}: {first}" if first else type(error).__name__, 200)
