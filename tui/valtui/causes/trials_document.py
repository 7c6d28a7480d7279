"""What `valtui causes --json` prints of arms, probes and proofs."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from valtui.causes.trials import ArmFound, ProbeFound, ProofFound
from valtui_trainer.measure.interval import Interval
from valtui_trainer.session.records import ArmLook, NoiseScale

Bounds = tuple[float, float]


class ArmLeftEntry(Struct, kw_only=True):
    """What an arm leaves of the volatility, as a fraction; `interval_95` is null between looks."""

    value: float
    interval_95: Bounds | None
    replicas: int
    evaluations: int
    mean_loss_change: float | None


class ArmEntry(Struct, kw_only=True):
    """One arm; `left` is null where no probe has a figure of it.

    `not_offered` says why it changes nothing on this run; `probe` is the probe the figures are of;
    `note` says what limits them, or why there are none.
    """

    id: str
    rank: int | None
    left: ArmLeftEntry | None
    probe: str | None
    note: str
    not_offered: str


class NoiseScaleEntry(Struct, kw_only=True):
    """From which batch size on a larger batch stops helping, in images; `high` null: unbounded."""

    value: float | None
    low_90: float | None
    high_90: float | None
    batches: int
    batch_size: int
    note: str


class ProbeEntry(Struct, kw_only=True):
    """One probe; `state`: starting, running, done, cancelled, out-of-time, failed or lost.

    `looks`: what each arm left at half and at all of the replicas, as many looks as were reached.
    """

    id: str
    created: str
    state: str
    reason: str
    arms: list[str]
    replicas: int
    evaluations: int
    from_step: int
    from_epoch: float
    steps_done: int
    steps: int
    looks: list[dict[str, ArmLeftEntry | None]]
    notes: list[str]


class PredictionEntry(Struct, kw_only=True):
    """The volatility left that a probe or a lens promised; `by`: `probe <id>` or `lens`."""

    value: float
    interval: Bounds | None
    by: str


class CameOutEntry(Struct, kw_only=True):
    """The arm's volatility over the control's, at a look; before the first, without an interval."""

    value: float
    interval_967: Bounds | None
    evaluations: int


class ProofEntry(Struct, kw_only=True):
    """One proof: arm and control trained on from one checkpoint."""

    id: str
    created: str
    arm: str
    arm_run: str
    control_run: str
    from_step: int
    from_epoch: float
    predicted: PredictionEntry | None
    outcome: Literal["open", "holds", "does-not-hold", "undecided"]
    less_than_predicted: bool
    came_out: CameOutEntry | None
    evaluations: int
    next_look: int | None
    hindered: str


def arm_entry(arm: ArmFound, rank: int | None) -> ArmEntry:
    """Return an arm as the document has it."""
    return ArmEntry(
        id=arm.id,
        rank=rank,
        left=None if arm.look is None else left_entry(arm.look),
        probe=arm.probe.spec.id if arm.probe is not None else None,
        note=arm.note,
        not_offered=arm.why_not,
    )


def left_entry(look: ArmLook) -> ArmLeftEntry | None:
    """Return a figure of a look as the document has it."""
    if look.left is None:
        return None
    return ArmLeftEntry(
        value=look.left,
        interval_95=both(look.low, look.high),
        replicas=look.replicas,
        evaluations=look.evaluations,
        mean_loss_change=look.mean_change,
    )


def noise_entry(found: NoiseScale | None) -> NoiseScaleEntry | None:
    """Return the gradient noise scale as the document has it."""
    if found is None:
        return None
    return NoiseScaleEntry(
        value=found.value,
        low_90=found.low,
        high_90=found.high,
        batches=found.batches,
        batch_size=found.batch_size,
        note=found.note,
    )


def probe_entry(probe: ProbeFound) -> ProbeEntry:
    """Return a probe as the document has it."""
    spec, status = probe.spec, probe.status
    return ProbeEntry(
        id=spec.id,
        created=spec.created,
        state=status.state.lower().replace(" ", "-"),
        reason=status.reason,
        arms=list(spec.arms),
        replicas=spec.replicas,
        evaluations=spec.evaluations,
        from_step=spec.fork.step,
        from_epoch=spec.fork.epoch,
        steps_done=status.step,
        steps=status.total,
        looks=[{one.arm: left_entry(one) for one in look} for look in probe.looks],
        notes=list(probe.notes),
    )


def proof_entry(proof: ProofFound) -> ProofEntry:
    """Return a proof as the document has it."""
    spec, found = proof.spec, proof.left
    return ProofEntry(
        id=spec.id,
        created=spec.created,
        arm=spec.arm,
        arm_run=spec.arm_run,
        control_run=spec.control_run,
        from_step=spec.fork.step,
        from_epoch=spec.fork.epoch,
        predicted=None
        if spec.predicted is None
        else PredictionEntry(
            value=spec.predicted,
            interval=both(spec.predicted_low, spec.predicted_high),
            by=spec.predicted_by,
        ),
        outcome=proof.outcome,
        less_than_predicted=proof.less_than_predicted,
        came_out=None
        if found is None
        else CameOutEntry(
            value=found[0],
            interval_967=bounds(found[1]),
            evaluations=proof.looked_at or proof.evaluations,
        ),
        evaluations=proof.evaluations,
        next_look=proof.next_look,
        hindered=proof.hindered,
    )


def both(low: float | None, high: float | None) -> Bounds | None:
    """Return (low, high) where there are both."""
    return None if low is None or high is None else (low, high)


def bounds(found: Interval | None) -> Bounds | None:
    """Return an interval as (low, high)."""
    return None if found is None else (found.low, found.high)
