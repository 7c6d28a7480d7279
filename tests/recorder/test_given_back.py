"""An evaluation in the middle of somebody's loop leaves everything as it was, and survives what is odd in it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    RandomSampler,
    TensorDataset,
)

from valtui_trainer.recorder import evaluating
from valtui_trainer.recorder.evaluating import Eyes
from valtui_trainer.session.listing import session_names
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


class Merging(nn.Linear):
    """Merges a second weight into the first in eval mode, as adapters do."""

    def __init__(self) -> None:
        super().__init__(16, 3)
        self.low = nn.Parameter(torch.ones(3, 16))
        self.merged = False

    def train(self, mode: bool = True) -> Merging:
        """Take the second weight out, or in."""
        if mode == self.merged:
            self.weight.data += self.low.data if not mode else -self.low.data
            self.merged = not mode
        return super().train(mode)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Classify."""
        both = self.weight if self.merged else self.weight + self.low
        return nn.functional.linear(images, both, self.bias)


def test_a_model_that_does_more_than_switch_modes_keeps_its_weights() -> None:
    model = nn.Sequential(nn.Flatten(), Merging()).train()
    before = model.state_dict()["1.weight"].clone()

    for _ in range(2):
        Eyes().look(model, loader(), loader())

    assert torch.equal(model.state_dict()["1.weight"], before)
    assert model.training


class Table:
    """Something that a model asks, and that remembers its answer."""

    def __init__(self) -> None:
        self.scale: torch.Tensor | None = None

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Scale images."""
        if self.scale is None:
            self.scale = torch.full((1,), 2.0)
        return images * self.scale


def test_what_a_model_remembers_of_an_evaluation_serves_its_training() -> None:
    inner, table = network(), Table()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner
            self.gain = nn.Parameter(torch.ones(1))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return inner(table(images * self.gain))  # type: ignore[no-any-return]

    model = Net().train()
    Eyes().look(model, loader(), loader())

    nn.functional.cross_entropy(model(IMAGES), LABELS).backward()

    assert model.gain.grad is not None


def test_a_model_with_lazy_layers_is_refused_until_its_training_has_made_them() -> None:
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    with pytest.raises(ValueError, match="lazy layers"):
        Eyes().look(model, loader())

    model(IMAGES).sum().backward()
    assert Eyes().look(model, loader()).first


class Opening(Noisy):
    """Opens its file when it is asked first, and counts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.file: Any = None
        self.asked = 0
        self.transform = Table()
        self.transform.dice = np.random.default_rng(3)  # type: ignore[attr-defined]

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        self.file = self.file or self.path.open()
        self.asked += 1
        noise = self.transform.dice.normal()  # type: ignore[attr-defined]
        return IMAGES[row] + noise, int(LABELS[row])


@pytest.mark.parametrize("wrap", [lambda data: data, lambda data: ConcatDataset([data, data])])
def test_sets_are_given_back_whatever_they_keep_of_being_read(
    tmp_path: Path, wrap: Callable[[Dataset[Any]], Dataset[Any]]
) -> None:
    path = tmp_path / "images"
    path.touch()
    data, fresh = Opening(path), Opening(path)
    sampler = BatchSampler(
        RandomSampler(range(24), generator=torch.Generator().manual_seed(1)), 8, drop_last=False
    )
    train = DataLoader(wrap(data), batch_sampler=sampler)
    state = sampler.sampler.generator.get_state()  # type: ignore[attr-defined]

    Eyes().look(network(), train, train)

    assert (data.file, data.asked) == (None, 0)
    assert torch.equal(sampler.sampler.generator.get_state(), state)  # type: ignore[attr-defined]
    assert torch.equal(data[0][0], fresh[0][0])


def test_a_loop_that_was_left_in_the_middle_is_forgotten_by_accelerate() -> None:
    accelerate = pytest.importorskip("accelerate")
    prepared = accelerate.Accelerator(cpu=True).prepare(loader(torch.full((24,), 99)))
    state = accelerate.state.GradientState()
    before = state.active_dataloader, len(state.dataloader_references)

    with pytest.raises(ValueError, match="no class of 3"):
        Eyes().look(network(), prepared, loader())

    assert (state.active_dataloader, len(state.dataloader_references)) == before


def mixed(items: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Put samples together as MixUp does: with soft labels."""
    images = torch.stack([image for image, _ in items])
    return images, torch.full((len(items), 3), 1 / 3)


def test_a_lens_that_fails_is_off_and_the_evaluation_is_recorded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = TensorDataset(IMAGES, LABELS)
    eyes = Eyes()
    for _ in range(2):
        seen = eyes.look(network(), loader(), DataLoader(data, batch_size=8, collate_fn=mixed))

        assert seen.train_loss is None
        assert seen.found.loss == Eyes().look(network(), loader()).found.loss
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("valtui: the training loss in eval mode is off: ")


def test_layers_that_training_leaves_alone_keep_their_statistics() -> None:
    model = network().train()
    model[1].eval()  # type: ignore[index]
    eyes = Eyes()

    seen = eyes.look(model, loader(), loader())

    assert seen.exact is None
    assert "no BatchNorm that training moves" in exact(eyes).reason
    assert not model[1].training  # type: ignore[index]


@pytest.mark.parametrize(
    ("labels", "outputs", "words"),
    [
        (torch.full((24,), 255), 3, "the label 255 is no class of 3"),
        (torch.full((24,), -1), 3, "the label -1 is no class of 3"),
        (LABELS % 2, 1, "one logit needs a loss of your own"),
    ],
)
def test_labels_that_would_end_a_process_on_a_gpu_are_refused(
    labels: torch.Tensor, outputs: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Eyes().look(network(outputs), loader(labels))


TWO_RANKS = """
    import datetime, sys
    import torch, torch.distributed as dist, torch.multiprocessing as mp
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset
    from valtui_trainer import Recorder

    def train(rank, place):
        dist.init_process_group(
            "gloo", init_method="file://" + place, rank=rank, world_size=2,
            timeout=datetime.timedelta(seconds=20),
        )
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))
        model = nn.parallel.DistributedDataParallel(net)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        data = TensorDataset(torch.randn(24, 1, 4, 4), torch.arange(24) % 3)
        loader = DataLoader(data, 8)
        with Recorder("two") as recorder:
            for step, (images, labels) in enumerate([*loader, *loader], 1):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(images), labels).backward()
                optimizer.step()
                if step % 3 == 0:
                    recorder.evaluate(model, loader, step=step, train_loader=loader)
        print(rank, recorder.evaluations, flush=True)
        dist.destroy_process_group()

    if __name__ == "__main__":
        mp.spawn(train, (sys.argv[1],), nprocs=2)
"""


@pytest.mark.slow
def test_of_two_processes_one_records_and_neither_waits_for_the_other(
    home: Path, tmp_path: Path
) -> None:
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(TWO_RANKS))

    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "meet")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert sorted(done.stdout.splitlines()) == ["0 2", "1 0"], done.stderr[-2000:]
    assert len(session_names(home)) == 1
