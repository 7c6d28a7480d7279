"""An evaluation in the middle of somebody's loop leaves everything as it was, and survives what is odd in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from valtui_trainer.recorder import evaluating
from valtui_trainer.recorder.evaluating import Eyes
from valtui_trainer.session.records import LensPlan
from valtui_trainer.training.lenses.plan import EXACT

IMAGES = torch.randn(24, 1, 4, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(24) % 3


def network(outputs: int = 3) -> nn.Module:
    """A small network with BatchNorm."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, outputs)
    )


def loader(labels: torch.Tensor = LABELS) -> DataLoader[Any]:
    """A loader of images and labels."""
    return DataLoader(TensorDataset(IMAGES, labels), batch_size=8)


def exact(eyes: Eyes) -> LensPlan:
    """Return the plan of the lens on BatchNorm statistics."""
    return next(plan for plan in eyes.plans if plan.name == EXACT)


def test_a_backward_pass_may_follow_whose_forward_was_before() -> None:
    gradients = []
    for evaluates in (False, True):
        model = network().train()
        loss = nn.functional.cross_entropy(model(IMAGES), LABELS)
        if evaluates:
            seen = Eyes().look(model, loader(), loader())
            assert seen.exact is not None
        loss.backward()
        gradients.append([weight.grad for weight in model.parameters()])

    for plain, after in zip(*gradients, strict=True):
        assert plain is not None
        assert torch.equal(plain, after)


def test_what_was_written_in_place_meanwhile_is_still_found_by_autograd() -> None:
    model = network().train()
    loss = nn.functional.cross_entropy(model(IMAGES), LABELS)
    model.get_buffer("1.running_mean").add_(1)
    Eyes().look(model, loader(), loader())

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


class WithExpanded(nn.Module):
    """Has a buffer that cannot be written in place, before one that counts calls."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()
        self.register_buffer("scale", torch.ones(1).expand(4))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Count, and classify."""
        self.get_buffer("calls").add_(1)
        return self.inner(images)  # type: ignore[no-any-return]


def test_a_buffer_that_is_expanded_hinders_nothing() -> None:
    model = WithExpanded()
    before = {name: value.clone() for name, value in model.state_dict().items()}

    Eyes().look(model, loader(), loader())

    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Noisy(Dataset[Any]):
    """Augments with generators of its own."""

    def __init__(self) -> None:
        self.by_numpy = np.random.default_rng(0)
        self.by_torch = [torch.Generator().manual_seed(0)]

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        noise = self.by_numpy.normal() + torch.rand((), generator=self.by_torch[0])
        return IMAGES[row] + noise, int(LABELS[row])


def test_generators_of_their_sets_are_given_back() -> None:
    train, drawn = Noisy(), Noisy()
    Eyes().look(network(), loader(), DataLoader(train, batch_size=8))

    assert torch.equal(train[0][0], drawn[0][0])


def test_no_generator_of_a_gpu_is_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seeded = network(), list[int]()
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)

    Eyes().look(model, loader(), loader())

    assert seeded == []


class FailsOnce:
    """A loader whose first round fails in the middle."""

    def __init__(self) -> None:
        self.rounds = 0

    def __iter__(self) -> Iterator[Any]:
        self.rounds += 1
        for batch in loader():
            yield batch
            if self.rounds == 1:
                raise OSError("a file was not there")


def test_a_first_evaluation_that_fails_costs_no_lens() -> None:
    eyes, broken = Eyes(), FailsOnce()
    with pytest.raises(OSError, match="not there"):
        eyes.look(network(), broken, loader())

    seen = eyes.look(network(), broken, loader())

    assert seen.first
    assert seen.exact is not None
    assert seen.train_loss is not None
    assert seen.described is not None
    assert [check.check for check in eyes.checks] == ["frozen"]
    assert exact(eyes).on
    assert not eyes.look(network(), broken, loader()).first


def test_of_a_set_that_is_too_large_no_image_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []

    class Counting(evaluating.Pictures):
        def add(self, images: torch.Tensor) -> None:
            super().add(images)
            held.append(sum(one.numel() for one in self.batches))

    monkeypatch.setattr(evaluating, "MOST_PIXELS", 200)
    monkeypatch.setattr(evaluating, "Pictures", Counting)

    seen = Eyes().look(network(), loader(), loader())

    assert held == [128, 0, 0]
    assert seen.described is not None
    assert "thumbnail" not in seen.described


def test_one_logit_tells_two_classes_apart() -> None:
    labels = (torch.arange(24) % 2).float()

    def loss(logits: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], known, reduction="none")

    model = network(outputs=1).eval()
    seen = Eyes(loss).look(model, loader(labels), loader(labels))

    with torch.no_grad():
        right = (model(IMAGES)[:, 0] > 0) == labels.bool()
    assert seen.found.accuracy == pytest.approx(float(right.float().mean()))
    assert seen.calibrated is None


@pytest.mark.parametrize("kind", [torch.uint8, torch.int32, torch.int64])
def test_labels_are_whole_numbers_of_whatever_kind(kind: torch.dtype) -> None:
    plain = Eyes().look(network(), loader(), loader())

    seen = Eyes().look(network(), loader(LABELS.to(kind)), loader(LABELS.to(kind)))

    assert (seen.found.loss, seen.found.accuracy, seen.calibrated) == (
        plain.found.loss, plain.found.accuracy, plain.calibrated,
    )  # fmt: skip
