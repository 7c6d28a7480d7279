"""Which engine is taken: the loop where another is impossible, wrong or no faster."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from torchvision import models as torchvision_models

from support.own_models import Linear
from support.replicas import build_replica, random_images, replica_of, small_preset
from support.tape import Tape
from support.training import Bench, same, train
from valtui_trainer.presets.types import Augmentation, Model, Preset
from valtui_trainer.training import choose_engine, graphed, obstacles, run, trial
from valtui_trainer.training.capturing import CannotCaptureError
from valtui_trainer.training.choose_engine import (
    Choice,
    engine_in_words,
    make_ensemble,
    tried,
)
from valtui_trainer.training.data.arrays import Images
from valtui_trainer.training.data.feeder import DeviceSet, Normalisation, StreamedSet
from valtui_trainer.training.dropout import replace_dropout
from valtui_trainer.training.ensemble import Engine, Ensemble
from valtui_trainer.training.graphed import Graphed
from valtui_trainer.training.lenses.plan import Trial as LensTrial
from valtui_trainer.training.obstacles import cannot_be_captured, cannot_be_stacked
from valtui_trainer.training.pace import warm_up
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.stacked import Stacked
from valtui_trainer.training.stacking import CannotStackError
from valtui_trainer.training.trial import MOST_TRIED, Ready, Trial

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
    for engine in ("graph", "graph-stack"):
        with pytest.raises(CannotCaptureError, match="graphs need CUDA"):
            make_ensemble(replicas(), data, engine)  # type: ignore[arg-type]


@pytest.fixture
def tapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tapes stand in for CUDA graphs."""
    monkeypatch.setattr(graphed, "CudaCapturer", lambda device: Tape())


@pytest.mark.usefixtures("tapes")
@pytest.mark.parametrize("count", [1, 2])
def test_trying_all_engines_changes_nothing(count: int) -> None:
    data, mine, untried = random_images(), replicas(count), replicas(count)
    for ensemble in (Ensemble(mine), Ensemble(untried)):
        ensemble.begin_epoch(data)
        ensemble.step(data, 0, 1e-3)
    before = torch.get_rng_state()

    tried(mine, data)

    assert torch.equal(torch.get_rng_state(), before)
    for one, other in zip(mine, untried, strict=True):
        assert same(one.state(), other.state())


def let_take(monkeypatch: pytest.MonkeyPatch, seconds: dict[str, float]) -> None:
    """Let a step take so many seconds on each engine."""

    def timed(ready: dict[Engine, Ready], data: object) -> dict[Engine, Trial]:
        return {name: Trial(seconds[name], one.memory) for name, one in ready.items()}

    monkeypatch.setattr(trial, "timed", timed)


@pytest.mark.usefixtures("tapes")
@pytest.mark.parametrize(
    ("graph", "stack", "both", "taken"),
    [
        (1.0, 2.0, 1.5, "graph"),
        (2.0, 1.0, 2.0, "stack"),
        (2.0, 1.5, 1.0, "graph-stack"),
        (2.8, 9.0, 9.0, "loop"),
        (9.0, 2.8, 2.8, "loop"),
    ],
)
def test_the_fastest_engine_is_taken_where_it_is_worth_it(
    monkeypatch: pytest.MonkeyPatch, graph: float, stack: float, both: float, taken: str
) -> None:
    seconds = {"graph": graph, "stack": stack, "graph-stack": both, "loop": 3.0}
    let_take(monkeypatch, seconds)

    found = tried(replicas(8), random_images())

    assert found.engine == taken
    assert found.seconds == 2 * seconds[taken]  # for four of the eight were tried
    assert found.gain == 3.0 / seconds[taken]
    assert found.why == (
        f"a step of 4 takes 3e+03 ms launched kernel by kernel, {1000 * graph:.3g} ms replayed from "
        f"CUDA graphs, {1000 * stack:.3g} ms stacked, {1000 * both:.3g} ms stacked and replayed from "
        "CUDA graphs"
    )


