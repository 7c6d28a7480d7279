"""Which arms a probe is asked for where a person names none, and what was promised of one before its proof."""

from __future__ import annotations

from valtui.causes.types import Causes
from valtui_trainer.measure.suggest import suggested
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.probes import probe_status, probes_of
from valtui_trainer.session.records import ArmLook, RunSpec, Start
from valtui_trainer.supervise.probe import probed_arms
from valtui_trainer.supervise.prove import Prediction

LENSES = ("exact-batchnorm", "averaged-weights")
"""Remedies whose lens says what they would leave. A larger validation set is not far larger."""


def applicable_arms(run: RunPaths, spec: RunSpec, start: Start | None) -> tuple[str, ...]:
    """Return the arms that a probe can train on a run."""
    return tuple(arm for arm, reason in probed_arms(run, spec, start).items() if not reason)


def default_arms(
    causes: Causes, run: RunPaths, spec: RunSpec, start: Start | None, first: str = ""
) -> tuple[str, ...]:
    """Return the three arms that the verdict suggests, `first` before them if it is given.

    Those that were looked at already come only where nothing else is left.
    """
    known = {arm.id for arm in causes.trials.arms if arm.at_a_look}
    applicable = applicable_arms(run, spec, start)
    fresh = [arm for arm in applicable if arm not in known]
    arms = suggested(causes.verdict, fresh or applicable)
    if not first:
        return arms
    return (first, *(arm for arm in arms if arm != first))[: max(3, len(arms))]


def surest_look(session: SessionPaths, run: str, arm: str) -> tuple[str, ArmLook] | None:
    """Return the figure of `arm` that rests on most among the probes of `run`, the newest of equals.

    With the probe's id; None where no probe that has ended gave one.
    """
    found: list[tuple[str, ArmLook]] = []
    for probe, spec in reversed(probes_of(session, run)):
        result = probe_status(probe).result
        for one in result.looks[-1] if result is not None and result.looks else []:
            if one.arm == arm and one.left is not None:
                found.append((spec.id, one))
    return max(found, key=lambda one: one[1].replicas * one[1].evaluations, default=None)


def prediction(session: SessionPaths, causes: Causes, arm: str) -> Prediction | None:
    """Return what is promised of an arm or remedy: by the probe that says most, or by the lens.

    A proof is judged relative to each run's own loss, a lens in loss units; so a lens's figure is
    divided by the change of the mean loss under it.
    """
    if arm in LENSES:
        row = causes.row(arm)
        if row is None or row.left is None or row.mean_change is None or row.mean_change <= -1:
            return None
        interval, scale = row.left.interval, 1.0 + row.mean_change
        return Prediction(
            left=row.left.value / scale,
            low=interval.low / scale if interval else None,
            high=interval.high / scale if interval else None,
            by="lens",
        )
    found = surest_look(session, causes.run, arm)
    if found is None:
        return None
    probe, seen = found
    assert seen.left is not None
    return Prediction(seen.left, seen.low, seen.high, f"probe {probe}")
