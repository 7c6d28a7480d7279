"""The checks at a run's start: what each sees, that it is logged, and that nothing is changed by it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from support.tiny import TRAIN, VAL
from support.training import Bench, train
from valtui_trainer.presets.types import Augmentation, Fault, Model, Preset
from valtui_trainer.session.checks import check_of, read_checks
from valtui_trainer.session.create import add_attempt
from valtui_trainer.session.history import read_history
from valtui_trainer.session.records import Check
from valtui_trainer.training.attempt import run_attempt
from valtui_trainer.training.augment import build
from valtui_trainer.training.checks.batchnorm import batchnorm_memory, last_batch
from valtui_trainer.training.checks.frozen import frozen, zero_learning_rate
from valtui_trainer.training.checks.overlap import overlap
from valtui_trainer.training.checks.sampling import averaging, order, resolution
from valtui_trainer.training.checks.start import checks_at_start, go_on_with_checks, made
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.timetable import make_timetable

AT_START = ["frozen", "averaging", "last-batch", "batchnorm-memory", "order", "overlap"]
WITH_BATCHNORM = Model(name="small-cnn", width=4, batchnorm=True, dropout=0.2)


def preset(digits: Path, **settings: object) -> Preset:
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 32, "epochs": 1, "eval_every": "4 steps", "log_every": 2,
        "model": Model(width=4),
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


def looked_at(bench: Bench) -> dict[str, Check]:
    """Return the checks of a bench by name."""
    loop = bench.loop
    found = checks_at_start(loop.replicas[0], bench.material, loop.preset)
    return {check.check: check for check in found}


def own(bench: Bench, model: nn.Module) -> Replica:
    """Return a replica of a model of the user's own, in place of the bench's."""
    settings = bench.loop.preset
    made_of_it = Replica(0, model, settings, build(settings.augmentation), torch.device("cpu"), 5)
    bench.loop.replicas[0] = made_of_it
    return made_of_it


class Plain(nn.Module):
    """The smallest model, with something of its own in the middle."""

    def __init__(self, middle: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.layer = nn.Linear(14 * 14, 10)
        self.middle = middle

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(self.middle(images.flatten(1)))  # type: ignore[no-any-return]


def test_a_sound_run_passes_all_checks(home: Path, digits: Path) -> None:
    found = looked_at(Bench(home, preset(digits)))

    assert list(found) == AT_START
    assert {check.outcome for check in found.values()} == {"sound"}
    assert all(check.message.endswith(".") for check in found.values())


@pytest.mark.parametrize("kind", ["augmented", "resampled"])
@pytest.mark.parametrize("model", [Model(width=4), WITH_BATCHNORM], ids=["plain", "batchnorm"])
def test_a_random_validation_set_fails(home: Path, digits: Path, kind: str, model: Model) -> None:
    fault = Fault(validation=kind)  # type: ignore[arg-type]

    found = looked_at(Bench(home, preset(digits, fault=fault, model=model)))["frozen"]

    assert found.outcome == "failed"
    assert found.figure is not None
    assert "validation itself is random" in found.message


def noisy(activations: torch.Tensor) -> torch.Tensor:
    return activations + 0.1 * torch.randn_like(activations)


def dropped(activations: torch.Tensor) -> torch.Tensor:
    return functional.dropout(activations, 0.5)


def numpy_noise(activations: torch.Tensor) -> torch.Tensor:
    return activations * float(np.random.random())


def python_noise(activations: torch.Tensor) -> torch.Tensor:
    return activations * random.random()


@pytest.mark.parametrize("middle", [noisy, dropped, numpy_noise, python_noise])
def test_a_model_of_the_users_own_that_draws_in_eval_mode_fails(
    home: Path, digits: Path, middle: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    bench = Bench(home, preset(digits))
    own(bench, Plain(middle))

    assert looked_at(bench)["frozen"].outcome == "failed"


def test_dropout_that_stays_on_fails(home: Path, digits: Path) -> None:
    class Stubborn(nn.Sequential):
        def train(self, mode: bool = True) -> Stubborn:
            return super().train(True)

    bench = Bench(home, preset(digits))
    own(bench, Stubborn(nn.Flatten(), nn.Dropout(0.5), nn.Linear(14 * 14, 10)))

    assert looked_at(bench)["frozen"].outcome == "failed"


def test_batchnorm_that_stays_in_train_mode_is_named(home: Path, digits: Path) -> None:
    class Stubborn(nn.Sequential):
        def train(self, mode: bool = True) -> Stubborn:
            return super().train(True)

    bench = Bench(home, preset(digits))
    model = Stubborn(nn.Flatten(), nn.BatchNorm1d(14 * 14), nn.Linear(14 * 14, 10))
    replica = own(bench, model)
    before = replica.model.state_dict()["1.running_mean"].clone()

    found = looked_at(bench)["frozen"]

    assert found.outcome == "doubtful"
    assert "1.running_mean" in found.message
    assert torch.equal(before, replica.model.state_dict()["1.running_mean"])


def test_weights_that_give_every_image_the_same_loss_cannot_be_judged(
    home: Path, digits: Path
) -> None:
    bench = Bench(home, preset(digits, fault=Fault(validation="augmented")))
    model = Plain(lambda activations: activations)
    nn.init.zeros_(model.layer.weight)
    nn.init.zeros_(model.layer.bias)
    own(bench, model)

    assert looked_at(bench)["frozen"].outcome == "unknown"


def test_a_loss_that_is_not_finite_cannot_be_judged(home: Path, digits: Path) -> None:
    bench = Bench(home, preset(digits))
    replica = own(bench, Plain(lambda activations: activations * float("nan")))

    assert looked_at(bench)["frozen"].outcome == "unknown"
    assert still(bench, replica).outcome == "sound", "nothing there could move"


LIVELY = {
    "dropout": {"model": Model(width=4, dropout=0.3)},
    "batchnorm and augmentation": {
        "model": WITH_BATCHNORM, "augmentation": Augmentation(rotation=20, flip=True),
    },
    "augmented validation": {"fault": Fault(validation="augmented")},
    "resampled validation": {"fault": Fault(validation="resampled"), "model": WITH_BATCHNORM},
    "no shuffling": {"shuffle": False},
}  # fmt: skip


@pytest.mark.parametrize("path", LIVELY)
@pytest.mark.parametrize("room", [None, 0], ids=["on the device", "streamed"])
def test_checks_change_nothing_to_the_bit(
    home: Path, digits: Path, path: str, room: int | None
) -> None:
    settings = preset(digits, **LIVELY[path])
    plain, checked = (Bench(home, settings, (0, 1), room) for _ in range(2))
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    drawn = random.random(), np.random.random(), float(torch.rand(1))
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    before = everything(checked)

    assert (
        "failed" in {c.outcome for c in looked_at(checked).values()} or "fault" not in LIVELY[path]
    )

    assert same(before, everything(checked))
    assert (random.random(), np.random.random(), float(torch.rand(1))) == drawn
    assert checked.advance(12) == plain.advance(12)
    assert same(everything(checked), everything(plain))
    assert losses_of(checked) == losses_of(plain)


def test_a_model_that_draws_from_the_global_generator_trains_as_without_checks(
    home: Path, digits: Path
) -> None:
    sums = []
    for with_checks in (False, True):
        bench = Bench(home, preset(digits))
        torch.manual_seed(3)
        own(bench, Plain(noisy)).model.train()
        if with_checks:
            looked_at(bench)
        sums.append(bench.advance(8))
        sums[-1].append(float(torch.rand(1)))

    assert sums[0] == sums[1]


def everything(bench: Bench) -> list[object]:
    """Return all that the rest of a run depends on, and the modes of all modules."""
    state = bench.loop.state()
    del state["time"]
    modes = [
        module.training for replica in bench.loop.replicas for module in replica.model.modules()
    ]
    return [state, modes, [replica._order.get_state() for replica in bench.loop.replicas]]


def same(one: object, other: object) -> bool:
    """Tell whether two nests of tensors and plain values agree to the bit."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return one == other


