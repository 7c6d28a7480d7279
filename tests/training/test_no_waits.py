"""Between two records nothing waits for the device, whichever engine takes the steps.

Without CUDA: no operation hands a value to the host. With it: no synchronisation of any kind.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from support.replicas import build_replica, random_images, replica_of, small_preset
from support.tape import NoWaits, Tape
from support.training import Bench
from valtui_trainer.presets.types import Augmentation, Lenses, Model, Preset
from valtui_trainer.training.choose_engine import Wanted
from valtui_trainer.training.ensemble import Ensemble
from valtui_trainer.training.graphed import Graphed, GraphedStack
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.stacked import Stacked

BATCHNORM = Model(name="small-cnn", width=4, batchnorm=True, dropout=0.3)
LIVELY = Augmentation(rotation=20, shift_x=0.2, flip=True, zoom=0.1, brightness=0.2, contrast=0.2)


@pytest.mark.parametrize("engine", ["loop", "graph", "stack", "graph-stack"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_steps_of_an_epoch_hand_no_value_to_the_host(
    home: Path, digits: Path, engine: Wanted, precision: str
) -> None:
    settings = Preset(
        data=str(digits), batch_size=48, epochs=9, log_every=50, model=BATCHNORM,
        augmentation=LIVELY, lenses=Lenses(averaged_weights=True, most=1e9),
        precision=precision,  # type: ignore[arg-type]
    )  # fmt: skip
    kind = {"graph": Graphed, "graph-stack": GraphedStack}.get(engine)
    bench = Bench(home, settings, (0, 1), engine="loop" if kind else engine)
    if kind is not None:
        bench.loop.ensemble = kind(bench.loop.replicas, capturer=Tape())
    an_epoch = bench.loop.timetable.steps_per_epoch
    for _ in range(5 * an_epoch):  # by when kernels are loaded and both sizes of batch captured
        bench.loop.one_step()
    bench.loop.ensemble.figures()

    with NoWaits():
        for _ in range(an_epoch + 1):
            bench.loop.one_step()
        figures = bench.loop.ensemble.figures()

    assert figures.isfinite().all()


def test_what_hands_a_value_to_the_host_is_noticed() -> None:
    with NoWaits(), pytest.raises(RuntimeError, match="not permitted"):
        float(torch.ones(1))


def replicas(device: torch.device) -> list[Replica]:
    settings = small_preset(model=BATCHNORM, augmentation=LIVELY)
    return [build_replica(settings, seed, device, torch.float32) for seed in range(2)]


def drawing_from_torchs_own(device: torch.device) -> list[Replica]:
    def build(seed: int) -> Replica:
        model = nn.Sequential(nn.Flatten(), nn.AlphaDropout(0.3), nn.Linear(100, 3))
        return replica_of(model, small_preset(augmentation=LIVELY), seed, device, torch.float32)

    return [build(0), build(1)]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize(
    ("engine", "build"),
    [
        (Ensemble, replicas),
        (Ensemble, drawing_from_torchs_own),
        (Graphed, replicas),
        (Stacked, replicas),
        (GraphedStack, replicas),
    ],
)
def test_steps_of_an_epoch_on_cuda_do_not_synchronise(
    engine: type[Ensemble], build: object
) -> None:
    device = torch.device("cuda")
    data = random_images(device=device, dtype=torch.float32)
    ensemble = engine(build(device))  # type: ignore[operator]

    def epoch() -> torch.Tensor:
        ensemble.train_mode()
        ensemble.begin_epoch(data)
        for position in (0, 32, 64):
            ensemble.step(data, position, 1e-3)
        return ensemble.figures()

    for _ in range(5):
        epoch()
    torch.cuda.set_sync_debug_mode("error")
    try:
        figures = epoch()
    finally:
        torch.cuda.set_sync_debug_mode("default")

    assert figures.isfinite().all()
