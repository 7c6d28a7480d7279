"""Steps that are captured and replayed: the loop's to the bit, wherever they begin, go on, or fail.

Without CUDA a tape stands in for graphs: as blind as they are (`support/tape.py`).
"""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn

from support.replicas import build_replica, random_images, replica_of, small_preset
from support.tape import Tape
from support.training import Bench, same
from valtui_trainer.presets.types import Augmentation, Lenses, Model, Optimizer, Preset
from valtui_trainer.session.history import read_history
from valtui_trainer.training import checkpoint
from valtui_trainer.training.data.feeder import DeviceSet
from valtui_trainer.training.ensemble import Ensemble
from valtui_trainer.training.graphed import Graphed, GraphedStack
from valtui_trainer.training.replica import Replica, clone
from valtui_trainer.training.stacked import Stacked

SEEDS = (3, 4)
LIVELY = Augmentation(rotation=20, shift_x=0.2, flip=True, zoom=0.1, brightness=0.2, contrast=0.2)
BATCHNORM = Model(name="small-cnn", width=4, batchnorm=True, dropout=0.3)
EXACT_RATE = 2.0**-10  # so in float32, too, which captures keep the rate in

SETTINGS: dict[str, dict[str, object]] = {
    "plain, adam": {},
    "dropout": {"model": Model(width=4, dropout=0.4)},
    "batchnorm": {"model": Model(name="small-cnn", width=4, batchnorm=True)},
    "augmentation": {"augmentation": LIVELY},
    "sgd with momentum and weight decay": {
        "optimizer": Optimizer(name="sgd", momentum=0.9), "weight_decay": 0.01,
    },
    "sgd without momentum": {"optimizer": Optimizer(name="sgd")},
    "adamw": {"optimizer": Optimizer(name="adamw"), "weight_decay": 0.1},
    "label smoothing, in order": {"label_smoothing": 0.1, "shuffle": False},
    "bfloat16": {"precision": "bfloat16"},
    "everything": {"model": BATCHNORM, "augmentation": LIVELY, "label_smoothing": 0.1},
}  # fmt: skip


def replicas(
    settings: Preset, device: str = "cpu", dtype: torch.dtype = torch.float64
) -> list[Replica]:
    return [build_replica(settings, seed, torch.device(device), dtype) for seed in SEEDS]


def epoch(ensemble: Ensemble, data: DeviceSet, rate: float = EXACT_RATE) -> torch.Tensor:
    """Take the steps of an epoch at rates that rise; return the figures (K, 4) of each, one below the other."""
    ensemble.train_mode()
    ensemble.begin_epoch(data)
    figures = []
    for number, position in enumerate((0, 32, 64)):  # the last batch holds 16 images
        ensemble.step(data, position, (1 + number) * rate)
        figures.append(ensemble.figures())
    return torch.cat(figures)


@pytest.mark.parametrize(("plain", "replayed"), [(Ensemble, Graphed), (Stacked, GraphedStack)])
@pytest.mark.parametrize("name", SETTINGS)
def test_steps_are_those_that_are_not_replayed_to_the_bit_in_every_epoch(
    name: str, plain: type[Ensemble], replayed: type[Graphed]
) -> None:
    dtype = torch.float32 if name == "bfloat16" else torch.float64
    settings, data, tape = small_preset(**SETTINGS[name]), random_images(dtype=dtype), Tape()
    loop = plain(replicas(settings, dtype=dtype))
    graph = replayed(replicas(settings, dtype=dtype), capturer=tape)

    for number in range(5):
        expected, found = epoch(loop, data), epoch(graph, data)
        for ensemble in (loop, graph):  # so that a state is of a step that was replayed
            ensemble.step(data, 0, (5 + number) * EXACT_RATE)

        assert torch.equal(found, expected)
        for one, other in zip(graph.replicas, loop.replicas, strict=True):
            assert same(one.state(), other.state())

    assert graph.trouble == ""


def test_each_size_of_batch_is_captured_after_three_steps_and_replayed_from_then_on() -> None:
    data, tape = random_images(), Tape()
    graph = Graphed(replicas(small_preset())[:1], capturer=tape)
    seen = []

    for _ in range(5):
        epoch(graph, data)
        seen.append((tape.warm_ups, tape.captures, tape.replays))

    assert seen == [(3, 0, 0), (5, 1, 1), (6, 1, 3), (6, 2, 6), (6, 2, 9)]


