"""The stack: the loop's gradients, randomness, states and figures; replicas that are still whole."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from support.replicas import build_replica, random_images, replica_of, small_preset
from support.training import Bench, same
from valtui_trainer.measure.volatility import volatility
from valtui_trainer.presets.types import Augmentation, Lenses, Model, Optimizer, Preset
from valtui_trainer.session.records import Val
from valtui_trainer.session.tail import Tail
from valtui_trainer.training import checkpoint, generators
from valtui_trainer.training.data.feeder import DeviceSet
from valtui_trainer.training.dropout import Dropout
from valtui_trainer.training.ensemble import Ensemble
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.stacked import Stacked
from valtui_trainer.training.stacking import CannotStackError

SEEDS = (3, 4, 5)
LIVELY = Augmentation(rotation=20, shift_x=0.2, flip=True, zoom=0.1, brightness=0.2, contrast=0.2)
BATCHNORM = Model(name="small-cnn", width=4, batchnorm=True, dropout=0.3)

SETTINGS: dict[str, dict[str, object]] = {
    "plain, adam": {},
    "dropout": {"model": Model(width=4, dropout=0.4)},
    "batchnorm": {"model": Model(name="small-cnn", width=4, batchnorm=True)},
    "augmentation": {"augmentation": LIVELY},
    "sgd with momentum and weight decay": {
        "optimizer": Optimizer(name="sgd", momentum=0.9), "learning_rate": 0.01, "weight_decay": 0.01,
    },
    "sgd without momentum": {"optimizer": Optimizer(name="sgd"), "learning_rate": 0.01},
    "adamw": {"optimizer": Optimizer(name="adamw"), "weight_decay": 0.1},
    "label smoothing, in order": {"label_smoothing": 0.1, "shuffle": False},
    "everything": {"model": BATCHNORM, "augmentation": LIVELY, "label_smoothing": 0.1},
}  # fmt: skip


def replicas(settings: Preset) -> list[Replica]:
    return [build_replica(settings, seed) for seed in SEEDS]


def gradients(ensemble: Ensemble) -> list[list[torch.Tensor]]:
    """Return the gradients of each replica's last step."""
    if isinstance(ensemble, Stacked):
        whole = [weights.grad for weights in ensemble._trained]
        return [[g[k] for g in whole if g is not None] for k in range(len(ensemble.replicas))]
    return [[p.grad for p in r.model.parameters() if p.grad is not None] for r in ensemble.replicas]


def epoch(ensemble: Ensemble, data: DeviceSet) -> None:
    ensemble.train_mode()
    ensemble.begin_epoch(data)
    for position in range(0, len(data), 32):
        ensemble.step(data, position, 1e-3)


def test_weights_that_decay_leaves_alone_are_left_alone_as_by_the_loop() -> None:
    settings = small_preset(optimizer=Optimizer(name="adamw"), weight_decay=0.5)
    data = random_images()

    def some(left_alone: bool) -> list[Replica]:
        built = replicas(settings)
        biases = [name for name, _ in built[0].model.named_parameters() if name.endswith("bias")]
        alone = tuple(biases) if left_alone else ()
        return [replica_of(one.model, settings, one.seed, undecayed=alone) for one in built]

    loop, stack, decayed = Ensemble(some(True)), Stacked(some(True)), Ensemble(some(False))
    for ensemble in (loop, stack, decayed):
        epoch(ensemble, data)

    for mine, theirs, other in zip(stack.replicas, loop.replicas, decayed.replicas, strict=True):
        for name, weight in theirs.model.named_parameters():
            torch.testing.assert_close(mine.model.get_parameter(name), weight, rtol=0, atol=1e-9)
        bias = next(name for name in theirs.undecayed)
        moved = other.model.get_parameter(bias) - theirs.model.get_parameter(bias)
        assert moved.abs().max().item() > 0
        assert same(
            mine.optimizer.state_dict()["param_groups"],
            theirs.optimizer.state_dict()["param_groups"],
        )