def losses_of(bench: Bench) -> bytes:
    """Return the losses of all evaluations that a bench logged."""
    bench.journal.sync()
    return bench.attempt.losses.read_bytes()


def still(bench: Bench, replica: Replica) -> Check:
    """Return the check `zero-learning-rate` of a replica."""
    loop = bench.loop
    return zero_learning_rate(
        replica, loop.train_set, loop.val_set, loop.preset, bench.material.timetable
    )


def test_an_epoch_without_learning_moves_nothing_without_batchnorm(
    home: Path, digits: Path
) -> None:
    bench = Bench(home, preset(digits))

    found = still(bench, bench.loop.replicas[0])

    assert found.outcome == "sound"
    assert found.figure is None
    assert "no BatchNorm" in found.message


def test_an_epoch_without_learning_moves_buffers_and_no_weight(home: Path, digits: Path) -> None:
    bench = Bench(home, preset(digits, model=WITH_BATCHNORM, epochs=6))
    bench.advance(30)
    replica = bench.loop.replicas[0]
    weights = [weight.detach().clone() for weight in replica.model.parameters()]
    mean = replica.model.get_buffer("batchnorm1.running_mean")
    settled = still(bench, replica)
    mean += 3.0

    found = still(bench, replica)

    assert found.outcome == "doubtful"
    assert found.figure is not None
    assert settled.figure is not None
    assert abs(found.figure) > max(2, abs(settled.figure))
    assert "BatchNorm" in found.message
    assert all(torch.equal(a, b) for a, b in zip(weights, replica.model.parameters(), strict=True))