def test_a_rate_that_is_not_exact_in_float32_changes_weights_by_less_than_1e_7() -> None:
    settings, data = small_preset(model=BATCHNORM), random_images()
    loop, graph = Ensemble(replicas(settings)), Graphed(replicas(settings), capturer=Tape())

    for _ in range(5):
        epoch(loop, data, 1e-3)
        epoch(graph, data, 1e-3)

    for one, other in zip(graph.replicas, loop.replicas, strict=True):
        torch.testing.assert_close(
            one.model.state_dict(), other.model.state_dict(), rtol=0, atol=1e-7
        )
        assert (
            one.optimizer.state_dict()["param_groups"]
            == (other.optimizer.state_dict()["param_groups"])
        )


def test_weights_that_are_not_trained_stay_and_those_that_are_not_used_have_no_gradient() -> None:
    data = random_images()

    def build() -> Replica:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(100, 8), nn.ReLU(), nn.Linear(8, 3))
        model[1].weight.requires_grad_(False)
        model.register_parameter("idle", nn.Parameter(torch.ones(2)))
        return replica_of(model, small_preset(), 0)

    loop, graph = Ensemble([build()]), Graphed([build()], capturer=Tape())

    for _ in range(3):
        assert torch.equal(epoch(graph, data), epoch(loop, data))

    assert graph.replicas[0].model.get_parameter("idle").grad is None
    assert same(graph.replicas[0].state(), loop.replicas[0].state())


def test_a_replica_that_is_not_finite_leaves_the_others_as_they_were_to_the_bit() -> None:
    settings, data = small_preset(model=BATCHNORM, augmentation=LIVELY), random_images()
    sound, spoilt = (Graphed(replicas(settings), capturer=Tape()) for _ in range(2))
    with torch.no_grad():
        spoilt.replicas[0].model.get_parameter("convolution1.weight")[0] = torch.nan

    for _ in range(3):
        expected, found = epoch(sound, data), epoch(spoilt, data)

    assert found[0::2].isnan().all()
    assert torch.equal(found[1::2], expected[1::2])
    assert same(spoilt.replicas[1].state(), sound.replicas[1].state())