@pytest.mark.parametrize("name", SETTINGS)
def test_gradients_and_weights_are_those_of_the_loop_to_1e_9_through_an_epoch(name: str) -> None:
    settings, data = small_preset(**SETTINGS[name]), random_images()
    loop, stack = Ensemble(replicas(settings)), Stacked(replicas(settings))

    for ensemble in (loop, stack):
        ensemble.train_mode()
        ensemble.begin_epoch(data)
    for position in (0, 32, 64):  # the last batch holds 16 images
        for ensemble in (loop, stack):
            ensemble.step(data, position, 1e-3 + 1e-5 * position)
        for mine, theirs in zip(gradients(stack), gradients(loop), strict=True):
            assert len(mine) == len(theirs) > 0
            for one, other in zip(mine, theirs, strict=True):
                torch.testing.assert_close(one, other, rtol=0, atol=1e-9)

    for one, other in zip(stack.replicas, loop.replicas, strict=True):
        states = one.model.state_dict(), other.model.state_dict()
        torch.testing.assert_close(*states, rtol=0, atol=1e-9)
        optimizers = one.optimizer.state_dict(), other.optimizer.state_dict()
        torch.testing.assert_close(*(o["state"] for o in optimizers), rtol=0, atol=1e-9)
        assert optimizers[0]["param_groups"] == optimizers[1]["param_groups"]
        for mine, theirs in zip(one.streams, other.streams, strict=True):
            assert torch.equal(mine.get_state(), theirs.get_state())
    assert torch.allclose(stack.figures(), loop.figures(), rtol=1e-6, atol=0)
    assert (stack.open_steps, [r.open_steps for r in stack.replicas]) == (0, [0, 0, 0])


def test_dropout_of_whole_channels_and_of_rows_draws_as_the_loop_does() -> None:
    settings, data = small_preset(), random_images()

    def build(seed: int) -> Replica:
        with generators.seeded_init(seed):
            model = nn.Sequential(
                nn.Conv2d(1, 4, 3), nn.Dropout2d(0.3), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(),
                nn.Dropout(0.0), nn.Linear(256, 8), nn.Dropout(0.5), nn.Linear(8, 3), nn.Dropout(1.0),
            )  # fmt: skip
        return replica_of(model.to(memory_format=torch.channels_last), settings, seed)

    loop, stack = Ensemble([build(s) for s in SEEDS]), Stacked([build(s) for s in SEEDS])

    epoch(loop, data)
    epoch(stack, data)

    for one, other in zip(stack.replicas, loop.replicas, strict=True):
        torch.testing.assert_close(
            one.model.state_dict(), other.model.state_dict(), rtol=0, atol=1e-9
        )
        assert torch.equal(one.streams[1].get_state(), other.streams[1].get_state())


def test_masks_are_in_the_precision_of_the_activations() -> None:
    settings = small_preset(model=BATCHNORM, precision="bfloat16")
    data = random_images(dtype=torch.float32)
    loop, stack = (
        kind([build_replica(settings, seed, dtype=torch.float32) for seed in SEEDS])
        for kind in (Ensemble, Stacked)
    )

    epoch(loop, data)
    epoch(stack, data)

    assert torch.allclose(stack.figures(), loop.figures(), rtol=0.03)
    for one, other in zip(stack.replicas, loop.replicas, strict=True):
        assert torch.equal(one.streams[1].get_state(), other.streams[1].get_state())


def test_weights_that_are_not_trained_stay_and_those_that_are_not_used_have_no_gradient() -> None:
    settings, data = small_preset(), random_images()

    def build(seed: int) -> Replica:
        with generators.seeded_init(seed):
            model = nn.Sequential(nn.Flatten(), nn.Linear(100, 8), nn.ReLU(), nn.Linear(8, 3))
        model[1].weight.requires_grad_(False)
        model.register_parameter("idle", nn.Parameter(torch.ones(2)))
        return replica_of(model, settings, seed)

    loop, stack = Ensemble([build(s) for s in SEEDS]), Stacked([build(s) for s in SEEDS])
    before = stack.replicas[1].model[1].weight.clone()

    epoch(loop, data)
    epoch(stack, data)

    assert torch.equal(stack.replicas[1].model[1].weight, before)
    for one, other in zip(stack.replicas, loop.replicas, strict=True):
        assert layout(one.state()) == layout(other.state())
        torch.testing.assert_close(
            one.model.state_dict(), other.model.state_dict(), rtol=0, atol=1e-9
        )