@pytest.mark.usefixtures("tapes")
def test_one_replica_is_replayed_where_that_is_faster_and_never_stacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_take(monkeypatch, {"graph": 1e-4, "loop": 2e-3})
    mine = replicas(1)

    found = tried(mine, random_images())
    ensemble = found.of(mine)

    assert type(ensemble) is Graphed
    assert engine_in_words(ensemble) == (
        "One replica takes each step replayed from CUDA graphs: a step takes 2 ms launched kernel by "
        "kernel, 0.1 ms replayed from CUDA graphs."
    )


@pytest.mark.usefixtures("tapes")
@pytest.mark.parametrize("name", ["graph", "stack", "graph-stack"])
def test_an_engine_that_fails_errs_or_does_not_move_the_weights_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, name: Engine
) -> None:
    data, engine = random_images(), choose_engine.ENGINES[name]
    let_take(monkeypatch, dict.fromkeys(choose_engine.ENGINES, 9.0) | {"loop": 3.0, name: 1.0})

    def err(ensemble: Ensemble, *given: object) -> None:
        engine.step(ensemble, *given)  # type: ignore[arg-type]
        ensemble.replicas[1].losses[ensemble.open_steps - 1] *= 1.1

    def rest(ensemble: Ensemble, data: DeviceSet, position: int, rate: float) -> None:
        engine.step(ensemble, data, position, 0.0)

    def fail(*_: object) -> None:
        raise RuntimeError("no kernel for this")

    found = {}
    for what in (engine.step, err, rest, fail):
        changed = type("Changed", (engine,), {"step": what})
        monkeypatch.setitem(choose_engine.ENGINES, name, changed)
        found[what.__name__] = tried(replicas(), data)

    assert found["step"].engine == name
    assert {found[what].engine for what in ("err", "rest", "fail")} == {"loop"}
    for what in ("err", "rest"):
        assert found[what].why.endswith("this model has other losses, or takes other steps")
    assert "no kernel for this" in found["fail"].why


