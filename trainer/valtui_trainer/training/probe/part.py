"""Trains some replicas of one arm from the checkpoint, and logs their evaluations."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from valtui_trainer.presets import spacing
from valtui_trainer.presets.arms import ARMS
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.append import Records
from valtui_trainer.session.probes import BASE
from valtui_trainer.session.records import Fork, RunSpec, Val
from valtui_trainer.training.assemble import Material, build_replica
from valtui_trainer.training.checkpoint import State
from valtui_trainer.training.choose_engine import Wanted, make_ensemble
from valtui_trainer.training.ensemble import Engine
from valtui_trainer.training.evaluator import Evaluator
from valtui_trainer.training.fork import take_over
from valtui_trainer.training.optimization import learning_rate
from valtui_trainer.training.replica import Replica

SEED_BEGIN = 1_000_000
"""Seeds of replicas begin here, whatever the run's seeds are."""

SEEDS_OF_AN_ARM = 10_000
"""No two arms share a seed: their intervals take them to be independent."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What is trained: an arm's id, its settings, and where they put the fork and the evaluations.

    Attributes:
        begin: the step of the fork, in steps of this arm.
        evaluations: the steps after which its replicas are evaluated, rising.
        schedule: steps that the learning rate's schedule spans.
        first_seed: of its replica 0.
    """

    id: str
    preset: Preset
    steps_per_epoch: int
    begin: int
    evaluations: tuple[int, ...]
    schedule: int
    first_seed: int

    @classmethod
    def of(cls, identity: str, preset: Preset, fork: Fork, train_size: int, count: int) -> Arm:
        """Return the arm that goes on from `fork` for `count` evaluations at the preset's spacing."""
        per_epoch = spacing.steps_per_epoch(preset, train_size)
        between = spacing.steps_between(preset, train_size)
        begin = round(fork.epoch * per_epoch)
        return cls(
            id=identity,
            preset=preset,
            steps_per_epoch=per_epoch,
            begin=begin,
            evaluations=tuple(
                begin + math.ceil(number * between - 1e-9) for number in range(1, count + 1)
            ),
            schedule=max(1, round(fork.epochs * per_epoch)),
            first_seed=SEED_BEGIN + SEEDS_OF_AN_ARM * (BASE, *ARMS).index(identity),
        )

    @property
    def learning_rate(self) -> float:
        """That of the fork, held: what the volatility is of must not end with a schedule."""
        return learning_rate(self.preset, self.begin, self.schedule, self.steps_per_epoch)

    @property
    def steps(self) -> int:
        """Optimizer steps of one replica."""
        return self.evaluations[-1] - self.begin


def build_replicas(
    arm: Arm, spec: RunSpec, material: Material, state: State, numbers: Sequence[int]
) -> list[Replica]:
    """Return replicas of `arm`, each with a seed of its own, at the checkpoint.

    Raises:
        SessionError: the checkpoint does not fit the model.
    """
    own = replace(spec, preset=arm.preset)
    device = material.train_set.device
    longest = max(
        b - a for a, b in zip((arm.begin, *arm.evaluations), arm.evaluations, strict=False)
    )
    replicas = []
    for number in numbers:
        replica = build_replica(own, arm.first_seed + number, material, device, longest)
        take_over(replica, state, number)
        replica.model.train()
        replicas.append(replica)
    return replicas


def train_part(
    arm: Arm,
    replicas: Sequence[Replica],
    numbers: Sequence[int],
    material: Material,
    log: Records,
    stepped: Callable[[int], None],
    engine: Wanted,
) -> Engine:
    """Train `replicas` to the arm's last evaluation, logging each; return which engine did it.

    Args:
        arm: what they are replicas of.
        replicas: at the checkpoint.
        numbers: of theirs, which the log names as `seed`.
        material: data on the device.
        log: of the arm's evaluations.
        stepped: is told after each step how many replicas took it; raises to end the training.
        engine: as `make_ensemble` takes it.
    """
    ensemble = make_ensemble(replicas, material.train_set, engine)
    evaluator = Evaluator(
        arm.preset,
        material.train_set,
        material.val_set,
        [replica.model for replica in replicas],
        arm.steps_per_epoch,
    )
    marks = frozenset(arm.evaluations)
    began = time.monotonic()
    for step in range(arm.begin, arm.evaluations[-1]):
        in_epoch = step % arm.steps_per_epoch
        if in_epoch == 0 or step == arm.begin:
            ensemble.begin_epoch(material.train_set)
        ensemble.step(material.train_set, in_epoch * arm.preset.batch_size, arm.learning_rate)
        evaluator.stepped()
        stepped(len(replicas))
        if step + 1 in marks:
            ensemble.figures()  # empties the accumulator of training losses
            evaluate_all(arm, replicas, numbers, evaluator, log, step + 1, began)
    return ensemble.taken_by


def evaluate_all(
    arm: Arm,
    replicas: Sequence[Replica],
    numbers: Sequence[int],
    evaluator: Evaluator,
    log: Records,
    step: int,
    began: float,
) -> None:
    """Evaluate every replica and log it."""
    for place, (number, replica) in enumerate(zip(numbers, replicas, strict=True)):
        started = time.monotonic()
        found = evaluator.evaluate(place, replica.model)
        now = time.monotonic()
        log.append(
            Val(
                n=0,
                time=now - began,
                step=step,
                epoch=step / arm.steps_per_epoch,
                seed=number,
                val_loss=found.loss,
                val_accuracy=found.accuracy,
                val_balanced_accuracy=found.balanced_accuracy,
                seconds=now - started,
            )
        )
    log.sync()
