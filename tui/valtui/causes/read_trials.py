"""Reads what was tried on a run from its session: the newest figures of each arm, probes, proofs."""

from __future__ import annotations

import msgspec
import numpy as np

from valtui.causes.trials import ArmFound, ProbeFound, ProofFound, Trials
from valtui.feed import RunFeed, SessionFeed
from valtui.series import Array
from valtui_trainer.measure.arms import arm_left
from valtui_trainer.measure.proof import LOOKS, ProofState, prove
from valtui_trainer.session.layout import ProbePaths
from valtui_trainer.session.probes import (
    BASE,
    arm_losses,
    looks_so_far,
    notes_of,
    probe_status,
    probes_of,
)
from valtui_trainer.session.proofs import proof_result, proofs_of
from valtui_trainer.session.records import ArmLook, ProbeSpec, ProofResult, ProofSpec
from valtui_trainer.session.safe import safe
from valtui_trainer.supervise.probe import probed_arms

MOST_NOTES = 5


def trials_of(feed: SessionFeed, run: RunFeed) -> Trials:
    """Return what was tried on `run`, by probes and by proofs in its session."""
    read = [
        (paths, probe_found(paths, spec)) for paths, spec in reversed(probes_of(feed.paths, run.id))
    ]
    with np.errstate(all="ignore"):
        arms = tuple(
            arm_found(arm, why_not, read)
            for arm, why_not in probed_arms(run.paths, run.spec, run.start).items()
        )
        proofs = tuple(
            proof_found(feed, spec, proof_result(paths))
            for paths, spec in reversed(proofs_of(feed.paths, run.id))
        )
    return Trials(arms, tuple(found for _, found in read), proofs)


def probe_found(paths: ProbePaths, spec: ProbeSpec) -> ProbeFound:
    """Return one probe as it is now; where it has no result, its log tells the looks."""
    status = probe_status(paths)
    told = (status.result.looks if status.result is not None else []) or looks_so_far(paths)
    looks = tuple(tuple(map(harmless, look)) for look in told)
    return ProbeFound(spec, status, looks, tuple(notes_of(paths)[-MOST_NOTES:]))


def harmless(look: ArmLook) -> ArmLook:
    """Return `look` with words that no terminal can be harmed by."""
    return msgspec.structs.replace(look, note=safe(look.note))


def arm_found(arm: str, why_not: str, probes: list[tuple[ProbePaths, ProbeFound]]) -> ArmFound:
    """Return one arm with the figures that rest on most, the newest of equals; `probes` newest first.

    A later probe that was broken off says less than an earlier one that was not.
    """
    tried = [(paths, probe) for paths, probe in probes if arm in probe.spec.arms]
    looked = [(probe, look) for _, probe in tried if (look := probe.look(arm)) is not None]
    if looked:
        looked.sort(key=lambda one: -one[1].replicas * one[1].evaluations)
        probe, look = looked[0]
        return ArmFound(arm, why_not, look, probe, True, probe.note(arm), tuple(looked[1:]))
    if not tried:
        return ArmFound(arm, why_not)
    paths, probe = tried[0]
    so_far = None if probe.looks else so_far_of(paths, probe, arm)
    return ArmFound(arm, why_not, so_far, probe, False, probe.note(arm))


def so_far_of(paths: ProbePaths, probe: ProbeFound, arm: str) -> ArmLook | None:
    """Return what the whole replicas of an arm say before the first look: no interval yet."""
    evaluations = probe.spec.evaluations
    losses = arm_losses(paths, arm, evaluations)
    base = arm_losses(paths, BASE, evaluations)
    if not (losses.size and base.size):
        return None
    found = arm_left(losses, base)
    if found is None:
        return None
    return ArmLook(
        arm=arm, left=found.value, low=None, high=None, replicas=found.replicas,
        evaluations=evaluations, mean_change=found.mean_change,
    )  # fmt: skip


def proof_found(feed: SessionFeed, spec: ProofSpec, written: ProofResult | None) -> ProofFound:
    """Return one proof, as it stands by what was read of its two runs."""
    runs = {run.id: run for run in feed.runs}
    arm, control = runs.get(spec.arm_run), runs.get(spec.control_run)
    state: ProofState | None = None
    evaluations = 0
    if arm is not None and control is not None:
        theirs, own = after_fork(arm, spec), after_fork(control, spec)
        evaluations = min(theirs.shape[1], own.shape[1])
        if evaluations:
            state = prove(theirs, own, spec.predicted_high)
    hindered = "" if written is not None else hindrance(spec, arm, control, evaluations)
    if written is not None:
        evaluations = max(evaluations, written.evaluations)
    return ProofFound(spec, written, state, evaluations, hindered)


def after_fork(run: RunFeed, spec: ProofSpec) -> Array:
    """Return the validation losses of one of a proof's runs since the fork, shape (seeds, T).

    A run beside has begun there; of the run that the proof is about, only what came after counts.
    """
    matrix = run.val_matrix()
    return matrix.loss[:, matrix.step > spec.fork.step] if run.id == spec.run else matrix.loss


def hindrance(
    spec: ProofSpec, arm: RunFeed | None, control: RunFeed | None, evaluations: int
) -> str:
    """Return what keeps an open proof from going on, in a few words."""
    for name, run in ((spec.arm_run, arm), (spec.control_run, control)):
        if run is None:
            return f"{safe(name)} has not begun"
        if run.status.ended and evaluations < LOOKS[-1]:
            later = after_fork(run, spec).shape[1]
            if later < LOOKS[-1] and (run.id != spec.run or later <= evaluations):
                return f"{safe(name)} ended ({run.status.state.lower()}) after {later} evaluations"
    return ""
