"""Plan a probe, say what it costs and what it can show, start it, cancel it. Nothing here loads torch."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from valtui_trainer.measure.comparison import comparable_spacing
from valtui_trainer.measure.power import detectable
from valtui_trainer.presets import arms as presets_arms
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.spacing import images_between, steps_between
from valtui_trainer.session.built import as_tried
from valtui_trainer.session.checkpoints import fork, newest_start
from valtui_trainer.session.described import why_no_trial
from valtui_trainer.session.documents import write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import (
    ProbePaths,
    RunPaths,
    SessionPaths,
    make_folder,
    utc_now,
)
from valtui_trainer.session.listing import runs_of, statuses
from valtui_trainer.session.locks import holder
from valtui_trainer.session.probes import new_id, probe_status, probes_of
from valtui_trainer.session.records import ProbeSpec, RunSpec, Start
from valtui_trainer.supervise.begin import command
from valtui_trainer.supervise.neighbours import crowding_beside

REPLICAS, EVALUATIONS, MINUTES = 8, 8, 10.0
FEWEST_REPLICAS, MOST_REPLICAS = 2, 256
FEWEST_EVALUATIONS, MOST_EVALUATIONS = 3, 1000
START_UP_SECONDS = 15.0
"""Loading torch and the data, the gradient noise scale, and choosing an engine."""


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """What a probe would do.

    Attributes:
        arms: those it trains, in order.
        replicas, evaluations: K and J.
        steps: optimizer steps in all, of all replicas.
        seconds: expected wall time; None where the run has not been timed yet.
        detectable: the largest volatility left that it tells from 100 %, 80 % of the time.
        minutes: its budget.
        shares: ids of the runs that train on the same device meanwhile.
        notes: what a person should know before it starts, a sentence each.
    """

    run: str
    arms: tuple[str, ...]
    replicas: int
    evaluations: int
    steps: int
    seconds: float | None
    detectable: float
    minutes: float
    step: int | None
    shares: tuple[str, ...]
    notes: tuple[str, ...]


def why_not(spec: RunSpec, start: Start | None, arm: str) -> str:
    """Return why an arm cannot be probed on a run, a sentence; empty where it can.

    Raises:
        PresetError: there is no such arm.
    """
    found = presets_arms.find(arm)
    elsewhere = why_no_trial(spec)
    if elsewhere:
        return elsewhere
    if found.remedy:
        return "the lens measures it already, and a run beside proves it (P, or `valtui prove`)."
    if spec.builder and found.cause == "augmentation":
        return "whatever augments is the data set's own, which no setting changes."
    reason = presets_arms.why_not(spec.preset, arm)
    if reason or start is None:
        return reason
    if found.cause == "batchnorm-momentum" and has_no_batchnorm(start):
        return "the model has no BatchNorm."
    changed = presets_arms.change(spec.preset, arm)
    if changed.batch_size > start.train_size:
        return (
            f"a batch of {changed.batch_size} is larger than the training set ({start.train_size})."
        )
    if not comparable_spacing(
        images_between(spec.preset, start.train_size), images_between(changed, start.train_size)
    ):
        return (
            "its evaluations would not be as many images apart as the run's, so the volatilities "
            "could not be compared; a larger eval_every would do."
        )
    return ""


def has_no_batchnorm(start: Start) -> bool:
    """Tell whether the run's own lens found that its model has no BatchNorm."""
    return any("no BatchNorm" in plan.reason for plan in start.lenses)


def probed_arms(run: RunPaths, spec: RunSpec, start: Start | None) -> dict[str, str]:
    """Return every arm that a probe knows with the reason why it does not apply to a run, or ``""``."""
    try:
        spec = as_tried(run, spec)
    except SessionError as error:
        return dict.fromkeys(presets_arms.PROBED, str(error))
    return {arm: why_not(spec, start, arm) for arm in presets_arms.PROBED}


