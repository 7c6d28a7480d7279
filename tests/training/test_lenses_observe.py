"""Lenses observe and change nothing: with and without them a run trains the same weights to the bit."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from support.training import Bench, same, train
from valtui_trainer.presets.types import Augmentation, Fault, Lenses, Model, Optimizer, Preset
from valtui_trainer.session.records import Train, Val
from valtui_trainer.session.tail import Tail
from valtui_trainer.training.lenses.costs import try_out
from valtui_trainer.training.lenses.untouched import untouched

ALL = Lenses(averaged_weights=True, most=1e9)
NONE = Lenses(exact_batchnorm=False, calibrated_outputs=False)
LIVELY = Augmentation(rotation=20, shift_x=0.2, flip=True)
BATCHNORM = Model(name="small-cnn", width=4, batchnorm=True, dropout=0.3)

RUNS: dict[str, dict[str, object]] = {
    "batchnorm, dropout, augmentation, adam": {"model": BATCHNORM, "augmentation": LIVELY},
    "sgd with momentum": {
        "model": BATCHNORM,
        "optimizer": Optimizer(name="sgd", momentum=0.9),
        "learning_rate": 0.01,
    },
    "a rest batch": {"model": BATCHNORM, "batch_size": 48},
    "no batchnorm": {"model": Model(width=4, dropout=0.3)},
    "a model that remembers": {"model": Model(name="support.own_models:Remembering")},
    "a validation set drawn anew": {"model": BATCHNORM, "fault": Fault(validation="resampled")},
}


def preset(digits: Path, lenses: Lenses, **settings: object) -> Preset:
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 32, "epochs": 3, "eval_every": "3 steps", "log_every": 2,
        "lenses": lenses,
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize("room", [None, 0], ids=["resident", "streamed"])
@pytest.mark.parametrize("run", RUNS)
def test_training_is_bit_identical_with_lenses_and_without(
    home: Path, digits: Path, run: str, room: int | None
) -> None:
    seen = bench_of(preset(digits, ALL, **RUNS[run]), home, room)
    unseen = bench_of(preset(digits, NONE, **RUNS[run]), home, room)

    assert any(record.val_loss_averaged is not None for record in val_records(seen))
    assert all(record.lens_seconds is None for record in val_records(unseen))
    assert same(state_of(seen), state_of(unseen))
    assert train_records(seen) == train_records(unseen)
    assert [r.val_loss for r in val_records(seen)] == [r.val_loss for r in val_records(unseen)]


def test_a_whole_run_logs_the_same_training_with_lenses_and_without(
    home: Path, digits: Path
) -> None:
    settings = {"model": BATCHNORM, "augmentation": LIVELY}
    _, seen = train(home, preset(digits, ALL, **settings), seeds=(0, 1))
    _, unseen = train(home, preset(digits, NONE, **settings), seeds=(0, 1))

    assert all(plan.on for plan in seen.starts[0].lenses)
    assert [timeless(record) for record in seen.train] == [timeless(r) for r in unseen.train]
    assert [r.val_loss for _, r in seen.val] == [r.val_loss for _, r in unseen.val]


def test_trying_the_lenses_out_draws_from_no_generator_of_the_run(home: Path, digits: Path) -> None:
    model = Model(name="support.own_models:Remembering")
    bench = Bench(home, preset(digits, Lenses(averaged_weights=True), model=model))
    spec = bench.spec
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()

    found = try_out(spec, bench.material, torch.device("cpu"))

    assert all((trial.cost or 0) > 0 for trial in found.values())
    assert len(found) == 3
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[:2]
    assert torch.equal(torch.get_rng_state(), before[2])


def test_the_training_speed_leaves_out_what_lenses_take(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = 0.0

    def clock() -> float:
        nonlocal passed
        passed += 0.001
        return passed

    monkeypatch.setattr(time, "monotonic", clock)
    bench = Bench(home, preset(digits, ALL, model=BATCHNORM, eval_every="2 steps", log_every=4))
    look = bench.loop.panel.look

    def slow(*given: object) -> object:
        nonlocal passed
        passed += 1000.0
        return look(*given)

    bench.loop.panel.look = slow  # type: ignore[method-assign]
    bench.loop.recorded_at = bench.loop.clock()
    bench.advance(4)
    bench.journal.sync()

    (record,) = Tail(bench.attempt.train, Train).read()
    assert (record.images_per_second or 0) > 4 * 32 / 1.0
    assert all((evaluation.seconds or 9) < 1.0 for evaluation in val_records(bench))


def test_a_model_that_remembers_is_given_back_as_it_was(home: Path, digits: Path) -> None:
    model = Model(name="support.own_models:Remembering")
    bench = bench_of(preset(digits, ALL, model=model), home)
    mine = bench.loop.replicas[0].model
    mine.norm.eval()
    before = {name: value for name, value in vars(mine).items() if not name.startswith("_")}
    copied = (mine.plain.clone(), mine.in_place.clone(), list(mine.history), dict(mine.by_mode))
    objects = [id(tensor) for tensor in (*mine.parameters(), *mine.buffers())]
    generators = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()

    bench.loop.panel._passes.averaged(mine, bench.loop.panel._averages[0])

    assert same((mine.plain, mine.in_place, mine.history, mine.by_mode), copied)
    assert all(getattr(mine, name) is value for name, value in before.items())
    assert [id(tensor) for tensor in (*mine.parameters(), *mine.buffers())] == objects
    assert (mine.training, mine.first.training, mine.norm.training) == (True, True, False)
    assert mine.norm.momentum == 0.1
    assert not mine.norm._forward_hooks
    assert (random.getstate(), np.random.get_state()[1].tolist()) == generators[:2]
    assert torch.equal(torch.get_rng_state(), generators[2])


def test_a_model_is_given_back_when_a_pass_fails(home: Path, digits: Path) -> None:
    bench = bench_of(preset(digits, ALL, model=BATCHNORM), home)
    model = bench.loop.replicas[0].model
    before = bench.checksum()

    def fail() -> None:
        with untouched(model, torch.device("cpu")):
            model.eval()
            for buffer in model.buffers():
                buffer.zero_()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert bench.checksum() == before
    assert all(module.training for module in model.modules())


def bench_of(settings: Preset, home: Path, room: int | None = None) -> Bench:
    """Return a bench with two seeds, thirteen steps along, every generator in a known state."""
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    bench = Bench(home, settings, (0, 1), room)
    bench.advance(13)
    bench.journal.sync()
    return bench


def state_of(bench: Bench) -> dict[str, object]:
    """Return all that the rest of a run depends on, but for its lenses and its times."""
    state = bench.loop.state()
    return {key: state[key] for key in state.keys() - {"time", "lenses"}}


def train_records(bench: Bench) -> list[dict[str, object]]:
    """Return what a bench logged of its training, without times."""
    return [timeless(record) for record in Tail(bench.attempt.train, Train).read()]


def val_records(bench: Bench) -> list[Val]:
    """Return the evaluations of a bench."""
    return Tail(bench.attempt.val, Val).read()


def timeless(record: Train) -> dict[str, object]:
    """Return a record without its time and speed."""
    kept = set(record.__struct_fields__) - {"time", "images_per_second"}
    return {name: getattr(record, name) for name in sorted(kept)}
