"""Plan a proof and start it: an arm or remedy as a run beside its control, both from one checkpoint."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from msgspec.structs import replace

from valtui_trainer.measure.proof import LOOKS
from valtui_trainer.presets import arms as presets_arms
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.keys import difference
from valtui_trainer.presets.spacing import steps_between, steps_per_epoch
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.checkpoints import evaluations_after, fork, newest_start
from valtui_trainer.session.commands import Inbox
from valtui_trainer.session.described import why_no_trial
from valtui_trainer.session.documents import write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import (
    ProofPaths,
    RunPaths,
    SessionPaths,
    make_folder,
    utc_now,
)
from valtui_trainer.session.listing import runs_of
from valtui_trainer.session.probes import new_id
from valtui_trainer.session.records import Fork, ProofSpec, RunSpec, Start
from valtui_trainer.supervise.begin import command
from valtui_trainer.supervise.neighbours import crowding_beside
from valtui_trainer.supervise.plan import MOST_RUNS
from valtui_trainer.supervise.probe import has_no_batchnorm, ready, seconds_per_replica, why_not

FEWEST_SEEDS = 3
ENOUGH_LATER = LOOKS[0]
"""Later evaluations of the run itself that make a control unnecessary: with fewer, no look is reached."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a probe or a lens promised: the volatility left, with its interval, and who said so."""

    left: float
    low: float | None
    high: float | None
    by: str


@dataclass(frozen=True, slots=True)
class ProofPlan:
    """What a proof would train.

    Attributes:
        arm_run, control_run: ids of the runs beside; the control is the run itself where that has
            enough evaluations after the checkpoint.
        seeds: of each run beside.
        evaluations: of each seed, at most.
        seconds: expected wall time if the two are trained one after another; None while unknown.
        notes: what a person should know before it starts, a sentence each.
    """

    run: str
    arm: str
    arm_run: str
    control_run: str
    seeds: tuple[int, ...]
    evaluations: int
    seconds: float | None
    step: int | None
    notes: tuple[str, ...] = ()

    @property
    def needs_control(self) -> bool:
        """Whether a control is trained beside."""
        return self.control_run != self.run


def why_no_proof(spec: RunSpec, start: Start | None, arm: str) -> str:
    """Return why an arm or remedy cannot be proven on a run, a sentence; empty where it can.

    Raises:
        PresetError: there is no such arm.
    """
    if not presets_arms.find(arm).remedy or why_no_trial(spec):
        return why_not(spec, start, arm)
    reason = presets_arms.why_not(spec.preset, arm)
    if not reason and arm == "exact-batchnorm" and start is not None and has_no_batchnorm(start):
        return "the model has no BatchNorm."
    return reason


def plan_proof(
    session: SessionPaths, run: RunPaths, spec: RunSpec, arm: str, step: int | None = None
) -> ProofPlan:
    """Return what proving `arm` on `run` would train; nothing is written.

    Raises:
        PresetError: the arm is unknown or does not apply, or the session is full.
        SessionError: the run has not begun.
    """
    spec = ready(run, spec)
    start = newest_start(run)
    reason = why_no_proof(spec, start, arm)
    if reason:
        raise PresetError(f"{arm} cannot be proven on {spec.id}: {reason}")
    taken = {one.id for _, one in runs_of(session, skip_damaged=True)} | asked_for(session)
    later = evaluations_after(run, step) if step is not None else 0
    # Under a schedule the run's own rate went on falling, while the arm's is held.
    own = later >= ENOUGH_LATER and spec.preset.schedule.name == "constant"
    evaluations = max((look for look in LOOKS if not own or look <= later), default=LOOKS[-1])
    control = run.id if own else free_id(f"{run.id}~control", taken)
    if len(taken) + (1 if own else 2) > MOST_RUNS:
        raise PresetError(
            f"The session has {len(taken)} runs already, and shows {MOST_RUNS} at the most; start the "
            "preset in a session of its own."
        )
    seeds = tuple(range(max(FEWEST_SEEDS, len(spec.seeds))))
    each = seconds_per_replica(run, spec, start, evaluations)
    crowded = crowding_beside(session, spec.device)
    return ProofPlan(
        run=run.id,
        arm=arm,
        arm_run=free_id(f"{run.id}~{arm}", taken),
        control_run=control,
        seeds=seeds,
        evaluations=evaluations,
        seconds=None if each is None else each * len(seeds) * (1 if own else 2),
        step=step,
        notes=(crowded,) if crowded else (),
    )


def asked_for(session: SessionPaths) -> set[str]:
    """Return the ids of the runs that commands ask to be started, whether they are there yet or not."""
    commands = Inbox(session, set()).take()
    return {one.spec.id for one in commands if one.command == "start" and one.spec is not None}


def free_id(wanted: str, taken: set[str]) -> str:
    """Return `wanted`, or with a number behind it if that is taken."""
    number, found = 2, wanted
    while found in taken:
        found, number = f"{wanted}-{number}", number + 1
    return found


def start_proof(
    session: SessionPaths,
    run: RunPaths,
    spec: RunSpec,
    plan: ProofPlan,
    predicted: Prediction | None = None,
) -> ProofPaths:
    """Keep the checkpoint, write what was predicted, and queue the runs beside.

    Raises:
        SessionError: there is no sound checkpoint, or nothing can be written.
    """
    spec = ready(run, spec)
    proof = session.proof(new_id(f"{run.id}~{plan.arm}"))
    try:
        make_folder(proof.folder)
        begin = fork(run, spec, proof.start, plan.step)
        document = ProofSpec(
            id=proof.id,
            created=utc_now(),
            run=run.id,
            arm=plan.arm,
            fork=begin,
            arm_run=plan.arm_run,
            control_run=plan.control_run,
            predicted=predicted.left if predicted else None,
            predicted_low=predicted.low if predicted else None,
            predicted_high=predicted.high if predicted else None,
            predicted_by=predicted.by if predicted else "",
        )
        write_document(proof.spec, document)
        start = newest_start(run)
        position = max((one.position for _, one in runs_of(session, skip_damaged=True)), default=-1)
        beside = [(plan.arm_run, presets_arms.change(spec.preset, plan.arm))]
        if plan.needs_control:
            beside.append((plan.control_run, spec.preset))
        for number, (identity, preset) in enumerate(beside, start=1):
            child = child_of(spec, start, begin, proof.id, identity, preset, plan)
            command(session, "start", identity, replace(child, position=position + number))
    except (OSError, SessionError) as error:
        shutil.rmtree(proof.folder, ignore_errors=True)
        if isinstance(error, SessionError):
            raise
        raise SessionError(f"The proof cannot be written ({error.strerror}).") from None
    return proof


def child_of(
    spec: RunSpec,
    start: Start,
    begin: Fork,
    proof: str,
    identity: str,
    preset: Preset,
    plan: ProofPlan,
) -> RunSpec:
    """Return the run beside that continues a fork for as many evaluations as a proof may need."""
    between = steps_between(preset, start.train_size) / steps_per_epoch(preset, start.train_size)
    # One more, for the first mark may lie too near to the fork, and the last may not be a whole one.
    epochs = begin.epoch + (plan.evaluations + 1) * between
    longer = replace(preset, epochs=epochs, seeds=list(plan.seeds))
    return replace(
        spec,
        id=identity,
        preset=longer,
        seeds=list(plan.seeds),
        fork=begin,
        proof=proof,
        profile=False,
        source="preset",
        recorded=spec.recorded | difference(preset, spec.preset) if spec.builder else {},
    )
