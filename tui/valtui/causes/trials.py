"""What was tried on a run by training it otherwise: arms, probes and proofs, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from valtui_trainer.measure.arms import ArmLeft
from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.proof import LOOKS, Outcome, ProofState
from valtui_trainer.session.probes import ProbeStatus
from valtui_trainer.session.records import ArmLook, NoiseScale, ProbeSpec, ProofResult, ProofSpec


def interval_of(low: float | None, high: float | None) -> Interval | None:
    """Return an interval, or None where an end is not known."""
    return None if low is None or high is None else Interval(low, high)


def evidence_of(
    value: float,
    interval: Interval | None,
    points: int,
    replicas: int = 0,
    mean_change: float | None = None,
) -> ArmLeft:
    """Return what the verdict looks at of an arm: of a proof with 0 replicas; what nobody logged is NaN."""
    return ArmLeft(
        value=value,
        interval=interval,
        degrees_arm=float("nan"),
        degrees_base=float("nan"),
        replicas=replicas,
        points=points,
        mean_change=mean_change,
        lost=0,
        too_narrow=False,
    )


@dataclass(frozen=True, slots=True)
class ProbeFound:
    """One probe of a run.

    Attributes:
        looks: what its looks found, the first at half of the replicas; empty before.
        notes: what its process remarked on, a sentence each.
    """

    spec: ProbeSpec
    status: ProbeStatus
    looks: tuple[tuple[ArmLook, ...], ...]
    notes: tuple[str, ...]

    @property
    def noise(self) -> NoiseScale | None:
        """The gradient noise scale that it measured, if it did."""
        return self.status.result.noise_scale if self.status.result is not None else None

    def look(self, arm: str) -> ArmLook | None:
        """Return what the last look found of an arm; None where it gave no figure."""
        found = [one for one in self.looks[-1] if one.arm == arm] if self.looks else []
        return found[0] if found and found[0].left is not None else None

    def note(self, arm: str) -> str:
        """Return what the last look remarked on an arm."""
        return (
            next((one.note for one in self.looks[-1] if one.arm == arm), "") if self.looks else ""
        )


@dataclass(frozen=True, slots=True)
class ArmFound:
    """One arm, and what probes found of it.

    Attributes:
        why_not: why it changes nothing on this run, a sentence; empty where it can be probed.
        look: the figures of the newest probe that has some; None: it was not probed.
        probe: that probe; where there are no figures, the newest that tries the arm.
        at_a_look: whether `look` is of a look, with its interval; else of the replicas that are whole
            so far, without one.
        note: why a probe has no figure of it, or what limits the figure; empty where all is well.
        earlier: older probes with figures, newest first.
    """

    id: str
    why_not: str = ""
    look: ArmLook | None = None
    probe: ProbeFound | None = None
    at_a_look: bool = False
    note: str = ""
    earlier: tuple[tuple[ProbeFound, ArmLook], ...] = ()

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of what is left; None between looks, or where there is none."""
        found = self.look if self.at_a_look else None
        return interval_of(found.low, found.high) if found is not None else None

    @property
    def evidence(self) -> ArmLeft | None:
        """What the verdict looks at: figures of a look alone."""
        found = self.look
        if found is None or found.left is None or not self.at_a_look:
            return None
        return evidence_of(
            found.left, self.interval, found.evaluations, found.replicas, found.mean_change
        )