def test_frozen_looks_at_the_model_in_eval_mode_and_once_more(home: Path, digits: Path) -> None:
    bench = Bench(home, preset(digits))
    replica = bench.loop.replicas[0]
    passes: list[bool] = []
    replica.model.register_forward_hook(lambda module, *_: passes.append(module.training))

    found = frozen(replica, bench.loop.val_set, bench.loop.preset)

    assert found.outcome == "sound"
    assert passes == [False, False]


class Layer:
    """A BatchNorm layer as far as its momentum."""

    def __init__(self, momentum: float | None) -> None:
        self.momentum = momentum


def last(train_size: int, momentum: float | None = 0.1, **settings: object) -> Check:
    """Return the check `last-batch` for a set of so many images."""
    facts: dict[str, object] = {"batch_size": 64, "epochs": 4, "eval_every": 1, **settings}
    chosen = Preset(**facts)  # type: ignore[arg-type]
    return last_batch([Layer(momentum)], chosen, make_timetable(chosen, train_size), train_size)


@pytest.mark.parametrize(
    ("rest", "factor", "outcome"), [(1, 13, "doubtful"), (2, 6.9, "doubtful"), (8, 2.3, "sound")]
)
def test_a_rest_before_validation_is_doubtful_above_a_factor_of_three(
    rest: int, factor: float, outcome: str
) -> None:
    found = last(64 * 500 + rest)

    assert found.outcome == outcome
    assert found.figure == pytest.approx(factor, rel=0.02)
    assert ("drop_last = true" in found.message) == (outcome == "doubtful")


def test_a_rest_that_full_batches_follow_on_is_forgotten() -> None:
    at_the_end = last(64 * 20 + 1)
    shortly_after = last(64 * 20 + 1, eval_every="22 steps", epochs=1.9)
    dropped_ = last(64 * 20 + 1, drop_last=True)

    assert at_the_end.figure is not None
    assert shortly_after.figure is not None
    assert 1 < shortly_after.figure < at_the_end.figure
    assert "1 steps" not in at_the_end.message
    assert dropped_.outcome == "sound"


def test_no_rest_and_no_epochs_end_are_sound() -> None:
    assert last(64 * 20).outcome == "sound"
    assert last(64 * 20 + 1, epochs=0.5, eval_every=0.25).outcome == "sound"
    assert last(10).outcome == "sound", "the one batch of each epoch is the rest"
    assert last(64 * 20 + 1, momentum=None).outcome == "doubtful"


