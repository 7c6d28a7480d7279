"""The rules of the verdict: what is said of a run's fluctuation, from figures others have measured.

Arithmetic is elsewhere (`left`, `contributions`, `overfitting`); words are elsewhere too. The
thresholds were set on planted causes (`bench/planted.py`), on one half of the seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from valtui_trainer.measure.left import Left
from valtui_trainer.measure.volatility import Volatility

CALM = 0.05
"""Upper limit of the relative volatility, and size of a spike, below which there is nothing to explain."""

ENOUGH_DEGREES = 8.0
"""Degrees of freedom below which no cause is named: up to 17 evaluations of one seed."""

EXPLAINS = 0.9
"""A cause counts where the upper limit of the volatility left without it is below."""

Kind = Literal["unsound", "not-enough", "calm", "cause", "open"]

CAUSE_OF_LENS = {
    "larger-validation": "finite-set",
    "exact-batchnorm": "batchnorm-statistics",
    "calibrated-outputs": "overconfidence",
}
"""The cause that a lens takes away. Averaged weights and hardest samples are none."""

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
    """

    relative: Volatility
    checks: Mapping[str, str]
    left: Mapping[str, Left | None]
    largest_spike: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a run.

    Attributes:
        kind: unsound: a check failed and everything else waits; not-enough: no cause can be named
            yet; calm: nothing to explain; cause: `causes` explain it; open: no lens explains it, so
            it comes from training itself (learning rate, batch size, …), which only training can tell.
        causes: those that a doubtful check speaks for first, then by volatility left; for unsound: what the failed checks blame.
        lens: the lens that found the strongest cause, if one did.
    """

    kind: Kind
    causes: tuple[str, ...] = ()
    lens: str | None = None


def judge(evidence: Evidence, explains: float = EXPLAINS) -> Verdict:
    """Return the verdict on `evidence`; `explains` as EXPLAINS, for trials."""
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
    explaining = {
        lens: found.value
        for lens in CAUSE_OF_LENS
        if (found := evidence.left.get(lens)) is not None
        and found.interval is not None
        and found.interval.high < explains
    }
    if not explaining:
        return Verdict("open")
    backed = {lens for check, lens in POINTS_AT.items() if evidence.checks.get(check) == "doubtful"}
    ranked = sorted(explaining, key=lambda lens: (lens not in backed, explaining[lens]))
    return Verdict("cause", tuple(CAUSE_OF_LENS[lens] for lens in ranked), ranked[0])
