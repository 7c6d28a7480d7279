"""What is said of runs in a few words: what each is at, and how their volatilities compare."""

from __future__ import annotations

import math
from collections.abc import Sequence

from valtui import texts
from valtui.feed import RunFeed
from valtui.figures import RunFigures
from valtui_trainer.session.safe import safe


def doing(run: RunFeed) -> str:
    """Return what a run is at, or how it ended, in a few words."""
    status = run.status
    if status.health != "ok":
        return f"{status.health}: {status.phase}"
    if status.ended:
        return status.reason
    if status.state in ("RUNNING", "PAUSED"):
        left = f"{texts.duration(status.left)} left" if status.left is not None else ""
        speed = texts.rate(status.rate) if status.rate and math.isfinite(status.rate) else ""
        phase = "" if status.phase == "training" else status.phase
        return "  ".join(part for part in (speed, left, phase) if part)
    return status.phase


def so_far(figures: Sequence[RunFigures], briefly: bool) -> str:
    """Return one line on how the volatilities compare to the first run's."""
    told = [one for one in figures if one.ratio and one.ratio.interval]
    if not told:
        return without_ratio(figures)
    parts = [
        f"{safe(one.id)} {texts.number(one.ratio.value, 2)}× {texts.interval(one.ratio.interval)}"
        for one in told
        if one.ratio
    ]
    over = "" if briefly else ", over the whole run, 90 %"
    return f"volatility against {safe(figures[0].id)}'s{over}:  " + "   ".join(parts)


def without_ratio(figures: Sequence[RunFigures]) -> str:
    """Return what can be said of volatilities that cannot be compared."""
    known = [one for one in figures if one.relative.interval is not None]
    if not known:
        return "so far  not enough evaluations for an interval" if figures else ""
    told = "   ".join(f"{safe(one.id)} {texts.percent(one.relative)}" for one in known)
    notes = [one.ratio_note for one in figures if one.ratio_note]
    why = f"  (no ratio: {notes[0]})" if notes else ""
    return f"volatility, % of the loss from one evaluation to the next, 90 %:  {told}{why}"
