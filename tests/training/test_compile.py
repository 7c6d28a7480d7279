"""`compile = true`: compiled before the clock runs and not later, the same losses, never a run that fails."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from support.training import Bench, same, train
from valtui_trainer.presets.types import Augmentation, Lenses, Model, Preset
from valtui_trainer.session.checkpoints import checkpoint_files
from valtui_trainer.session.create import add_attempt
from valtui_trainer.session.history import History, read_history
from valtui_trainer.training import checkpoint, compiling, journal, pace, turns
from valtui_trainer.training.attempt import run_attempt
from valtui_trainer.training.choose_engine import choose
from valtui_trainer.training.compiling import compile_all, compile_networks
from valtui_trainer.training.control import LONG_DEADLINE
from valtui_trainer.training.drawn import number_layers
from valtui_trainer.training.dropout import Dropout, set_generator


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Forget after each test what was compiled in it."""
    yield
    torch._dynamo.reset()


class Backend:
    """A compiler that leaves everything as it is, and counts what it compiles and what is called."""

    def __init__(self) -> None:
        self.compiled = 0
        self.called = 0

    def __call__(self, graph: torch.fx.GraphModule, _: list[Any]) -> Callable[..., Any]:
        self.compiled += 1

        def forward(*inputs: Any) -> Any:
            self.called += 1
            return graph.forward(*inputs)

        return forward


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    """The compiler of the test."""
    found = Backend()
    monkeypatch.setattr(compiling, "BACKEND", found)
    return found


