"""What starts from a checkpoint: its weights, buffers and averages to the bit, all else its own."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from support.probing import noisy
from support.tiny import TRAIN
from support.training import Bench, same
from valtui_trainer.presets import arms
from valtui_trainer.presets.spacing import images_between, steps_per_epoch
from valtui_trainer.presets.types import Augmentation, Model, Optimizer, Preset, Schedule
from valtui_trainer.session.append import Records
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.records import Fork, Val
from valtui_trainer.session.tail import Tail
from valtui_trainer.supervise.prove import ProofPlan, child_of
from valtui_trainer.training import checkpoint
from valtui_trainer.training.checkpoint import State
from valtui_trainer.training.fork import read_start
from valtui_trainer.training.probe.part import SEED_BEGIN, Arm, build_replicas, train_part
from valtui_trainer.training.replica import Replica, clone
from valtui_trainer.training.timetable import make_timetable

STEPS = 10  # an epoch of 320 images in batches of 32


def fork_at(step: int, epochs: float = 2, per_epoch: int = STEPS) -> Fork:
    return Fork(
        run="test", file="step.pt", sha256="", step=step, epoch=step / per_epoch, epochs=epochs
    )


def replicas_of(
    bench: Bench, state: State, identity: str = "base", count: int = 2
) -> tuple[Arm, list[Replica]]:
    """Return replicas of an arm at the checkpoint `state` of a bench."""
    preset = bench.spec.preset
    changed = preset if identity == "base" else arms.change(preset, identity)
    arm = Arm.of(identity, changed, fork_at(state["step"]), TRAIN, 3)
    return arm, build_replicas(arm, bench.spec, bench.material, state, range(count))


@pytest.mark.parametrize(
    "optimizer", [Optimizer(), Optimizer(name="sgd", momentum=0.9)], ids=["adam", "sgd"]
)
def test_replicas_begin_with_weights_buffers_and_averages_of_the_checkpoint(
    home: Path, digits: Path, optimizer: Optimizer
) -> None:
    bench = Bench(home, noisy(digits, optimizer=optimizer), seeds=(3, 4))
    bench.advance(7)
    state = bench.loop.state()

    _, replicas = replicas_of(bench, state, count=3)

    for number, replica in enumerate(replicas):
        theirs = state["replicas"][number % 2]
        assert same(replica.model.state_dict(), theirs["model"]), "seeds in turn, to the bit"
        own = replica.optimizer.state_dict()
        assert same(own["state"], theirs["optimizer"]["state"])
        assert own["state"], "there are averages"
        assert replica.model.training


def test_replicas_share_nothing_with_each_other_or_with_the_checkpoint(
    home: Path, digits: Path, tmp_path: Path
) -> None:
    bench = Bench(home, noisy(digits))
    bench.advance(7)
    state = bench.loop.state()
    before = clone(state["replicas"])
    arm, alone = replicas_of(bench, state, count=1)
    found = losses(bench, arm, alone, tmp_path / "alone")
    _, replicas = replicas_of(bench, state, count=3)

    together = losses(bench, arm, replicas, tmp_path / "together")

    assert same(state["replicas"], before), "the checkpoint is what it was"
    assert {key: together[key] for key in found} == found, "a replica is what it would be alone"


@pytest.mark.parametrize(
    ("identity", "key", "value"),
    [
        ("adam-epsilon", "eps", arms.ARM_EPSILON),
        ("weight-decay-off", "weight_decay", 0.0),
        ("base", "eps", 1e-8),
        ("base", "weight_decay", 0.01),
    ],
)
def test_settings_of_the_optimizer_are_the_arms_own(
    home: Path, digits: Path, identity: str, key: str, value: float
) -> None:
    bench = Bench(home, noisy(digits))
    bench.advance(5)

    _, (replica, _) = replicas_of(bench, bench.loop.state(), identity)

    assert {group[key] for group in replica.optimizer.param_groups} == {value}


@pytest.mark.parametrize("identity", arms.PROBED)
def test_every_arm_can_be_trained_from_the_same_checkpoint(
    home: Path, digits: Path, tmp_path: Path, identity: str
) -> None:
    settings = noisy(digits, augmentation=Augmentation(rotation=10))
    bench = Bench(home, settings)
    bench.advance(5)
    arm, replicas = replicas_of(bench, bench.loop.state(), identity)

    found = losses(bench, arm, replicas, tmp_path)

    assert len(found) == 6
    assert all(map(math.isfinite, found.values()))
    steps = sorted({step - arm.begin for _, step in found})
    images = [step * arm.preset.batch_size for step in steps]
    assert images[-1] == pytest.approx(3 * images_between(settings, TRAIN), rel=0.4)
    model = replicas[0].model
    assert {m.p for m in model.modules() if hasattr(m, "channelwise")} == {
        0.0 if identity == "dropout-off" else 0.2
    }
    momenta = {m.momentum for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert momenta == {arm.preset.model.batchnorm_momentum}


def losses(
    bench: Bench, arm: Arm, replicas: list[Replica], folder: Path
) -> dict[tuple[int, int], float]:
    """Train replicas to their arm's end; return their losses by number and step."""
    folder.mkdir(exist_ok=True)
    log = Records(folder / f"{arm.id}.jsonl")
    numbers = range(len(replicas))
    try:
        train_part(arm, replicas, numbers, bench.material, log, lambda _: None, "auto")
    finally:
        log.close()
    records = Tail(folder / f"{arm.id}.jsonl", Val).read()
    return {(one.seed, one.step): one.val_loss or math.nan for one in records}


