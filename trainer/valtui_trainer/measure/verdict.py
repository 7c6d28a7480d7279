"""The rules of the verdict: what is said of a run's fluctuation, from figures others have measured.

Arithmetic is elsewhere (`left`, `contributions`, `overfitting`); words are elsewhere too. The
thresholds were set on planted causes (`bench/planted.py`), on one half of the seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from valtui_trainer.measure.arms import ArmLeft
from valtui_trainer.measure.left import Left
from valtui_trainer.measure.volatility import Volatility

CALM = 0.05
"""Upper limit of the relative volatility, and size of a spike, below which there is nothing to explain."""

ENOUGH_DEGREES = 8.0
"""Degrees of freedom below which no cause is named: up to 17 evaluations of one seed."""

EXPLAINS = 0.9
"""A cause counts where the upper limit of the volatility left without it is below."""

ARM_EXPLAINS = 0.9
"""An arm counts where the upper limit of what it leaves is below.

In simulation of probes without any effect (3 arms, 8 replicas of 8 evaluations) some arm counts in
1.6 %; at 1.0 in 6.3 %.
"""

LENS_AHEAD = 0.5
"""An arm stands before a lens only where it leaves less than this part of what the lens leaves."""

Kind = Literal["unsound", "not-enough", "calm", "cause", "open"]

CAUSE_OF_LENS = {
    "larger-validation": "finite-set",
    "exact-batchnorm": "batchnorm-statistics",
    "calibrated-outputs": "overconfidence",
}
"""The cause that a lens takes away. Averaged weights and hardest samples are none."""

CAUSE_OF_ARM = {
    "learning-rate-half": "learning-rate",
    "learning-rate-quarter": "learning-rate",
    "batch-size-double": "batch-size",
    "batch-size-quadruple": "batch-size",
    "dropout-off": "dropout",
    "augmentation-off": "augmentation",
    "batchnorm-momentum-up": "batchnorm-momentum",
    "batchnorm-momentum-down": "batchnorm-momentum",
    "weight-decay-off": "weight-decay",
    "adam-epsilon": "adam-epsilon",
}
"""The cause that an arm of a probe tests. Remedies are none."""

CAUSE_OF_CHECK = {
    "frozen": "random-validation",
    "order": "order",
    "overlap": "overlap",
}
"""What a failed check blames, the gravest first."""


POINTS_AT = {
    "last-batch": "exact-batchnorm",
    "batchnorm-memory": "exact-batchnorm",
    "zero-learning-rate": "exact-batchnorm",
}
"""The lens whose cause a doubtful check is further evidence for.

Stale or noisy statistics also make outputs too bold, so two lenses then see one cause; the one that a
check speaks for goes first.
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules look at.

    Attributes:
        relative: volatility as a fraction of the loss, over the evaluations looked at.
        checks: outcome of each check that was made, by name.
        left: volatility left by lens; None where the lens could not answer.
        largest_spike: the size of the largest spike as a fraction of the loss; 0 without one.
        arms: volatility left by arm that was probed, its interval of 95 %; None where there was no
            estimate. Empty: nothing was probed.
    """

    relative: Volatility
    checks: Mapping[str, str]
    left: Mapping[str, Left | None]
    largest_spike: float = 0.0
    arms: Mapping[str, ArmLeft | Left | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a run.

    Attributes:
        kind: unsound: a check failed and everything else waits; not-enough: no cause can be named
            yet; calm: nothing to explain; cause: `causes` explain it; open: no lens and no arm that
            was probed explains it, so it comes from training itself (learning rate, batch size, …),
            which only training can tell.
        causes: in the order of `judge`; for unsound: what the failed checks blame.
        lens: the lens that found the first cause, if one did.
        arm: the arm that found the first cause, if one did.
    """

    kind: Kind
    causes: tuple[str, ...] = ()
    lens: str | None = None
    arm: str | None = None


def judge(
    evidence: Evidence, explains: float = EXPLAINS, arm_explains: float = ARM_EXPLAINS
) -> Verdict:
    """Return the verdict on `evidence`; `explains` and `arm_explains` as the constants, for trials.

    First come lenses that a doubtful check speaks for: the measurement is mended before training is
    changed. Then all others by volatility left, where half of a lens's counts: a lens leaves the
    weights as they are and is mended without training anew, and smaller steps calm almost any run,
    stale statistics and bold outputs included. So an arm leads where it leaves less than half of what
    the lens leaves, which is less than a quarter in squares.
    """
    failed = [name for name in CAUSE_OF_CHECK if evidence.checks.get(name) == "failed"]
    if failed:
        return Verdict("unsound", tuple(CAUSE_OF_CHECK[name] for name in failed))
    volatility = evidence.relative
    if volatility.degrees < ENOUGH_DEGREES:
        return Verdict("not-enough")
    if volatility.constant:
        return Verdict("calm")
    if volatility.interval is None:
        return Verdict("not-enough")
    if volatility.interval.high < CALM and evidence.largest_spike < CALM:
        return Verdict("calm")
    lenses = {
        lens: found.value
        for lens in CAUSE_OF_LENS
        if (found := evidence.left.get(lens)) is not None
        and found.interval is not None
        and found.interval.high < explains
    }
    arms = explaining_arms(evidence.arms, arm_explains)
    backed = {lens for check, lens in POINTS_AT.items() if evidence.checks.get(check) == "doubtful"}
    ranked = sorted(
        [(lens not in backed, LENS_AHEAD * left, lens) for lens, left in lenses.items()]
        + [(True, left, arm) for arm, left in arms.items()]
    )
    if not ranked:
        return Verdict("open")
    names = [name for *_, name in ranked]
    first = names[0]
    return Verdict(
        kind="cause",
        causes=tuple(CAUSE_OF_LENS.get(name) or CAUSE_OF_ARM[name] for name in names),
        lens=first if first in lenses else None,
        arm=first if first in arms else None,
    )


def explaining_arms(
    arms: Mapping[str, ArmLeft | Left | None], arm_explains: float = ARM_EXPLAINS
) -> dict[str, float]:
    """Return what is left by each arm that explains, one arm a cause: the one that leaves least.

    An arm must be calmer in loss units too: where its mean loss is the higher, volatility relative
    to it falls though the curve jumps as before.
    """
    least: dict[str, tuple[float, str]] = {}
    for arm, cause in CAUSE_OF_ARM.items():
        found = arms.get(arm)
        if found is None or found.interval is None:
            continue
        risen = max(0.0, (found.mean_change or 0.0) if isinstance(found, ArmLeft) else 0.0)
        if found.interval.high * (1.0 + risen) < arm_explains:
            one = (found.value, arm)
            least[cause] = min(one, least.get(cause, one))
    return {arm: left for left, arm in least.values()}
