"""A look at a probe: what its arms have left of the base's volatility, by the replicas that are whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from valtui_trainer.measure.arms import arm_left
from valtui_trainer.session.layout import ProbePaths
from valtui_trainer.session.probes import BASE, arm_losses
from valtui_trainer.session.records import ArmLook

if TYPE_CHECKING:
    from valtui_trainer.session.probes import Losses

LEVEL = 0.95


def look(probe: ProbePaths, arms: list[str], evaluations: int) -> list[ArmLook]:
    """Return what is left under each of `arms`, from the replicas with all their `evaluations`."""
    base = arm_losses(probe, BASE, evaluations)
    return [look_at(arm, arm_losses(probe, arm, evaluations), base) for arm in arms]


def look_at(arm: str, losses: Losses, base: Losses) -> ArmLook:
    """Return what one arm leaves; losses (K, J) and base (K', J)."""
    if not len(losses) or not len(base):
        what = "it was not trained" if not len(losses) else "the base was not trained"
        return ArmLook(
            arm=arm, left=None, low=None, high=None, replicas=0, evaluations=0, note=what
        )
    found = arm_left(losses, base, LEVEL)
    if found is None:
        if not np.isfinite(losses).any():
            why = "no loss is finite"
        elif not np.isfinite(base).any():
            why = "no loss of the base is finite"
        else:
            why = "the base does not fluctuate, or no three finite losses follow each other"
        return ArmLook(
            arm=arm,
            left=None,
            low=None,
            high=None,
            replicas=0,
            evaluations=losses.shape[1],
            note=why,
        )
    notes = []
    if found.lost:
        notes.append(f"{found.lost} of {len(losses)} replicas have no finite losses")
    if found.too_narrow:
        notes.append("spikes or heavy tails: the interval is too narrow")
    return ArmLook(
        arm=arm,
        left=found.value,
        low=found.interval.low if found.interval else None,
        high=found.interval.high if found.interval else None,
        replicas=found.replicas,
        evaluations=losses.shape[1],
        mean_change=found.mean_change,
        note="; ".join(notes),
    )