def test_the_learning_rate_of_an_arm_is_its_own_at_the_place_of_the_schedule(
    home: Path, digits: Path, tmp_path: Path
) -> None:
    bench = Bench(home, noisy(digits, schedule=Schedule(name="cosine"), learning_rate=0.01))
    bench.advance(10)
    state = bench.loop.state()
    rates = {}
    for identity in ("base", "learning-rate-half"):
        arm, replicas = replicas_of(bench, state, identity, count=1)
        arm = replace_evaluations(arm, (arm.begin + 1,))
        losses(bench, arm, replicas, tmp_path)
        rates[identity] = replicas[0].optimizer.param_groups[0]["lr"]

    assert rates["base"] == pytest.approx(0.005), "half of the run is over"
    assert rates["learning-rate-half"] == pytest.approx(rates["base"] / 2)


def replace_evaluations(arm: Arm, evaluations: tuple[int, ...]) -> Arm:
    from dataclasses import replace as with_changes

    return with_changes(arm, evaluations=evaluations)


def test_generators_are_a_replicas_own_whatever_the_runs_are(home: Path, digits: Path) -> None:
    bench = Bench(home, noisy(digits))
    bench.advance(5)
    state = bench.loop.state()

    _, (first, second) = replicas_of(bench, state)
    _, (again, _) = replicas_of(bench, state)

    assert [first.seed, second.seed] == [SEED_BEGIN, SEED_BEGIN + 1]
    own = [stream.get_state() for stream in first.streams]
    for others in (bench.loop.replicas[0].streams, second.streams):
        assert not any(same(one, other.get_state()) for one, other in zip(own, others, strict=True))
    assert all(same(one, other.get_state()) for one, other in zip(own, again.streams, strict=True))


def test_a_base_replica_with_the_runs_own_generators_is_the_runs_own_continuation(
    home: Path, digits: Path, tmp_path: Path
) -> None:
    """So what sets base and run apart are the draws alone: rate, averages and evaluations are alike."""
    settings = noisy(digits, epochs=4, schedule=Schedule(), augmentation=Augmentation(rotation=10))
    bench = Bench(home, settings)
    bench.advance(2 * STEPS)
    state = bench.loop.state()
    arm = Arm.of("base", settings, fork_at(2 * STEPS, epochs=4), TRAIN, 4)
    (replica,) = build_replicas(arm, bench.spec, bench.material, state, [0])
    replica.load_state(state["replicas"][0], bench.material.train_set, begun=True)

    found = losses(bench, arm, [replica], tmp_path)
    bench.advance(2 * STEPS)

    bench.journal.sync()
    own = {r.step: r.val_loss for r in Tail(bench.attempt.val, Val).read() if r.step > 2 * STEPS}
    assert {step: loss for (_, step), loss in found.items()} == own
    assert list(own) == [25, 30, 35, 40]