def test_a_replica_that_is_not_finite_leaves_the_others_as_they_were_to_the_bit() -> None:
    settings, data = small_preset(model=BATCHNORM, augmentation=LIVELY), random_images()
    sound, spoilt = Stacked(replicas(settings)), Stacked(replicas(settings))
    with torch.no_grad():
        spoilt.replicas[1].model.get_parameter("convolution1.weight")[0] = torch.nan

    epoch(sound, data)
    epoch(spoilt, data)

    expected, found = sound.figures(), spoilt.figures()
    assert found[1].isnan().all()
    assert torch.equal(found[[0, 2]], expected[[0, 2]])
    for number in (0, 2):
        assert same(spoilt.replicas[number].state(), sound.replicas[number].state())


def test_replicas_that_part_in_steps_or_settings_are_refused() -> None:
    settings, data = small_preset(), random_images()
    ahead = replicas(settings)
    ahead[0].begin_epoch(data)
    ahead[0].step(data, 0, 1e-3)
    ahead[0].figures()
    other = [replicas(settings)[0], replicas(small_preset(weight_decay=0.1))[1]]

    with pytest.raises(CannotStackError, match="numbers of steps"):
        Stacked(ahead)
    with pytest.raises(CannotStackError, match="settings"):
        Stacked(other)
    loaded = replicas(settings)
    loaded[1].optimizer.param_groups[0]["eps"] = 1e-4
    with pytest.raises(CannotStackError, match="optimizers have different settings"):
        Stacked(loaded)


def test_replicas_that_have_begun_hold_nothing_twice_in_a_stack() -> None:
    begun, data = replicas(small_preset()), random_images()
    epoch(Ensemble(begun), data)
    states = [replica.state() for replica in begun]

    stack = Stacked(begun)

    assert same([replica.state() for replica in stack.replicas], states)
    for held in ("exp_avg", "exp_avg_sq"):
        rows = [r.optimizer.state[p][held] for r in begun for p in r.model.parameters()]
        assert len({row.untyped_storage().data_ptr() for row in rows}) == len(stack._trained)
    assert all(weight.grad is None for r in begun for weight in r.model.parameters())


