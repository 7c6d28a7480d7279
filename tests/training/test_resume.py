"""A resumed run repeats the uninterrupted one to the bit, from the middle of an epoch too."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.training import Bench
from valtui_trainer.presets.types import Augmentation, Model, Optimizer, Preset, Schedule
from valtui_trainer.session.history import read_history
from valtui_trainer.session.records import Train
from valtui_trainer.training import checkpoint

PATHS: dict[str, dict[str, object]] = {
    "adam": {},
    "adamw": {"optimizer": Optimizer(name="adamw"), "weight_decay": 0.01},
    "sgd with momentum": {"optimizer": Optimizer(name="sgd", momentum=0.9), "learning_rate": 0.01},
    "cosine after warm-up": {"schedule": Schedule(name="cosine", warmup_epochs=0.5)},
    "one-cycle": {"schedule": Schedule(name="one-cycle")},
    "steps and label smoothing": {
        "schedule": Schedule(name="step", step_epochs=1),
        "label_smoothing": 0.1,
    },
    "dropout and augmentation": {
        "model": Model(width=4, dropout=0.4),
        "augmentation": Augmentation(rotation=20, shift_x=0.2, flip=True),
    },
    "batchnorm": {"model": Model(name="small-cnn", width=4, batchnorm=True)},
    "a torchvision model with dropout": {
        "model": Model(name="squeezenet1_0"),
        "batch_size": 128,
    },
}


def preset(digits: Path, settings: dict[str, object]) -> Preset:
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 32, "epochs": 3, "eval_every": 0.5, "log_every": 3,
        "model": Model(width=4),
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("seeds", [(0,), (0, 1)], ids=["one seed", "two seeds"])
def test_the_curve_is_bit_identical(
    home: Path, digits: Path, path: str, seeds: tuple[int, ...]
) -> None:
    if "torchvision" in path and len(seeds) > 1:
        pytest.skip("the same code path as with one seed")
    settings = preset(digits, PATHS[path])
    steps = 3 if "torchvision" in path else 14
    whole = Bench(home, settings, seeds)
    whole.advance(steps)
    written = checkpoint.write(whole.run.checkpoints, whole.loop.state())
    rest = whole.advance(steps)

    resumed = Bench(home, settings, seeds)
    state = checkpoint.read(whole.run.checkpoints / written.name)
    assert state is not None
    resumed.loop.load_state(state)

    assert resumed.advance(steps) == rest
    assert records(resumed, after=steps) == records(whole, after=steps)


@pytest.mark.parametrize(
    "steps", [0, 1, 10, 20], ids=["start", "first step", "epoch's end", "second"]
)
def test_any_step_is_a_place_to_resume_from(home: Path, digits: Path, steps: int) -> None:
    settings = preset(digits, {"model": Model(width=4, dropout=0.4)})
    whole = Bench(home, settings)
    whole.advance(steps)
    state = whole.loop.state()
    rest = whole.advance(3)

    resumed = Bench(home, settings)
    resumed.loop.load_state(state)

    assert resumed.advance(3) == rest


def test_streaming_images_of_several_seeds_resume_to_the_bit(home: Path, digits: Path) -> None:
    settings = preset(digits, {"augmentation": Augmentation(rotation=20)})
    whole = Bench(home, settings, (0, 1), room=0)
    whole.advance(14)
    state = whole.loop.state()
    rest = whole.advance(8)

    resumed = Bench(home, settings, (0, 1), room=0)
    resumed.loop.load_state(state)

    assert resumed.advance(8) == rest


def test_a_damaged_newest_checkpoint_is_passed_over(home: Path, digits: Path) -> None:
    bench = Bench(home, preset(digits, {}))
    bench.advance(4)
    older = checkpoint.write(bench.run.checkpoints, bench.loop.state())
    bench.advance(4)
    newer = checkpoint.write(bench.run.checkpoints, bench.loop.state())
    torn = bench.run.checkpoints / newer.name
    torn.write_bytes(torn.read_bytes()[:-100])

    found = checkpoint.newest(bench.run.checkpoints)

    assert found is not None
    assert found[0].name == older.name
    assert found[1]["step"] == 4


def test_the_last_two_the_best_and_the_ladder_are_kept(home: Path, digits: Path) -> None:
    bench = Bench(home, preset(digits, {"epochs": 2, "eval_every": "2 steps"}))
    keeper = checkpoint.Checkpoints(bench.run.checkpoints, frozenset({6}))
    losses = {2: 0.9, 4: 0.1, 6: 0.5, 8: 0.4, 10: 0.3, 12: 0.2}

    for step, loss in losses.items():
        bench.advance(2)
        if keeper.note(step, loss):
            keeper.best = bench.loop.state()
        keeper.write(bench.loop.state())

    steps = [
        checkpoint.step_of(path) for path in checkpoint.checkpoint_files(bench.run.checkpoints)
    ]
    assert steps == [4, 6, 10, 12]


def records(bench: Bench, after: int) -> list[tuple[object, ...]]:
    """Return what a bench logged after a step, but for time and speed."""
    bench.journal.sync()
    return [comparable(r) for r in read_history_without_start(bench) if r.step > after]


def comparable(record: Train) -> tuple[object, ...]:
    """Return the fields that a resumed run must repeat."""
    return (
        record.step, record.epoch, record.seed, record.train_loss, record.train_loss_min,
        record.train_loss_max, record.learning_rate, record.grad_norm,
    )  # fmt: skip


def read_history_without_start(bench: Bench) -> list[Train]:
    """Return the training records of a bench, whose attempt has no `start.json`."""
    from valtui_trainer.session.tail import Tail

    assert not read_history(bench.run).starts
    return Tail(bench.attempt.train, Train).read()
