"""What a run is, whoever trains it: its settings, what tells runs apart, and what cannot be asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from valtui_trainer.presets.keys import flatten, settings
from valtui_trainer.session.records import RunSpec
from valtui_trainer.session.safe import safe
from valtui_trainer.session.state import RunStatus

MOST_SETTINGS = 200
LONGEST_VALUE = 200
MISSING = None
ENDED_UNSEEN = "its program ended without a word"


def is_ours(spec: RunSpec) -> bool:
    """Tell whether our trainer trains the run, so that it can be stopped, resumed and added to."""
    return spec.source == "preset"


def described(spec: RunSpec) -> dict[str, Any]:
    """Return the settings of a run by dotted key: those of its preset, or those that its program named."""
    if is_ours(spec) and not spec.builder:
        return settings(spec.preset)
    flat = flatten(spec.recorded)
    return {safe(key): shown(flat[key]) for key in list(flat)[:MOST_SETTINGS]}


def shown(value: Any) -> Any:
    """Return a setting of another program as one short value."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return safe(str(value), LONGEST_VALUE)


def varying(specs: Sequence[RunSpec]) -> tuple[str, ...]:
    """Return the keys in which at least two of the runs differ, in their order; what is missing differs."""
    tables = [described(spec) for spec in specs]
    keys = dict.fromkeys(key for table in tables for key in table)
    return tuple(
        key
        for key in keys
        if any(table.get(key, MISSING) != tables[0].get(key, MISSING) for table in tables[1:])
    )


def of_another(spec: RunSpec) -> str:
    """Return why a run cannot be stopped, paused, resumed or added to by us; empty where it can."""
    if is_ours(spec):
        return ""
    what = "is recorded by" if spec.source == "recorder" else "is the log of"
    origin = safe(spec.origin) or "another program"
    return f"{safe(spec.id)} {what} {origin}: valtui only reads it."


def why_no_trial(spec: RunSpec) -> str:
    """Return why nothing can be probed or proven on a run, a sentence; empty where it can."""
    if is_ours(spec) or spec.builder:
        return ""
    if spec.source == "watch":
        return "another program trains this run; try it there."
    return "another program trains this run; try it there, recorded beside this one (session=…)."


def status_of(spec: RunSpec, status: RunStatus) -> RunStatus:
    """Return the state of a run in words that hold for whoever trains it."""
    if is_ours(spec) or status.state != "LOST":
        return status
    return replace(status, reason=ENDED_UNSEEN)