@pytest.mark.parametrize(
    ("momentum", "outcome", "steps"),
    [(0.1, "sound", 44), (0.01, "doubtful", 458), (1.0, "sound", 0), (None, "doubtful", None),
     (0.0, "doubtful", None)],
)  # fmt: skip
def test_a_memory_longer_than_an_epoch_is_doubtful(
    momentum: float | None, outcome: str, steps: int | None
) -> None:
    timetable = make_timetable(Preset(batch_size=32), 4000)

    found = batchnorm_memory([Layer(1.0), Layer(momentum)], timetable)

    assert found.outcome == outcome
    assert (found.figure is None) if steps is None else (round(found.figure or 0) == steps)


def test_batchnorm_checks_say_so_where_there_is_none() -> None:
    timetable = make_timetable(Preset(), 330)

    for found in (last_batch([], Preset(), timetable, 330), batchnorm_memory([], timetable)):
        assert found.outcome == "sound"
        assert "no BatchNorm" in found.message


def ordered(labels: np.ndarray[tuple[int, ...], np.dtype[np.int64]], shuffle: bool) -> Check:
    """Return the check `order` for labels in the order of an epoch."""
    chosen = Preset(shuffle=shuffle)
    return order(labels, chosen, make_timetable(chosen, len(labels)))


def test_order_fails_sorted_data_that_are_not_shuffled() -> None:
    mixed = np.random.default_rng(0).integers(0, 10, 2000)
    runs_of_two = np.repeat(np.random.default_rng(0).integers(0, 10, 1000), 2)
    every_tenth_sorted = np.concatenate([np.sort(mixed[:600]), mixed[600:]])

    assert ordered(np.sort(mixed), shuffle=False).outcome == "failed"
    assert "shuffle = true" in ordered(np.sort(mixed), shuffle=False).message
    assert ordered(mixed, shuffle=False).outcome == "sound"
    assert "not shuffled" in ordered(mixed, shuffle=False).message
    assert ordered(np.arange(2000) % 10, shuffle=False).outcome == "sound"
    assert ordered(every_tenth_sorted, shuffle=False).outcome == "doubtful"
    assert ordered(runs_of_two, shuffle=False).outcome in ("failed", "doubtful")
    assert ordered(np.zeros(50, np.int64), shuffle=False).outcome == "sound"
    assert ordered(mixed, shuffle=True).outcome == "sound"


@pytest.mark.parametrize(("shuffle", "outcome"), [(False, "failed"), (True, "sound")])
def test_order_is_that_in_which_a_run_will_see_its_images(
    home: Path, digits: Path, shuffle: bool, outcome: str
) -> None:
    bench = Bench(home, preset(digits, fault=Fault(sorted_by_class=True), shuffle=shuffle))
    replica = bench.loop.replicas[0]
    expected = replica.next_order(bench.loop.train_set)

    found = looked_at(bench)["order"]
    bench.loop.one_step()

    assert found.outcome == outcome
    assert torch.equal(replica.indices, expected)
    assert len(bench.material.train_labels) == TRAIN


@pytest.mark.parametrize(
    ("common", "n", "outcome"),
    [(0, 500, "sound"), (1, 500, "doubtful"), (24, 500, "doubtful"), (25, 500, "failed")],
)
def test_overlap_fails_from_five_percent_on(common: int, n: int, outcome: str) -> None:
    found = overlap(common, n)

    assert found.outcome == outcome
    assert found.figure == pytest.approx(100 * common / n)


def test_overlap_is_seen_whatever_the_labels(home: Path, digits: Path) -> None:
    fault = Fault(overlap=0.1, wrong_labels=0.9)

    assert Bench(home, preset(digits, fault=fault)).material.common == VAL // 10


def test_averaging_says_what_a_mean_of_batch_means_is_worth() -> None:
    found = averaging(900, 128)

    assert (found.outcome, round(found.figure or 0)) == ("sound", 210)
    assert "900" in found.message
    assert "210" in found.message