@dataclass(frozen=True, slots=True)
class ProofFound:
    """One proof: what was predicted, and what came out so far.

    Attributes:
        result: what came out, once it is written.
        state: how it stands by the evaluations read so far; None before both runs have begun.
        evaluations: of each seed, since the fork, that both runs have.
        hindered: what keeps it from going on, in a few words; empty where nothing does.
    """

    spec: ProofSpec
    result: ProofResult | None
    state: ProofState | None
    evaluations: int
    hindered: str = ""

    @property
    def outcome(self) -> Outcome:
        """Return the outcome, as written or as it stands."""
        if self.result is not None:
            return self.result.outcome
        return self.state.outcome if self.state is not None else "open"

    @property
    def looked_at(self) -> int | None:
        """Evaluations at the look that counts: the one that decided, or the last; None before one."""
        if self.result is not None:
            return self.result.evaluations
        if self.state is None or not self.state.looks:
            return None
        return self.state.decided_at or self.state.looks[-1].evaluations

    @property
    def left(self) -> tuple[float, Interval | None] | None:
        """What came out with its 96.7 % interval, at the look that counts; before one, all there is."""
        if self.result is not None:
            interval = interval_of(self.result.low, self.result.high)
            return None if self.result.left is None else (self.result.left, interval)
        if self.state is None:
            return None
        looks = [one for one in self.state.looks if one.evaluations == self.looked_at]
        chosen = looks[0] if looks else self.state.latest
        if chosen is None or chosen.left is None:
            return None
        return chosen.left.value, chosen.left.interval if looks else None

    @property
    def evidence(self) -> ArmLeft | None:
        """What the verdict looks at: what came out, once it is decided."""
        if self.outcome == "open" or self.left is None or self.looked_at is None:
            return None
        value, interval = self.left
        return evidence_of(value, interval, self.looked_at, mean_change=self.mean_change)

    @property
    def mean_change(self) -> float | None:
        """Of the mean loss against the control's, at the look that counts."""
        if self.result is not None:
            return self.result.mean_change
        looks = self.state.looks if self.state is not None else ()
        seen = [one.left for one in looks if one.evaluations == self.looked_at]
        return seen[0].mean_change if seen and seen[0] is not None else None

    @property
    def next_look(self) -> int | None:
        """Evaluations at which it is looked at next; None once it is decided."""
        if self.outcome != "open":
            return None
        return next((count for count in LOOKS if count > self.evaluations), None)

    @property
    def less_than_predicted(self) -> bool:
        """Whether the arm calms, yet clearly less than was predicted."""
        found, high = self.left, self.spec.predicted_high
        if self.outcome != "holds" or found is None or found[1] is None or high is None:
            return False
        return found[1].low > high


@dataclass(frozen=True, slots=True)
class Trials:
    """All that was tried on one run.

    Attributes:
        arms: all that a probe knows, in the order of `presets.arms`.
        probes, proofs: newest first.
    """

    arms: tuple[ArmFound, ...] = ()
    probes: tuple[ProbeFound, ...] = ()
    proofs: tuple[ProofFound, ...] = ()

    def arm(self, identity: str) -> ArmFound | None:
        """Return the arm of that id."""
        return next((arm for arm in self.arms if arm.id == identity), None)

    @property
    def probe(self) -> ProbeFound | None:
        """The newest probe."""
        return self.probes[0] if self.probes else None

    @property
    def live(self) -> ProbeFound | None:
        """The probe that is under way, if one is."""
        return next((probe for probe in self.probes if probe.status.live), None)

    @property
    def noise(self) -> NoiseScale | None:
        """The newest gradient noise scale that was measured."""
        return next((probe.noise for probe in self.probes if probe.noise is not None), None)

    @property
    def evidence(self) -> dict[str, ArmLeft | None]:
        """What the verdict looks at, by arm: a proof that is decided rather than a probe."""
        found = {arm.id: arm.evidence for arm in self.arms if arm.probe is not None}
        for proof in reversed(self.proofs):
            if (decided := proof.evidence) is not None:
                found[proof.spec.arm] = decided
        return found

    @property
    def settled(self) -> tuple[object, ...]:
        """What the verdict depends on: the figures of looks, and what proofs have come to."""
        looks = tuple((arm.id, arm.look) for arm in self.arms if arm.at_a_look)
        return looks, tuple((proof.spec.id, proof.outcome) for proof in self.proofs)
