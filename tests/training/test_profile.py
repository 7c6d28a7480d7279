"""`--profile`: a window of the first steps is recorded, told in phases, and changes nothing in training."""

from __future__ import annotations

import gzip
import json
import stat
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.autograd import DeviceType
from torch.autograd.profiler_util import FunctionEvent

from support.replicas import build_replica, random_images, small_preset
from support.tape import Tape
from support.training import make_run, same, train
from valtui_trainer.presets.types import Augmentation, Model, Optimizer, Preset
from valtui_trainer.session.create import add_attempt
from valtui_trainer.session.history import History, read_history
from valtui_trainer.session.layout import RunPaths
from valtui_trainer.session.records import Event, Train
from valtui_trainer.training import checkpoint
from valtui_trainer.training.attempt import run_attempt
from valtui_trainer.training.captured_steps import WARM_UP_STEPS as WARM_UP
from valtui_trainer.training.choose_engine import Wanted, make_ensemble
from valtui_trainer.training.graphed import Graphed
from valtui_trainer.training.profiling.loop import STEPS, WARM_UP_STEPS, window_of
from valtui_trainer.training.profiling.phases import (
    AUGMENTATION,
    BACKWARD,
    DATA,
    EVALUATION,
    FORWARD,
    LENSES,
    LOSS,
    OPTIMIZER,
    PHASES,
    PREFIX,
    RECORD,
    REPLAY,
    REST,
    WINDOW,
)
from valtui_trainer.training.profiling.reading import Window, read
from valtui_trainer.training.profiling.recording import Recording

CPU = torch.device("cpu")
LAUNCHED = set(PHASES) - {REPLAY}
"""The phases of a run whose steps are not replayed."""


def preset(digits: Path, **settings: object) -> Preset:
    """Return a preset of 20 steps an epoch, with something random in every part of a step."""
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 16, "epochs": 5, "eval_every": 5, "log_every": 10,
        "model": Model(name="small-cnn", width=4, batchnorm=True, dropout=0.3),
        "augmentation": Augmentation(rotation=20, flip=True),
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


def of_kind(history: History, kind: str) -> list[Event]:
    return [event for _, event in history.events if event.kind == kind]


def told(run: RunPaths) -> str:
    return run.profiled.profile_text.read_text()


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> tuple[RunPaths, History]:
    """A run of 100 steps that was profiled, with its only evaluation at the end."""
    return train(tmp_path_factory.mktemp("profiled"), preset(digits), profile=True)


def test_training_is_to_the_bit_what_it_is_without(home: Path, digits: Path) -> None:
    plain_run, plain = train(home, preset(digits), seeds=(0, 1))
    run, profiled = train(home, preset(digits), seeds=(0, 1), profile=True)

    assert of_kind(profiled, "profile")
    assert [untimed(record) for record in profiled.train] == [
        untimed(record) for record in plain.train
    ]
    assert [(r.step, r.seed, r.val_loss, r.val_loss_precise) for _, r in profiled.val] == [
        (r.step, r.seed, r.val_loss, r.val_loss_precise) for _, r in plain.val
    ]
    ours, theirs = (checkpoint.newest(one.checkpoints) for one in (run, plain_run))
    assert ours is not None
    assert theirs is not None
    assert same(ours[1]["replicas"], theirs[1]["replicas"])


def untimed(record: Train) -> tuple[object, ...]:
    return record.step, record.seed, record.train_loss, record.train_loss_max, record.grad_norm


def test_the_trace_is_one_that_perfetto_opens_and_names_the_phases(
    profiled: tuple[RunPaths, History],
) -> None:
    run, _ = profiled

    trace = json.loads(gzip.decompress(run.profiled.profile.read_bytes()))

    names = [event.get("name", "") for event in trace["traceEvents"]]
    steps = names.count(PREFIX + FORWARD)
    assert steps == names.count(PREFIX + BACKWARD) == STEPS
    assert {PREFIX + phase for phase in (DATA, AUGMENTATION, LOSS, RECORD, EVALUATION)} <= {*names}
    assert not [file for file in run.profiled.folder.iterdir() if file.name.startswith(".")]


def test_the_event_and_the_text_say_which_steps_and_where_the_time_goes(
    profiled: tuple[RunPaths, History],
) -> None:
    run, history = profiled

    (event,) = of_kind(history, "profile")
    assert (event.data["first"], event.data["steps"]) == (WARM_UP_STEPS + 1, STEPS)
    assert "profile.txt of attempt 0" in event.message
    shares = event.data["shares"]
    assert set(shares) == LAUNCHED
    assert sum(shares.values()) == pytest.approx(1.0)
    assert "the steps 21 to 70" in told(run)
    assert "aten::" in told(run)
    assert all(f"\n  {phase} " in told(run) for phase in LAUNCHED)
    for file in (run.profiled.profile, run.profiled.profile_text):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_evaluation_is_measured_though_none_falls_into_the_window_and_it_is_not_logged(
    profiled: tuple[RunPaths, History],
) -> None:
    run, history = profiled

    assert [record.step for _, record in history.val] == [100]
    assert "every 100 steps" in told(run)