@pytest.mark.usefixtures("tapes")
def test_what_turns_out_not_to_be_capturable_is_not_taken_for_a_replay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_take(monkeypatch, {"graph": 1.0, "stack": 9.0, "graph-stack": 1.0, "loop": 3.0})

    def fail(*_: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(Tape, "capture", fail)

    found = tried(replicas(), random_images())

    assert found.engine == "loop"
    assert "not replayed from CUDA graphs: a step cannot be captured" in found.why


class WaitsOnRest(Linear):
    """Looks at what it computed for the last batch of an epoch, for which the host has to wait."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        outputs = super().forward(images)
        return outputs if len(images) == 32 or float(outputs.detach().sum()) < 1e9 else -outputs


@pytest.mark.usefixtures("tapes")
def test_a_step_on_the_rest_of_an_epoch_that_cannot_be_captured_shows_in_the_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_take(monkeypatch, {"graph": 1.0, "loop": 3.0})
    monkeypatch.setattr(obstacles, "first_obstacle", lambda *_: "")

    found = tried([replica_of(WaitsOnRest(10, 10, 3), SETTINGS, 0)], random_images())

    assert found.engine == "loop"
    assert "not replayed from CUDA graphs: a step cannot be captured" in found.why


@pytest.mark.usefixtures("tapes")
@pytest.mark.parametrize(("count", "taken"), [(4, "stack"), (8, "graph"), (16, "loop")])
def test_an_engine_for_which_there_is_too_little_memory_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, count: int, taken: str
) -> None:
    let_take(monkeypatch, {"graph": 2.0, "stack": 1.0, "graph-stack": 1.5, "loop": 3.0})
    needs = {"Ensemble": 5, "Graphed": 30, "Stacked": 60, "GraphedStack": 70}
    let_need(monkeypatch, needs, free=125)

    found = tried(replicas(count), random_images())

    assert found.engine == taken
    assert ("there is too little memory for it" in found.why) == (count > MOST_TRIED)


@pytest.mark.usefixtures("tapes")
def test_engines_that_do_not_fit_beside_each_other_are_tried_one_after_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needs = {"Ensemble": 60, "Graphed": 60, "Stacked": 60, "GraphedStack": 60}
    let_need(monkeypatch, needs, free=100)
    together: list[list[str]] = []

    def timed(ready: dict[Engine, Ready], data: object) -> dict[Engine, Trial]:
        together.append(list(ready))
        return {name: Trial(1.0, one.memory) for name, one in ready.items()}

    monkeypatch.setattr(trial, "timed", timed)

    found = tried(replicas(), random_images())

    assert together == [["loop"], ["graph"], ["stack"], ["graph-stack"]]
    assert "; not" not in found.why


def let_need(monkeypatch: pytest.MonkeyPatch, needs: dict[str, int], free: int) -> None:
    """Let engines need so many bytes, of which so many are free."""
    attempted = trial.attempted

    def needing(*given: object) -> Ready | str:
        made = attempted(*given)  # type: ignore[arg-type]
        return (
            made
            if isinstance(made, str)
            else replace(made, memory=needs[type(made.ensemble).__name__])
        )

    monkeypatch.setattr(trial, "attempted", needing)
    monkeypatch.setattr(trial, "free_memory", lambda _: free)


@pytest.mark.usefixtures("tapes")
@pytest.mark.parametrize("what", ["fails", "errs", "is not captured"])
def test_no_copy_is_left_when_the_memory_of_an_engine_that_is_not_for_them_is_given_back(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    copies: list[weakref.ref[Replica]] = []
    left: list[int] = []
    twins = trial.twins

    def counted(replicas: list[Replica]) -> list[Replica]:
        made = twins(replicas)
        copies.extend(map(weakref.ref, made))
        return made

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    def err(ensemble: Ensemble) -> torch.Tensor:
        return 2 * Ensemble.figures(ensemble)

    monkeypatch.setattr(trial, "twins", counted)
    monkeypatch.setattr(
        trial, "release", lambda _: left.append(sum(one() is not None for one in copies))
    )
    if what == "is not captured":
        monkeypatch.setattr(Tape, "capture", fail)
    else:
        monkeypatch.setattr(Graphed, *(("step", fail) if what == "fails" else ("figures", err)))

    gc.disable()
    try:
        trial.made_ready(
            "graph", choose_engine.ENGINES, replicas(), random_images(), torch.ones(2, 5)
        )
    finally:
        gc.enable()

    assert (len(copies), left) == (2, [0])


def test_where_not_even_the_loop_can_be_tried_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(trial, "twins", fail)

    found = tried(replicas(), random_images())

    assert (found.engine, found.seconds) == ("loop", None)
    assert "out of memory" in found.why


@pytest.mark.usefixtures("tapes")
def test_losses_that_are_not_finite_are_no_disagreement() -> None:
    mine = replicas()
    with torch.no_grad():
        mine[1].model.get_parameter("convolution1.weight")[0] = torch.nan

    assert "; not" not in tried(mine, random_images()).why


HELD_BY_THE_HOST = {
    "code of the user's": (lambda: Linear(10, 10, 3), "code of your own"),
    "hooks": (hooked, "hooks"),
    "a mean over all steps": (lambda: nn.BatchNorm2d(3, momentum=None), "which the host counts"),
    "dropout in a function": (
        lambda: torchvision_models.efficientnet_b0(num_classes=3), "torch's own generator",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HELD_BY_THE_HOST)
def test_what_cannot_be_captured_is_named(name: str) -> None:
    build, why = HELD_BY_THE_HOST[name]

    assert why in cannot_be_captured(replica_of(build(), SETTINGS, 0), random_images())


def test_only_images_that_lie_on_the_device_are_captured() -> None:
    resident = random_images()
    streamed = StreamedSet(
        Images(np.zeros((8, 10, 10, 1), np.uint8), np.zeros(8, np.int64), ("a", "b", "c")),
        resident.device,
        Normalisation.of([0.5], [0.3], resident.device, torch.float64),
    )

    assert cannot_be_captured(replicas(1)[0], resident) == ""
    assert "do not fit the device" in cannot_be_captured(replicas(1)[0], streamed)


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


@pytest.mark.usefixtures("tapes")
def test_a_run_on_replays_logs_what_the_loop_logs_to_the_bit(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Preset(
        data=str(digits), model=SETTINGS.model, augmentation=SETTINGS.augmentation, epochs=2,
        log_every=5, learning_rate=2.0**-10, eval_every=0.5,
    )  # fmt: skip
    _, expected = train(home, settings, seeds=(0, 1))
    replayed = Choice("graph", "a step of 2 takes less time so", seconds=1e-3)
    monkeypatch.setattr(run, "choose", lambda *_: replayed)
    _, found = train(home, settings, seeds=(0, 1))

    (told,) = (event for _, event in found.events if event.kind == "engine")
    assert told.message == (
        "2 replicas take each step one after another, replayed from CUDA graphs: a step of 2 takes "
        "less time so."
    )
    assert [(r.step, r.seed, r.train_loss, r.grad_norm) for r in found.train] == [
        (r.step, r.seed, r.train_loss, r.grad_norm) for r in expected.train
    ]
    assert [(r.step, r.seed, r.val_loss) for _, r in found.val] == [
        (r.step, r.seed, r.val_loss) for _, r in expected.val
    ]


@pytest.mark.usefixtures("tapes")
@pytest.mark.parametrize("engine", ["graph", "stack", "graph-stack"])
def test_a_run_whose_engine_cannot_be_set_up_is_the_loops_to_the_bit_and_says_why(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    settings = Preset(
        data=str(digits), model=SETTINGS.model, augmentation=SETTINGS.augmentation, epochs=1,
        log_every=5,
    )  # fmt: skip
    _, expected = train(home, settings, seeds=(0, 1))
    chosen = choose_engine.ENGINES[engine]

    def too_large(*given: object) -> Ensemble:
        chosen(*given)  # type: ignore[arg-type]
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setitem(choose_engine.ENGINES, engine, too_large)  # type: ignore[arg-type]
    monkeypatch.setattr(run, "choose", lambda *_: Choice(engine, "it is fast", seconds=1e-3))
    _, found = train(home, settings, seeds=(0, 1))

    (warning,) = (event for _, event in found.events if event.kind == "warning")
    assert f"cannot be {choose_engine.TRIED[engine]} (OutOfMemoryError: CUDA" in warning.message
    (told,) = (event for _, event in found.events if event.kind == "engine")
    assert told.data == {"engine": "loop"}
    assert [(r.step, r.seed, r.train_loss, r.grad_norm) for r in found.train] == [
        (r.step, r.seed, r.train_loss, r.grad_norm) for r in expected.train
    ]
    assert [(r.step, r.seed, r.val_loss) for _, r in found.val] == [
        (r.step, r.seed, r.val_loss) for _, r in expected.val
    ]


def test_records_and_lenses_go_by_the_pace_of_the_engine_that_was_measured(
    home: Path, digits: Path
) -> None:
    bench = Bench(home, Preset(data=str(digits), model=Model(width=4), epochs=400, eval_every=400))

    steps = warm_up(bench.spec, bench.material, torch.device("cpu"), seconds=1e-4)
    beside = LensTrial(cost=0.02).beside_faster(10.0)

    assert steps == 2000  # of the 3,333 that take a third of a second
    assert beside.cost == pytest.approx(0.2)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("count", [1, 8])
def test_on_cuda_all_are_tried_and_small_nets_are_not_launched_kernel_by_kernel(count: int) -> None:
    device = torch.device("cuda")
    data = random_images(device=device, dtype=torch.float32)
    mine = [build_replica(SETTINGS, seed, device, torch.float32) for seed in range(count)]

    ensemble = make_ensemble(mine, data)

    assert "; not" not in ensemble.reason
    assert ensemble.name in (("graph", "graph-stack") if count > 1 else ("graph",))