def plan_probe(
    session: SessionPaths,
    run: RunPaths,
    spec: RunSpec,
    arms: Sequence[str],
    *,
    minutes: float = MINUTES,
    replicas: int = REPLICAS,
    evaluations: int = EVALUATIONS,
    step: int | None = None,
) -> ProbePlan:
    """Return what a probe of `run` would do; nothing is written.

    Where the expected time is beyond the budget, fewer replicas are planned, and it is said.

    Raises:
        PresetError: an arm is unknown, doubled, or does not apply; a number makes no sense.
        SessionError: the run has not begun.
    """
    refuse_numbers(minutes, replicas, evaluations)
    spec = ready(run, spec)
    start = newest_start(run)
    refuse_arms(spec, start, arms)
    notes = []
    seconds = seconds_per_replica(run, spec, start, evaluations)
    chosen = replicas
    if seconds is not None:
        fitting = fitting_replicas(minutes, seconds, len(arms) + 1, replicas)
        if fitting < FEWEST_REPLICAS:
            needed = (START_UP_SECONDS + FEWEST_REPLICAS * (len(arms) + 1) * seconds) / 60
            raise PresetError(
                f"{minutes:g} minutes are too few: the base and {counted(len(arms))} with "
                f"{FEWEST_REPLICAS} replicas each take about {needed:.2g} minutes here. Allow more "
                "(--minutes), or fewer arms or evaluations."
            )
        if fitting < replicas:
            chosen = fitting
            notes.append(
                f"The budget of {minutes:g} minutes holds {fitting} replicas of each arm, not {replicas}."
            )
    total = START_UP_SECONDS + seconds * chosen * (len(arms) + 1) if seconds is not None else None
    shares = sharing(session, spec)
    if shares:
        notes.append(
            f"{', '.join(shares)} {'trains' if len(shares) == 1 else 'train'} on {spec.device} as "
            "well: both are slower meanwhile."
        )
    crowded = crowding_beside(session, spec.device)
    return ProbePlan(
        run=run.id,
        arms=tuple(arms),
        replicas=chosen,
        evaluations=evaluations,
        steps=steps_in_all(spec, start, arms, chosen, evaluations),
        seconds=total,
        detectable=detectable(chosen, evaluations),
        minutes=minutes,
        step=step,
        shares=shares,
        notes=(*notes, *([crowded] if crowded else [])),
    )


def ready(run: RunPaths, spec: RunSpec) -> RunSpec:
    """Return the run as it is tried.

    Raises:
        PresetError: nothing can be tried on it.
    """
    try:
        return as_tried(run, spec)
    except SessionError as error:
        raise PresetError(f"{spec.id} cannot be probed or proven: {error}") from None


def refuse_numbers(minutes: float, replicas: int, evaluations: int) -> None:
    """Refuse numbers that make no probe.

    Raises:
        PresetError: saying which.
    """
    if not 0 < minutes <= 100_000:
        raise PresetError(f"A budget of {minutes:g} minutes allows no probe; 10 is the default.")
    if not FEWEST_REPLICAS <= replicas <= MOST_REPLICAS or replicas % 2:
        raise PresetError(
            f"{replicas} replicas: take an even number from {FEWEST_REPLICAS} to {MOST_REPLICAS}; the "
            "first look comes at half of them."
        )
    if not FEWEST_EVALUATIONS <= evaluations <= MOST_EVALUATIONS:
        raise PresetError(
            f"{evaluations} evaluations: the volatility needs {FEWEST_EVALUATIONS} or more, and 8 tell "
            "more than 6 by far."
        )


def refuse_arms(spec: RunSpec, start: Start, arms: Sequence[str]) -> None:
    """Refuse arms that are unknown, doubled, or change nothing.

    Raises:
        PresetError: saying which, and why.
    """
    elsewhere = why_no_trial(spec)
    if not arms and elsewhere:
        raise PresetError(f"Nothing can be probed on {spec.id}: {elsewhere}")
    if not arms:
        raise PresetError("No arm applies to this run: there is nothing to compare its base with.")
    for arm in arms:
        reason = why_not(spec, start, arm)
        if reason:
            raise PresetError(f"{arm} does not apply to {spec.id}: {reason}")
    doubled = next((arm for arm in arms if list(arms).count(arm) > 1), None)
    if doubled:
        raise PresetError(f"{doubled} is named twice.")