class Waiting(nn.Module):
    """Looks at what it computed for a batch of that size (None: any), for which the host has to wait."""

    def __init__(self, size: int | None) -> None:
        super().__init__()
        self.size = size
        self.linear = nn.Linear(100, 3)
        self.dropout = nn.Dropout(0.3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.linear(self.dropout(images.flatten(1)))
        if self.size in (None, len(images)):
            return outputs if float(outputs.detach().sum()) < 1e9 else outputs * 0.0
        return outputs


def waiting(size: int | None, device: str = "cpu") -> Replica:
    torch.manual_seed(0)
    return replica_of(Waiting(size), small_preset(augmentation=LIVELY), 0, torch.device(device))


def test_where_capturing_fails_steps_go_on_as_the_loops_and_it_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, tape = random_images(), Tape()
    loop, graph = Ensemble([waiting(None)]), Graphed([waiting(None)], capturer=tape)

    for _ in range(4):
        assert torch.equal(epoch(graph, data), epoch(loop, data))

    assert same(graph.replicas[0].state(), loop.replicas[0].state())
    assert "stream is capturing" in graph.trouble
    assert "those on 32 images go on as they were" in capsys.readouterr().err
    assert (tape.captures, tape.replays) == (0, 0)
    assert (
        tape.warm_ups == 4
    )  # three of full batches and one of the rest: none once there is no use


def test_where_the_rest_cannot_be_captured_full_batches_are_replayed_as_before() -> None:
    data, tape = random_images(), Tape()
    loop, graph = Ensemble([waiting(16)]), Graphed([waiting(16)], capturer=tape)

    for _ in range(6):
        assert torch.equal(epoch(graph, data), epoch(loop, data))

    assert same(graph.replicas[0].state(), loop.replicas[0].state())
    assert "stream is capturing" in graph.trouble
    assert (tape.captures, tape.replays) == (1, 9)


def test_a_device_that_does_not_recover_from_a_failed_capture_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("device is lost")

    data, tape = random_images(), Tape()
    monkeypatch.setattr(tape, "recover", fail)
    graph = Graphed([waiting(None)], capturer=tape)
    epoch(graph, data)

    try:
        with pytest.raises(RuntimeError, match="Offset increment outside graph capture"):
            epoch(graph, data)
    finally:
        Tape.recover(tape, [])

    assert "stream is capturing" in graph.trouble
    assert graph.trouble.endswith(
        "the device does not recover from that (RuntimeError: device is lost)"
    )


@pytest.mark.parametrize("replayed", [Graphed, GraphedStack])
def test_captures_that_nobody_holds_give_their_memory_back_at_once(
    replayed: type[Graphed],
) -> None:
    data = random_images()
    graph = replayed(replicas(small_preset(model=BATCHNORM)), capturer=Tape())
    for _ in range(3):
        epoch(graph, data)
    held = [weakref.ref(graph), weakref.ref(graph.replicas[0]), weakref.ref(graph._steps[0])]

    gc.disable()
    try:
        del graph
        assert [one() for one in held] == [None] * len(held)
    finally:
        gc.enable()


def test_a_run_that_falls_back_says_so_once_and_a_probe_tells_the_engine_it_fell_back_to(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(Tape, "capture", fail)
    graph, both = (bench(home, digits_preset(digits), name) for name in ("graph", "graph-stack"))

    for made in (graph, both):
        made.advance(15)

    for made, engine in ((graph, "loop"), (both, "stack")):
        assert made.loop.ensemble.taken_by == engine
        (event,) = (e for _, e in read_history(made.run).events if e.kind == "warning")
        assert event.message == (
            "Not all steps are replayed as they were to be: a step cannot be captured (RuntimeError: "
            "operation not permitted when stream is capturing)."
        )
        assert (event.step, event.data["engine"]) == (6, engine)


def digits_preset(digits: Path, **settings: object) -> Preset:
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 48, "epochs": 6, "eval_every": 0.5, "log_every": 3,
        "model": BATCHNORM, "augmentation": LIVELY, "learning_rate": EXACT_RATE,
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


def bench(home: Path, settings: Preset, engine: str) -> Bench:
    """Return a loop of two seeds on the engine `engine`, a tape standing in for CUDA graphs."""
    kind = {"graph": Graphed, "graph-stack": GraphedStack}.get(engine)
    made = Bench(home, settings, (0, 1), engine="loop" if kind else engine)  # type: ignore[arg-type]
    if kind is not None:
        made.loop.ensemble = kind(made.loop.replicas, capturer=Tape())
    return made


def through_a_file(made: Bench) -> dict[str, object]:
    """Return the state of a loop as it comes back from a checkpoint."""
    written = checkpoint.write(made.run.checkpoints, made.loop.state())
    state = checkpoint.read(made.run.checkpoints / written.name)
    assert state is not None
    return state


OPTIMIZERS = {"adam": Optimizer(), "sgd": Optimizer(name="sgd", momentum=0.9)}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("begun", "other"),
    [("loop", "graph"), ("graph", "loop"), ("stack", "graph-stack"), ("graph-stack", "stack")],
)
@pytest.mark.parametrize("steps", [0, 17])
def test_a_run_goes_on_on_the_other_engine_to_the_bit(
    home: Path, digits: Path, begun: str, other: str, optimizer: str, steps: int
) -> None:
    settings = digits_preset(digits, optimizer=OPTIMIZERS[optimizer])
    whole, resumed = bench(home, settings, begun), bench(home, settings, other)
    whole.advance(steps)
    resumed.advance(6)  # by when a step has been captured, into memory that loading replaces

    resumed.loop.load_state(through_a_file(whole))

    assert same(resumed.loop.state()["replicas"], whole.loop.state()["replicas"])
    assert resumed.advance(12) == whole.advance(12)
    assert same(resumed.loop.state()["replicas"], whole.loop.state()["replicas"])


@pytest.mark.parametrize("other", ["stack", "graph-stack"])
def test_a_stack_goes_on_from_a_graph(home: Path, digits: Path, other: str) -> None:
    settings = digits_preset(digits)
    graph, stack = bench(home, settings, "graph"), bench(home, settings, other)
    graph.advance(9)

    stack.loop.load_state(through_a_file(graph))

    assert same(stack.loop.state()["replicas"], graph.loop.state()["replicas"])


def test_evaluations_and_lenses_change_nothing(home: Path, digits: Path) -> None:
    averaged = Lenses(averaged_weights=True, most=1e9)
    off = Lenses(exact_batchnorm=False, calibrated_outputs=False)
    seen = bench(home, digits_preset(digits, eval_every="1 step", lenses=averaged), "graph")
    unseen = bench(home, digits_preset(digits, eval_every=3, lenses=off), "graph")

    assert seen.advance(15) == unseen.advance(15)
    assert same(seen.loop.state()["replicas"], unseen.loop.state()["replicas"])


cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")


@pytest.mark.cuda
@cuda
@pytest.mark.parametrize("replayed", [Graphed, GraphedStack])
@pytest.mark.parametrize("name", SETTINGS)
def test_graphs_on_cuda_take_the_loops_steps_and_draw_what_it_draws(
    name: str, replayed: type[Graphed]
) -> None:
    dtype = torch.float32 if name == "bfloat16" else torch.float64
    settings = small_preset(**SETTINGS[name])
    data = random_images(device=torch.device("cuda"), dtype=dtype)
    loop = Ensemble(replicas(settings, "cuda", dtype))
    graph = replayed(replicas(settings, "cuda", dtype))
    tolerance = 0.1 if name == "bfloat16" else 1e-5

    for _ in range(5):
        torch.testing.assert_close(
            epoch(graph, data), epoch(loop, data), rtol=tolerance, atol=tolerance
        )

    assert graph.trouble == ""
    for one, other in zip(graph.replicas, loop.replicas, strict=True):
        for mine, theirs in zip(one.streams, other.streams, strict=True):
            assert torch.equal(mine.get_state(), theirs.get_state())
        torch.testing.assert_close(
            one.model.state_dict(), other.model.state_dict(), rtol=tolerance, atol=tolerance
        )


@pytest.mark.cuda
@cuda
@pytest.mark.parametrize("replayed", [Graphed, GraphedStack])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_on_cuda_a_state_goes_from_graph_to_loop_and_back(
    optimizer: str, replayed: type[Graphed]
) -> None:
    settings = small_preset(model=BATCHNORM, augmentation=LIVELY, optimizer=OPTIMIZERS[optimizer])
    data = random_images(device=torch.device("cuda"))
    graph = replayed(replicas(settings, "cuda"))
    loop = Ensemble(replicas(settings, "cuda"))
    for _ in range(4):
        epoch(graph, data)
    states = [replica.state() for replica in graph.replicas]
    epoch(graph, data)

    for ensemble in (loop, graph):
        for replica, state in zip(ensemble.replicas, states, strict=True):
            replica.load_state(clone(state), data, begun=False)
        for _ in range(4):
            epoch(ensemble, data)

    assert graph.trouble == ""
    for one, other in zip(graph.replicas, loop.replicas, strict=True):
        torch.testing.assert_close(
            one.model.state_dict(), other.model.state_dict(), rtol=1e-5, atol=1e-6
        )


@pytest.mark.cuda
@cuda
@pytest.mark.parametrize("size", [None, 16])
def test_on_cuda_a_capture_that_is_invalidated_leaves_the_loops_steps_and_earlier_graphs(
    size: int | None,
) -> None:
    data = random_images(device=torch.device("cuda"))
    graph, loop = Graphed([waiting(size, "cuda")]), Ensemble([waiting(size, "cuda")])

    for _ in range(6):
        torch.testing.assert_close(epoch(graph, data), epoch(loop, data), rtol=1e-5, atol=1e-6)
    later = Graphed(replicas(small_preset(model=BATCHNORM), "cuda"))
    for _ in range(5):
        epoch(later, data)

    assert "captur" in graph.trouble
    assert "recover" not in graph.trouble
    assert later.trouble == ""
    for mine, theirs in zip(graph.replicas[0].streams, loop.replicas[0].streams, strict=True):
        assert torch.equal(mine.get_state(), theirs.get_state())