def test_an_evaluation_within_the_window_is_the_one_that_is_measured(
    home: Path, digits: Path
) -> None:
    run, history = train(home, preset(digits, eval_every="40 steps"), profile=True)

    trace = json.loads(gzip.decompress(run.profiled.profile.read_bytes()))

    evaluations = [e for e in trace["traceEvents"] if e.get("name") == PREFIX + EVALUATION]
    assert len(evaluations) == 1
    assert 40 in [record.step for _, record in history.val]


def test_a_short_run_is_recorded_as_far_as_it_goes_and_that_is_said(
    home: Path, digits: Path
) -> None:
    run, history = train(home, preset(digits, epochs=1), profile=True)

    (event,) = of_kind(history, "profile")
    assert (event.data["first"], event.data["steps"]) == (6, 15)
    assert f"the steps 6 to 20; {STEPS} were to be" in told(run)


def test_a_run_that_ends_before_its_window_says_that_there_is_no_profile(
    home: Path, digits: Path
) -> None:
    run, history = train(
        home,
        preset(
            digits, learning_rate=1e9, optimizer=Optimizer(name="sgd"), stop_on_nan=True,
            log_every=2, model=Model(width=4),
        ),
        profile=True,
    )  # fmt: skip

    assert not run.profiled.profile.exists()
    assert "No profile was written" in of_kind(history, "warning")[-1].message


def test_a_profile_that_cannot_be_written_is_a_warning_and_training_goes_on(
    home: Path, digits: Path
) -> None:
    run = make_run(home, preset(digits), profile=True)
    attempt = add_attempt(run)
    attempt.profile.mkdir()

    code = run_attempt(attempt.folder)

    history = read_history(run)
    assert code == 0
    assert [record.step for _, record in history.val] == [100]
    assert not of_kind(history, "profile")
    (warning,) = of_kind(history, "warning")
    assert "No profile was written (Is a directory)" in warning.message


def test_what_a_killed_trainer_left_of_its_trace_is_removed_by_the_next_attempt(
    home: Path, digits: Path
) -> None:
    run = make_run(home, preset(digits, epochs=1), profile=True)
    torn = add_attempt(run).folder / ".trace.1234.json"
    torn.write_bytes(b'{"traceEvents": [')

    run_attempt(add_attempt(run).folder)

    assert run.attempt(1).final.exists()
    assert not torn.exists()


def test_only_the_first_attempt_is_profiled(home: Path, digits: Path) -> None:
    run, _ = train(home, preset(digits), profile=True)
    before = run.profiled.profile.read_bytes()

    run_attempt(add_attempt(run).folder)

    assert run.attempt(1).final.exists()
    assert not run.attempt(1).profile.exists()
    assert run.profiled.profile.read_bytes() == before


@pytest.mark.parametrize("engine", ["loop", "stack"])
def test_the_steps_of_every_engine_are_told_apart_and_are_unlabelled_afterwards(
    engine: Wanted,
) -> None:
    settings = small_preset(augmentation=Augmentation(flip=True))
    batches = random_images()
    ensemble = make_ensemble(
        [build_replica(settings, seed, CPU) for seed in (0, 1)], batches, engine
    )
    ensemble.train_mode()
    ensemble.begin_epoch(batches)
    owners = [part.owner for part in ensemble.parts()]
    before = [set(vars(owner)) for owner in owners]

    recording = Recording(CPU, ensemble.parts(), 0)
    ensemble.step(batches, 0, 1e-3)
    recording.end_window()
    recording.stop()

    assert [set(vars(owner)) for owner in owners] == before
    found = read(recording.events(), window(steps=1))
    phases = {cost.phase for cost in found.costs if cost.milliseconds > 0}
    assert {DATA, AUGMENTATION, FORWARD, BACKWARD, OPTIMIZER, REST} <= phases
    assert (LOSS in phases) == (engine == "loop")


def test_a_replayed_step_is_one_part() -> None:
    batches = random_images()
    ensemble = Graphed([build_replica(small_preset(), 0, CPU)], capturer=Tape())
    ensemble.train_mode()
    ensemble.begin_epoch(batches)
    for _ in range(WARM_UP + 1):
        ensemble.step(batches, 0, 1e-3)

    recording = Recording(CPU, ensemble.parts(), 0)
    ensemble.step(batches, 0, 1e-3)
    recording.end_window()
    recording.stop()

    found = read(recording.events(), window(steps=1))
    phases = {cost.phase for cost in found.costs if cost.milliseconds > 0}
    assert REPLAY in phases
    assert not phases & {DATA, FORWARD, LOSS, BACKWARD}


def window(**settings: Any) -> Window:
    defaults: dict[str, Any] = {
        "first": 1, "steps": 2, "log_every": 10, "between": 20.0, "wanted": STEPS, "device": "cpu",
    }  # fmt: skip
    return Window(**{**defaults, **settings})