def counted(arms: int) -> str:
    """Return `1 arm`, `2 arms`."""
    return f"{arms} arm" + ("" if arms == 1 else "s")


def steps_in_all(
    spec: RunSpec, start: Start, arms: Sequence[str], replicas: int, evaluations: int
) -> int:
    """Return the optimizer steps of the base and all arms, of all replicas."""
    total = 0.0
    for preset in (spec.preset, *(presets_arms.change(spec.preset, arm) for arm in arms)):
        total += steps_between(preset, start.train_size) * evaluations * replicas
    return round(total)


def seconds_per_replica(
    run: RunPaths, spec: RunSpec, start: Start, evaluations: int
) -> float | None:
    """Return the expected seconds of one replica of one arm, from the run's own pace.

    Its seeds and lenses are counted out. None where the run has logged no training yet.
    """
    history = read_history(run)
    speeds = [one.images_per_second for one in history.train if one.images_per_second]
    if not speeds:
        return None
    middle = sorted(speeds)[len(speeds) // 2]
    took = sorted(one.seconds for _, one in history.val if one.seconds)
    evaluating = took[len(took) // 2] if took else 0.0
    return evaluations * (start.images_per_evaluation / middle + evaluating)


def fitting_replicas(minutes: float, seconds: float, arms: int, wanted: int) -> int:
    """Return the even number of replicas, at most `wanted`, that the budget holds."""
    room = (60 * minutes - START_UP_SECONDS) / (seconds * arms) if seconds > 0 else wanted
    return min(wanted, max(0, int(room)) // 2 * 2)


def sharing(session: SessionPaths, spec: RunSpec) -> tuple[str, ...]:
    """Return the runs of the session that train on the device of `spec` now."""
    try:
        now = statuses(session)
    except SessionError:
        return ()
    busy = {name for name, status in now.items() if status.state in ("STARTING", "RUNNING")}
    return tuple(one.id for _, one in runs_of(session, skip_damaged=True) if one.id in busy)


def start_probe(
    session: SessionPaths, run: RunPaths, spec: RunSpec, plan: ProbePlan, pause_run: bool = False
) -> ProbePaths:
    """Keep the checkpoint for a probe, write what it is, and have it started.

    Raises:
        SessionError: there is no sound checkpoint, a probe of the run is under way, or nothing can be
            written.
    """
    for probe, other in probes_of(session, run.id):
        if probe_status(probe).live:
            raise SessionError(
                f"A probe of {run.id} is under way ({', '.join(other.arms)}); wait for it, or cancel it."
            )
    spec = ready(run, spec)
    probe = session.probe(new_id(run.id))
    try:
        make_folder(probe.arms)
        start = fork(run, spec, probe.start, plan.step)
        write_document(
            probe.spec,
            ProbeSpec(
                id=probe.id,
                created=utc_now(),
                run=run.id,
                fork=start,
                arms=list(plan.arms),
                replicas=plan.replicas,
                evaluations=plan.evaluations,
                minutes=plan.minutes,
                pause_run=pause_run,
            ),
        )
        command(session, "probe", run.id, probe=probe.id)
    except (OSError, SessionError) as error:
        shutil.rmtree(probe.folder, ignore_errors=True)
        if isinstance(error, SessionError):
            raise
        raise SessionError(f"The probe cannot be written ({error.strerror}).") from None
    return probe


def cancel_probe(session: SessionPaths, probe: ProbePaths) -> None:
    """Ask a probe to end; what it has measured is kept.

    Raises:
        SessionError: it has ended already, or the command cannot be written.
    """
    status = probe_status(probe)
    if not status.live:
        raise SessionError(f"This probe has ended already ({status.state.lower()}).")
    try:
        command(session, "cancel", None, probe=probe.id)
    except SessionError as error:
        pid = holder(probe.lock)
        hint = f" `kill -TERM {pid}` ends it without." if pid else ""
        raise SessionError(f"{error}{hint}") from None
