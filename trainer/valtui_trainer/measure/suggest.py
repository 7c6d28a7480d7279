"""Which arms a probe trains where nobody chose: from the verdict, and what applies to the preset."""

from __future__ import annotations

from collections.abc import Sequence

from valtui_trainer.measure.verdict import CAUSE_OF_ARM, Verdict

COUNT = 3

ORDER = (
    "learning-rate-half",
    "learning-rate-quarter",
    "batch-size-quadruple",
    "batch-size-double",
    "dropout-off",
    "augmentation-off",
    "batchnorm-momentum-up",
    "batchnorm-momentum-down",
    "weight-decay-off",
    "adam-epsilon",
)
"""All arms: first those that theory expects to calm, then the popular guesses, which deserve a test.

Of a cause, first the one to begin with: half the learning rate, which changes least; four times the
batch, since twice often leaves too much to be told (71 %: by 8 replicas of 8 in 41 % of probes).
"""

LEADING: dict[str, tuple[str, ...]] = {
    "batchnorm-statistics": ("batchnorm-momentum-up", "batchnorm-momentum-down"),
    "overconfidence": ("learning-rate-half", "weight-decay-off"),
}
"""What a verdict's first cause calls for, before ORDER.

Stale statistics ask for more momentum and noisy ones for less, so both arms of it are trained.
Confidence grows with the steps' size and with the weights, which decay holds back.
"""


def suggested(verdict: Verdict, applicable: Sequence[str], count: int = COUNT) -> tuple[str, ...]:
    """Return the arms that a probe trains by default, the most wanted first.

    First what the verdict's first cause calls for (`LEADING`; where an arm found it, the other arms
    of its cause: how much further does it go?), then ORDER, one arm a cause; then ORDER again, where
    nothing else is left.

    Args:
        verdict: as judged so far.
        applicable: arms that change the preset; leave out those probed already. Remedies are never
            suggested.
        count: how many to return, at most; fewer where fewer are applicable.
    """
    first = verdict.causes[0] if verdict.causes else ""
    further = tuple(arm for arm in ORDER if CAUSE_OF_ARM[arm] == first and arm != verdict.arm)
    leading = [arm for arm in LEADING.get(first, further) if arm in applicable]
    tested = {CAUSE_OF_ARM[arm] for arm in leading} | ({first} if verdict.arm else set())
    one_each: list[str] = []
    for arm in ORDER:
        if arm in applicable and CAUSE_OF_ARM[arm] not in tested:
            tested.add(CAUSE_OF_ARM[arm])
            one_each.append(arm)
    others = [arm for arm in ORDER if arm in applicable]
    return tuple(dict.fromkeys([*leading, *one_each, *others]))[: max(0, count)]