def event(name: str, begin: float, end: float, **settings: Any) -> FunctionEvent:
    """Return an event from `begin` to `end`, in milliseconds."""
    number = settings.pop("number", 0)
    return FunctionEvent(number, name, 1, 1e3 * begin, 1e3 * end, **settings)


def test_a_label_within_another_is_counted_once_and_what_comes_seldom_is_spread() -> None:
    events = [
        event(PREFIX + WINDOW, 0, 100),
        event(PREFIX + DATA, 0, 30),
        event(PREFIX + AUGMENTATION, 10, 20),
        event("Optimizer.step#Adam.step", 30, 40),
        event(PREFIX + RECORD, 50, 60),
        event(PREFIX + EVALUATION, 200, 300),
        event(PREFIX + LENSES, 220, 240),
    ]

    found = {cost.phase: cost for cost in read(events, window()).costs}

    assert found[DATA].milliseconds == pytest.approx(10)
    assert found[AUGMENTATION].milliseconds == pytest.approx(5)
    assert found[OPTIMIZER].milliseconds == pytest.approx(5)
    assert (found[RECORD].each, found[RECORD].milliseconds) == (pytest.approx(10), 1)
    assert (found[EVALUATION].each, found[EVALUATION].milliseconds) == (pytest.approx(80), 4)
    assert (found[LENSES].each, found[LENSES].every) == (pytest.approx(20), 20)
    assert found[REST].milliseconds == pytest.approx(25)
    assert sum(cost.share for cost in found.values()) == pytest.approx(1)


def test_kernels_count_where_they_were_launched_and_those_of_autograd_s_thread_as_backward() -> (
    None
):
    forward = event(PREFIX + FORWARD, 0, 10, use_device="cuda")
    convolution = event("aten::convolution", 1, 2, use_device="cuda", number=1)
    convolution.set_cpu_parent(forward)
    convolution.append_kernel("conv_kernel", 0, 4000)
    engine = event("autograd::engine::evaluate_function: X", 5, 9, use_device="cuda", number=2)
    gradient = event("aten::convolution_backward", 6, 7, use_device="cuda", number=3)
    gradient.set_cpu_parent(engine)
    gradient.append_kernel("grad_kernel", 0, 8000)
    events = [
        event(PREFIX + WINDOW, 0, 20), forward, event(PREFIX + BACKWARD, 10, 12),
        convolution, engine, gradient,
        event("conv_kernel", 1, 5, device_type=DeviceType.CUDA, use_device="cuda"),
    ]  # fmt: skip

    found = read(events, window(device="cuda"))

    kernels = {cost.phase: cost.on_device for cost in found.costs}
    assert (kernels[FORWARD], kernels[BACKWARD]) == (2, 4)
    assert [one.name for one in found.operators[:2]] == [
        "aten::convolution_backward", "aten::convolution",
    ]  # fmt: skip
    assert found.operators[0].share == pytest.approx(2 / 3)


def test_kernels_that_no_operator_launched_are_those_of_replays() -> None:
    copy = event("aten::copy_", 1, 2, use_device="cuda", number=1)
    copy.append_kernel("copy_kernel", 0, 1000)
    on_device = {"device_type": DeviceType.CUDA, "use_device": "cuda"}
    events = [
        event(PREFIX + WINDOW, 0, 20), event(PREFIX + REPLAY, 2, 3), copy,
        event("copy_kernel", 2, 3, **on_device),
        event("conv_kernel", 4, 10, **on_device),
        event("Memset", 10, 12, **on_device),
        event(PREFIX + REPLAY, 4, 12, is_user_annotation=True, **on_device),
        event("a user's own", 4, 12, is_user_annotation=True, **on_device),
    ]  # fmt: skip

    replayed = read(events, window(device="cuda"))
    launched = read([one for one in events if one.name != PREFIX + REPLAY], window(device="cuda"))

    kernels = {cost.phase: cost.on_device for cost in replayed.costs}
    assert kernels[REPLAY] == 4  # 8 ms in two steps
    assert kernels[REST] == 0.5
    assert REPLAY not in {cost.phase for cost in launched.costs}


@pytest.mark.parametrize(
    ("begin", "total", "log_every", "expected"),
    [
        (0, 1000, 5, range(20, 70)),
        (300, 1000, 5, range(320, 370)),
        (0, 1000, 60, range(20, 70)),
        (0, 9000, 500, range(475, 525)),
        (0, 510, 500, range(20, 70)),
        (0, 70, 10, range(20, 70)),
        (0, 40, 10, range(10, 40)),
        (0, 1, 1, range(1)),
    ],
)
def test_the_window_comes_after_the_warm_up_and_holds_a_record_where_the_run_is_long_enough(
    begin: int, total: int, log_every: int, expected: range
) -> None:
    assert window_of(begin, total, log_every) == expected