def test_a_dropout_layer_that_is_called_twice_is_refused_before_anything_is_changed() -> None:
    settings, data = small_preset(), random_images()

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.dropout, self.last = (
                nn.Linear(100, 8),
                nn.Dropout(0.5),
                nn.Linear(8, 3),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.dropout(self.last(self.dropout(self.first(x.flatten(1)))))

    stack = Stacked([replica_of(Twice(), settings, seed) for seed in SEEDS])
    stack.begin_epoch(data)
    before = stack.replicas[0].state()

    with pytest.raises(CannotStackError, match="several times"):
        stack.step(data, 0, 1e-3)

    assert same(stack.replicas[0].state(), before)
    layer = stack.replicas[0].model.get_submodule("dropout")
    assert isinstance(layer, Dropout)
    assert not layer._forward_pre_hooks


def test_a_replica_of_a_stack_does_not_step_alone() -> None:
    data = random_images()
    stack = Stacked(replicas(small_preset()))
    stack.begin_epoch(data)

    with pytest.raises(RuntimeError, match="with the others"):
        stack.replicas[0].step(data, 0, 1e-3)


def test_a_stack_that_nobody_holds_gives_its_memory_back_at_once() -> None:
    data = random_images()
    stack = Stacked(replicas(small_preset(model=BATCHNORM)))
    epoch(stack, data)
    stack.replicas[0].state()
    held = [weakref.ref(stack), *map(weakref.ref, stack._trained), weakref.ref(stack.replicas[0])]

    gc.disable()
    try:
        del stack
        assert [one() for one in held] == [None] * len(held)
    finally:
        gc.enable()


def digits_preset(digits: Path, **settings: object) -> Preset:
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 48, "epochs": 3, "eval_every": 0.5, "log_every": 3,
        "model": BATCHNORM, "augmentation": LIVELY,
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


OPTIMIZERS = {
    "adam": Optimizer(), "sgd": Optimizer(name="sgd", momentum=0.9),
    "plain sgd": Optimizer(name="sgd"),
}  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("steps", [0, 4, 9])
def test_a_checkpoint_is_the_same_on_both_engines_to_the_bit(
    home: Path, digits: Path, steps: int, optimizer: str
) -> None:
    settings = digits_preset(digits, optimizer=OPTIMIZERS[optimizer])
    loop = Bench(home, settings, (0, 1, 2), engine="loop")
    loop.advance(steps)
    written = checkpoint.write(loop.run.checkpoints, loop.loop.state())
    state = checkpoint.read(loop.run.checkpoints / written.name)
    assert state is not None

    stack = Bench(home, settings, (0, 1, 2), engine="stack")
    stack.advance(2)
    stack.loop.load_state(state)
    seen = stack.loop.state()
    back = Bench(home, settings, (0, 1, 2), engine="loop")
    back.loop.load_state(seen)

    assert same(seen["replicas"], state["replicas"])
    assert layout(seen["replicas"]) == layout(state["replicas"])
    assert same(back.loop.state()["replicas"], state["replicas"])


@pytest.mark.parametrize("begun", ["loop", "stack"])
def test_a_run_goes_on_on_the_other_engine(home: Path, digits: Path, begun: str) -> None:
    settings = digits_preset(digits)
    other = "stack" if begun == "loop" else "loop"
    whole = Bench(home, settings, (0, 1), engine=begun)  # type: ignore[arg-type]
    whole.advance(9)
    written = checkpoint.write(whole.run.checkpoints, whole.loop.state())
    state = checkpoint.read(whole.run.checkpoints / written.name)
    assert state is not None

    resumed = Bench(home, settings, (0, 1), engine=other)  # type: ignore[arg-type]
    resumed.loop.load_state(state)
    for bench in (whole, resumed):
        for _ in range(3):
            bench.loop.one_step()

    assert [type(b.loop.ensemble) for b in (whole, resumed)] == (
        [Ensemble, Stacked] if begun == "loop" else [Stacked, Ensemble]
    )
    torch.testing.assert_close(
        resumed.loop.ensemble.figures(), whole.loop.ensemble.figures(), rtol=1e-3, atol=1e-4
    )
    for one, theirs in zip(
        resumed.loop.state()["replicas"], whole.loop.state()["replicas"], strict=True
    ):
        assert layout(one) == layout(theirs)
        for key in ("order", "dropout", "augment"):
            assert torch.equal(one[key], theirs[key])


@pytest.mark.parametrize("steps", [4, 7, 9], ids=["in an epoch", "at its end", "in the second"])
def test_a_stack_that_is_resumed_repeats_the_uninterrupted_one_to_the_bit(
    home: Path, digits: Path, steps: int
) -> None:
    settings = digits_preset(digits)
    whole = Bench(home, settings, (0, 1), engine="stack")
    whole.advance(steps)
    state = whole.loop.state()
    rest = whole.advance(6)

    resumed = Bench(home, settings, (0, 1), engine="stack")
    resumed.loop.load_state(state)

    assert resumed.advance(6) == rest
    assert same(resumed.loop.state()["replicas"], whole.loop.state()["replicas"])


def test_evaluations_and_lenses_change_nothing_in_a_stack(home: Path, digits: Path) -> None:
    seen = Bench(
        home,
        digits_preset(digits, eval_every="1 step", lenses=Lenses(averaged_weights=True, most=1e9)),
        (0, 1),
        engine="stack",
    )
    unseen = Bench(
        home,
        digits_preset(
            digits, eval_every=3, lenses=Lenses(exact_batchnorm=False, calibrated_outputs=False)
        ),
        (0, 1),
        engine="stack",
    )

    assert seen.advance(9) == unseen.advance(9)
    assert same(seen.loop.state()["replicas"], unseen.loop.state()["replicas"])


def test_images_that_stream_give_a_stack_the_same_bits(home: Path, digits: Path) -> None:
    settings = digits_preset(digits)
    resident = Bench(home, settings, (0, 1), engine="stack")
    streamed = Bench(home, settings, (0, 1), room=0, engine="stack")

    assert resident.advance(9) == streamed.advance(9)


def test_the_volatility_of_a_stack_lies_within_the_interval_of_the_loops(
    home: Path, digits: Path
) -> None:
    off = Lenses(exact_batchnorm=False, calibrated_outputs=False)
    settings = digits_preset(digits, epochs=8, eval_every=0.25, log_every=100, lenses=off)
    found = []
    for engine in ("loop", "stack"):
        bench = Bench(home, settings, (0, 1, 2), engine=engine)  # type: ignore[arg-type]
        while bench.loop.step < bench.loop.timetable.total:
            bench.loop.one_step()
            if bench.loop.step in bench.loop.timetable.evaluations:
                bench.loop.evaluate()
        records = Tail(bench.attempt.val, Val).read()
        series = [[r.val_loss or np.nan for r in records if r.seed == s][-24:] for s in (0, 1, 2)]
        found.append(volatility(np.array(series), relative=True, level=0.99))

    loop, stack = found
    assert loop.interval is not None
    assert loop.interval.low < stack.value < loop.interval.high


def layout(value: object) -> object:
    """Return a nest of states with shape, type and memory order in place of tensors."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), value.dtype, value.stride()
    if isinstance(value, dict):
        return {key: layout(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [layout(item) for item in value]
    return type(value)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("name", ["dropout", "everything", "adamw"])
def test_a_stack_on_cuda_has_the_loops_gradients_and_draws(name: str) -> None:
    settings, device = small_preset(**SETTINGS[name]), torch.device("cuda")
    data = random_images(device=device)

    def build(seed: int) -> Replica:
        return build_replica(settings, seed, device)

    loop, stack = Ensemble([build(s) for s in SEEDS]), Stacked([build(s) for s in SEEDS])
    for ensemble in (loop, stack):
        ensemble.train_mode()
        ensemble.begin_epoch(data)
        for position in (0, 32, 64):
            ensemble.step(data, position, 1e-3)

    for one, other in zip(stack.replicas, loop.replicas, strict=True):
        for mine, theirs in zip(one.streams, other.streams, strict=True):
            assert torch.equal(mine.get_state(), theirs.get_state())
        # float64 convolutions are exact to their rounding; augmentation samples in float32
        torch.testing.assert_close(
            one.model.state_dict(), other.model.state_dict(), rtol=1e-5, atol=1e-6
        )


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_step_of_a_stack_on_cuda_does_not_wait_for_the_device() -> None:
    settings, device = small_preset(model=BATCHNORM, augmentation=LIVELY), torch.device("cuda")
    data = random_images(device=device, dtype=torch.float32)
    stack = Stacked([build_replica(settings, seed, device, torch.float32) for seed in SEEDS])
    stack.train_mode()
    stack.begin_epoch(data)
    stack.step(data, 0, 1e-3)  # loads kernels and learns the masks' shapes

    torch.cuda.set_sync_debug_mode("error")
    try:
        stack.step(data, 0, 1e-3)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert stack.figures().isfinite().all()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_replica_that_is_not_finite_leaves_the_others_alone_on_cuda() -> None:
    settings, device = small_preset(model=BATCHNORM), torch.device("cuda")
    data = random_images(device=device, dtype=torch.float32)
    stack = Stacked([build_replica(settings, seed, device, torch.float32) for seed in SEEDS])
    with torch.no_grad():
        stack.replicas[1].model.get_parameter("convolution1.weight")[0] = torch.nan

    epoch(stack, data)

    assert stack.figures().isfinite().all(1).tolist() == [True, False, True]