needs_a_compiler = pytest.mark.skipif(
    shutil.which("g++") is None, reason="there is no C++ compiler"
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the real compiler keeps what it made, for the tests to share."""
    return tmp_path_factory.mktemp("compiled")


def preset(digits: Path, **settings: object) -> Preset:
    """Return a preset with a rest batch (320 = 6 · 48 + 32), BatchNorm, dropout and augmentation.

    No pace of the machine decides about its lenses: these may cost any time.
    """
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 48, "epochs": 2, "eval_every": 0.5, "log_every": 2,
        "model": Model(name="small-cnn", width=4, batchnorm=True, dropout=0.3),
        "augmentation": Augmentation(rotation=20, flip=True), "compile": True,
        "lenses": Lenses(most=1000.0),
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


def losses(history: History) -> list[float | None]:
    """Return everything that was measured of losses, in order."""
    found: list[float | None] = [record.train_loss for record in history.train]
    for _, record in history.val:
        found += [record.val_loss, record.val_loss_precise, record.train_eval_loss or 0.0]
    return found


class Forked(nn.Module):
    """Shows the same activations to one dropout layer twice, and to another once."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.dropout = Dropout(0.5)
        self.other = Dropout(0.5)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        seen = self.linear(images)
        return self.dropout(seen), self.dropout(seen), self.other(seen)


def compiled_networks(bench: Bench) -> AbstractContextManager[object]:
    """Compile the networks of `bench`; return the context that it is to train in."""
    loop = bench.loop
    return compile_networks(loop.replicas, bench.material, bench.journal, loop.clock)


class Passing:
    """A clock that runs only as it is told to; it stands in for the module `time`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    perf_counter = monotonic


def told(history: History, kind: str) -> list[str]:
    return [event.message for _, event in history.events if event.kind == kind]


def test_losses_and_lenses_are_those_of_the_uncompiled_network_within_rounding(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")

    _, compiled = train(home, preset(digits), seeds=(0, 1))
    _, plain = train(home, preset(digits, compile=False), seeds=(0, 1))

    assert len(told(compiled, "compile")) == 1
    assert not told(compiled, "warning")
    assert losses(compiled) == pytest.approx(losses(plain), rel=1e-4)


def test_the_checkpoint_is_that_of_any_other_network(
    home: Path, digits: Path, backend: Backend
) -> None:
    run, _ = train(home, preset(digits))
    other, _ = train(home, preset(digits, compile=False))

    states = [checkpoint.newest(one.checkpoints) for one in (run, other)]

    assert backend.called
    ours, theirs = (state[1]["replicas"][0]["model"] for state in states if state is not None)
    assert list(ours) == list(theirs)


def test_compiling_leaves_everything_as_it_was_to_the_bit(
    home: Path, digits: Path, backend: Backend
) -> None:
    bench = Bench(home, preset(digits), seeds=(0, 1))
    bench.advance(3)
    before = bench.loop.state()

    compile_all(bench.loop.preset, bench.loop.replicas, bench.material)

    after = bench.loop.state()
    del before["time"], after["time"]
    assert (
        backend.compiled == 3
    )  # 48 and 32 in training, 80 in evaluation; the second seed shares them
    assert same(before, after)


def test_nothing_is_compiled_once_training_has_begun_and_the_clock_has_not_moved_before(
    home: Path, digits: Path, backend: Backend
) -> None:
    bench = Bench(home, preset(digits), seeds=(0, 1))
    bench.loop.begin()
    bench.loop.clock.set(100.0)

    with compiled_networks(bench):
        compiled, called = backend.compiled, backend.called
        bench.advance(bench.loop.timetable.total)

    assert backend.compiled == compiled
    assert backend.called > called


def test_a_resumed_run_repeats_the_uninterrupted_one_to_the_bit(
    home: Path, digits: Path, backend: Backend
) -> None:
    whole = Bench(home, preset(digits))
    whole.loop.begin()
    with compiled_networks(whole):
        whole.advance(5)
        state = whole.loop.state()
        rest = whole.advance(6)

    resumed = Bench(home, preset(digits))
    resumed.loop.load_state(state)
    with compiled_networks(resumed):
        assert resumed.advance(6) == rest
    assert backend.called


@pytest.mark.parametrize("channelwise", [False, True])
def test_dropout_does_not_break_the_network_into_pieces_and_draws_the_same_masks(
    backend: Backend, channelwise: bool
) -> None:
    layer = Dropout(0.5, channelwise=channelwise)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), layer, nn.ReLU(), Dropout(0.3))
    images = torch.rand(8, 1, 6, 6)

    def trained() -> list[torch.Tensor]:
        set_generator(network, torch.Generator().manual_seed(1))
        network.zero_grad()
        outputs = [network(images), network(images)]
        sum(outputs).square().sum().backward()  # type: ignore[union-attr]
        return [
            *outputs,
            *(weight.grad for weight in network.parameters() if weight.grad is not None),
        ]

    expected = trained()
    number_layers(network)
    network.compile(backend=backend, dynamic=False)
    found = trained()

    assert (backend.compiled, backend.called) == (1, 2)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("compiler", ["aot_eager", "aot_eager_decomp_partition"])
def test_a_layer_that_is_called_twice_on_the_same_activations_draws_twice(compiler: str) -> None:
    network = Forked()
    images = torch.rand(4, 6)

    def masks() -> tuple[torch.Tensor, ...]:
        set_generator(network, torch.Generator().manual_seed(1))
        left, right, other = network(images)
        return left != 0, right != 0, other != 0

    expected = masks()
    number_layers(network)
    network.compile(backend=compiler, dynamic=False)
    found = masks()

    assert not torch.equal(found[0], found[1])
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_the_compiler_prepares_no_headers_which_would_lie_outside_of_its_cache(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def compiler(graph: torch.fx.GraphModule, _: list[Any]) -> Callable[..., Any]:
        seen.append(torch._inductor.config.cpp_cache_precompile_headers)
        return graph.forward

    monkeypatch.setattr(compiling, "BACKEND", compiler)
    monkeypatch.setattr("torch._inductor.config.cpp_cache_precompile_headers", True)
    bench = Bench(home, preset(digits))

    compile_all(bench.loop.preset, bench.loop.replicas, bench.material)

    assert set(seen) == {False}


def test_records_and_lenses_go_by_the_pace_of_the_compiled_network(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Passing()

    def compiler(graph: torch.fx.GraphModule, _: list[Any]) -> Callable[..., Any]:
        def forward(*inputs: Any) -> Any:
            clock.seconds += 0.01
            return graph.forward(*inputs)

        return forward

    monkeypatch.setattr(compiling, "BACKEND", compiler)
    monkeypatch.setattr(pace, "time", clock)
    monkeypatch.setattr(turns, "time", clock)

    _, found = train(home, preset(digits, log_every="auto", epochs=5, eval_every=5))

    (start,) = found.starts
    assert start.log_every == 20  # of the 33 that take a third of a second
    (exact,) = (plan for plan in start.lenses if plan.name == "exact-batchnorm")
    assert exact.cost == pytest.approx(0.0, abs=1e-6)  # its passes are not compiled


def test_what_is_told_of_compiling_has_the_time_of_what_follows_it(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Passing()

    def slow(*_: object) -> None:
        clock.seconds += 100.0
        raise RuntimeError("no C++ compiler was found")

    monkeypatch.setattr(compiling, "BACKEND", slow)
    bench = Bench(home, preset(digits))
    monkeypatch.setattr(compiling, "time", clock)
    monkeypatch.setattr(journal, "time", clock)
    bench.loop.clock.set(5.0)

    with compiled_networks(bench):
        bench.journal.sync()

    (warning,) = (event for _, event in read_history(bench.run).events if event.kind == "warning")
    assert warning.time == 5.0


@pytest.mark.parametrize(("deadline", "allowed"), [(None, LONG_DEADLINE), (7200.0, 7200.0)])
def test_compiling_may_take_as_long_as_the_preset_says_that_the_trainer_may_be_silent(
    home: Path,
    digits: Path,
    monkeypatch: pytest.MonkeyPatch,
    deadline: float | None,
    allowed: float,
) -> None:
    seen = []

    def compiler(graph: torch.fx.GraphModule, _: list[Any]) -> Callable[..., Any]:
        seen.append((bench.control.phase, bench.control.deadline))
        return graph.forward

    monkeypatch.setattr(compiling, "BACKEND", compiler)
    bench = Bench(home, preset(digits, deadline=deadline))

    with compiled_networks(bench):
        assert set(seen) == {("compiling", allowed)}


@pytest.mark.slow
@needs_a_compiler
def test_what_a_model_draws_by_functions_of_torch_is_the_same_with_the_real_compiler(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(cache))
    model = Model(name="support.own_models:Functional")
    still = preset(digits, model=model, batch_size=320, augmentation=Augmentation())
    bench = Bench(home, still)
    (replica,) = bench.loop.replicas
    index = torch.arange(320)

    def gradient() -> list[torch.Tensor]:
        replica.global_state = None
        return replica.gradient(bench.material.train_set, index)

    expected = gradient()
    with compiled_networks(bench):
        found = gradient()

    assert len(expected) == 2
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_a_copy_is_not_compiled(home: Path, digits: Path, backend: Backend) -> None:
    bench = Bench(home, preset(digits))
    (replica,) = bench.loop.replicas
    compile_all(bench.loop.preset, [replica], bench.material)
    called = backend.called

    copy = replica.twin(log_every=1)
    copy.begin_epoch(bench.material.train_set)
    copy.step(bench.material.train_set, 0, 1e-3)

    assert backend.called == called


def test_a_compiler_that_fails_is_a_warning_and_the_run_is_the_uncompiled_one_to_the_bit(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no C++ compiler was found\nand a long story")

    monkeypatch.setattr(compiling, "BACKEND", broken)

    _, failed = train(home, preset(digits), seeds=(0, 1))
    _, plain = train(home, preset(digits, compile=False), seeds=(0, 1))

    (warning,) = told(failed, "warning")
    assert "could not be compiled" in warning
    assert "no C++ compiler was found" in warning
    assert "\n" not in warning
    assert "trained uncompiled" in warning
    assert losses(failed) == losses(plain)


def test_a_compiled_network_is_trained_by_the_loop_and_the_reason_is_said(
    home: Path, digits: Path
) -> None:
    bench = Bench(home, preset(digits), seeds=(0, 1))

    choice = choose(bench.loop.replicas, bench.material.train_set)

    assert choice.engine == "loop"
    assert "compiled" in choice.why


@pytest.mark.parametrize(
    "compiler", ["aot_eager", pytest.param("inductor", marks=[pytest.mark.slow, needs_a_compiler])]
)
def test_an_attempt_that_goes_on_from_a_checkpoint_repeats_the_first_to_the_bit(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, compiler: str
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(cache))
    monkeypatch.setattr(compiling, "BACKEND", compiler)
    run, whole = train(home, preset(digits))
    checkpoint_files(run.checkpoints)[-1].unlink()
    torch._dynamo.reset()

    run_attempt(add_attempt(run).folder)

    resumed = read_history(run)
    first, second = resumed.starts
    assert first.from_step < second.from_step < first.total_steps
    assert len(told(resumed, "compile")) == 2
    assert not told(resumed, "warning")
    assert losses(resumed) == losses(whole)


@pytest.mark.slow
@needs_a_compiler
def test_the_real_compiler_finds_the_same_losses(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(cache))

    _, compiled = train(home, preset(digits, epochs=1))
    _, plain = train(home, preset(digits, epochs=1, compile=False))

    assert "was compiled for 3 sizes of batch" in told(compiled, "compile")[0]
    assert losses(compiled) == pytest.approx(losses(plain), rel=1e-3)