def test_what_starts_from_a_checkpoint_keeps_its_learning_rate_beyond_the_schedules_end() -> None:
    settings = Preset(batch_size=16, epochs=4, schedule=Schedule(name="cosine"))
    arm = Arm.of("base", settings, fork_at(2 * STEPS, epochs=4), TRAIN, 40)
    table = make_timetable(replace(settings, epochs=12), TRAIN, fork_at(2 * STEPS, epochs=4))

    assert arm.learning_rate == pytest.approx(settings.learning_rate / 2)
    assert {table.scheduled(step) for step in table.evaluations} == {table.begin}
    assert make_timetable(settings, TRAIN).scheduled(7) == 7


def test_a_checkpoint_of_another_model_is_refused_in_words(home: Path, digits: Path) -> None:
    bench = Bench(home, noisy(digits))
    bench.advance(2)
    state = bench.loop.state()
    other = replace(
        bench.spec, preset=replace(bench.spec.preset, model=Model(name="small-cnn", width=5))
    )
    arm = Arm.of("base", other.preset, fork_at(2), TRAIN, 3)

    with pytest.raises(SessionError, match="does not fit the model any more"):
        build_replicas(arm, other, bench.material, state, [0])


def test_a_start_that_is_gone_damaged_or_foreign_is_refused_in_words(
    home: Path, digits: Path, tmp_path: Path
) -> None:
    bench = Bench(home, noisy(digits))
    written = checkpoint.write(tmp_path, bench.loop.state())
    path = tmp_path / written.name
    fork = replace(fork_at(0), sha256=written.sha256)
    assert read_start(path, fork)["step"] == 0

    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SessionError, match=r"is damaged: it is not step\.pt of test"):
        read_start(path, fork)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(SessionError, match="cannot be read"):
        read_start(path, replace(fork, sha256=checkpoint.sha256_of(path)))
    path.unlink()
    with pytest.raises(SessionError, match="is gone"):
        read_start(path, fork)


@given(
    batch_size=st.integers(1, 200),
    every=st.one_of(
        st.floats(0.01, 3), st.sampled_from(["8 steps", "0.3 epochs", "100 steps", "1 step"])
    ),
    train_size=st.integers(200, 2000),
    place=st.floats(0.0, 30.0),
    identity=st.sampled_from(["learning-rate-half", "batch-size-double", "batch-size-quadruple"]),
)
def test_a_run_beside_has_all_evaluations_that_a_proof_may_look_at(
    batch_size: int, every: float | str, train_size: int, place: float, identity: str
) -> None:
    preset = Preset(batch_size=batch_size, eval_every=every)
    if arms.why_not(preset, identity):
        return
    per_epoch = steps_per_epoch(preset, train_size)
    begin = fork_at(round(place * per_epoch), per_epoch=per_epoch)
    for changed in (preset, arms.change(preset, identity)):
        longer = lengthened(changed, begin, train_size)
        table = make_timetable(longer, train_size, begin)

        assert table.begin == round(begin.epoch * table.steps_per_epoch)
        assert len(table.evaluations) >= 40
        assert min(table.evaluations) >= table.begin + table.between / 2


def lengthened(preset: Preset, begin: Fork, train_size: int) -> Preset:
    """Return the preset of a run beside, as a proof starts it."""
    from support.sessions import make_start
    from valtui_trainer.session.records import RunSpec

    spec = RunSpec(
        id="tiny", preset_name="tiny", preset=preset, seeds=[0], device="cpu", threads=1, position=0,
        session="session",
    )  # fmt: skip
    plan = ProofPlan(
        run="tiny", arm="", arm_run="", control_run="", seeds=(0, 1, 2), evaluations=40, seconds=None,
        step=None,
    )  # fmt: skip
    start = make_start(train_size=train_size)
    return child_of(spec, start, begin, "proof", "tiny~", preset, plan).preset