def test_resolution_is_doubtful_for_few_samples_or_coarse_steps() -> None:
    chance = np.random.default_rng(0)
    before = chance.exponential(size=500)

    fine = resolution(before, before + 0.1 * chance.standard_normal(500))
    coarse = resolution(before, before + 2.0 * chance.standard_normal(500))
    early = resolution(before, before + 2.0 * chance.standard_normal(500), early=True)
    few = resolution(before[:29], before[:29] + 1e-4 * chance.standard_normal(29))
    broken = resolution([1.0, float("nan")], [1.0, 2.0])

    assert [c.outcome for c in (fine, coarse, early, few, broken)] == [
        "sound", "doubtful", "sound", "doubtful", "unknown",
    ]  # fmt: skip
    assert fine.figure == pytest.approx(100 * 2 * 0.1 / np.sqrt(500), rel=0.15)


def test_what_a_check_fails_on_becomes_unknown() -> None:
    def broken() -> Check:
        raise RuntimeError("no such layer")

    found = made("frozen", broken)

    assert (found.check, found.outcome) == ("frozen", "unknown")
    assert "no such layer" in found.message


def test_a_run_logs_its_checks_before_its_first_step_and_resolution_later(
    home: Path, digits: Path
) -> None:
    run, history = train(home, preset(digits, model=WITH_BATCHNORM), seeds=(5, 6))

    events = [event for _, event in history.events if event.kind == "check"]
    assert [event.data["check"] for event in events] == [*AT_START, "resolution"]
    assert {event.step for event in events[:-1]} == {0}
    assert events[-1].step == 8
    assert {event.seed for event in events} == {5}
    for event in events:
        found = check_of(event)
        assert found is not None
        assert msgspec.to_builtins(found) == event.data
        assert found.message == event.message
    assert [check.check for check in read_checks(run)] == [*AT_START, "resolution"]


def kinds(bench: Bench) -> list[tuple[str, str]]:
    """Return kind and check of what a bench has logged."""
    bench.journal.sync()
    events = read_history(bench.run).events
    return [(event.kind, event.data.get("check", "")) for _, event in events]


def test_a_run_that_goes_on_with_other_data_warns_and_checks_these(
    home: Path, digits: Path
) -> None:
    bench = Bench(home, preset(digits))
    before = bench.checksum()

    go_on_with_checks(bench.loop, bench.material, [], split_digest_before="another")

    assert kinds(bench) == [("warning", ""), *(("check", name) for name in AT_START[1:])]
    assert bench.checksum() == before


def test_a_run_that_goes_on_with_its_data_makes_only_the_check_that_is_missing(
    home: Path, digits: Path
) -> None:
    bench = Bench(home, preset(digits))
    known = Check(check="resolution", outcome="sound", message="")

    go_on_with_checks(bench.loop, bench.material, [known], bench.material.split_digest)
    assert bench.loop.on_losses is None
    go_on_with_checks(bench.loop, bench.material, [], bench.material.split_digest)
    bench.advance(8)

    assert [one for one in kinds(bench) if one[0] == "check"] == [("check", "resolution")]


def test_a_resumed_run_makes_no_checks_and_one_begun_anew_does(home: Path, digits: Path) -> None:
    run, _ = train(home, preset(digits))

    run_attempt(add_attempt(run).folder)
    for path in run.checkpoints.iterdir():
        path.unlink()
    run_attempt(add_attempt(run).folder)

    by_attempt = [number for number, event in read_history(run).events if event.kind == "check"]
    assert [by_attempt.count(number) for number in range(3)] == [7, 0, 7]


@pytest.mark.parametrize("kind", ["augmented", "resampled"])
def test_a_planted_run_repeats_itself_whatever_was_tried_before_it(
    home: Path, digits: Path, kind: str
) -> None:
    settings = preset(digits, fault=Fault(validation=kind), model=WITH_BATCHNORM)  # type: ignore[arg-type]

    _, first = train(home, settings)
    _, second = train(home, settings)

    assert [r.val_loss for _, r in first.val] == [r.val_loss for _, r in second.val]
