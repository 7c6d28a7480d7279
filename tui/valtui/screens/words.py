"""What is said of runs in a few words: what each is at, and how their volatilities compare."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from valtui import texts
from valtui.feed import RunFeed, SessionFeed
from valtui.figures import RunFigures
from valtui.widgets.folding import fold
from valtui_trainer.session.described import is_ours
from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui.causes.types import Causes

WIDE = 100
MOST_LINES = 2
HINT = "   c: more"


def doing(run: RunFeed) -> str:
    """Return what a run is at, or how it ended, in a few words."""
    status = run.status
    if status.health != "ok":
        return f"{status.health}: {status.phase}"
    if status.ended:
        return status.reason
    if status.state == "WATCHED":
        return status.phase.removeprefix("watched").lstrip(", ")
    if status.state == "PAUSED":
        return run.paused or status.phase
    if status.state == "RUNNING":
        left = f"{texts.duration(status.left)} left" if status.left is not None else ""
        speed = texts.rate(status.rate) if status.rate and math.isfinite(status.rate) else ""
        phase = "" if status.phase == "training" else status.phase
        return "  ".join(part for part in (speed, left, phase) if part)
    return status.phase


def trouble(feed: SessionFeed) -> str:
    """Return what is wrong, the most pressing alone, and what to do about it; nothing if all is well."""
    told = [(rank, run.id, said) for run in feed.runs for rank, said in trouble_of(run)]
    if told:
        _, name, said = min(told, key=lambda one: one[0])
        return f"{safe(name)} {said}"
    if feed.no_room and not feed.ended:
        return "The disk is full: what needs room waits, and goes on by itself when there is some."
    if feed.warning:
        return safe(feed.warning)
    if feed.elsewhere:
        return f"This session is trained on {safe(feed.elsewhere)}; what is asked for here is done there."
    return next((f"{safe(run.id)}: {safe(run.warning)}" for run in feed.runs if run.warning), "")


def trouble_of(run: RunFeed) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with one run, with its rank: what is alive and stuck comes first."""
    status = run.status
    if status.health == "HUNG":
        yield 0, f"is HUNG in {status.phase}: o shows where every thread is"
    elif status.health == "UNRESPONSIVE":
        yield 1, f"is UNRESPONSIVE: its process {status.pid} is frozen, or gets no time"
    elif status.state == "BLOCKED":
        yield 2, f"is {status.phase}; nothing is lost, it goes on by itself when there is room"
    elif status.state == "FAILED" and status.reason:
        yield 3, f"failed: {status.reason}  (o: its output)"
    elif status.state == "KILLED":
        yield 4, f"was {status.reason}  (r resumes it)"
    elif status.state == "LOST":
        yield 5, f"is lost: {status.reason}{' (r)' if is_ours(run.spec) else ''}"


def said_lines(
    feed: SessionFeed, figures: Sequence[RunFigures], causes: Causes | None, width: int
) -> list[Content | str]:
    """Return at most two lines: a failed check above all, what is wrong, or why the focused run jumps."""
    wrong = trouble(feed)
    kind = causes.verdict.kind if causes is not None else "not-enough"
    if causes is not None and kind == "unsound":
        found = verdict_lines("✕", "bold $text-error", causes, width, MOST_LINES - bool(wrong))
        return [*found, wrong] if wrong else found
    if wrong:
        return [wrong]
    if causes is not None and kind != "not-enough":
        return verdict_lines("why", "bold $primary", causes, width, MOST_LINES)
    return [so_far(figures, briefly=width < WIDE)]


def verdict_lines(
    sign: str, style: str, causes: Causes, width: int, most: int
) -> list[Content | str]:
    """Return the verdict on a run behind a sign, in at most so many lines, and how to see more."""
    indent = len(sign) + 2
    folded = fold(safe(causes.sentence), width - indent - len(HINT), most)
    lines: list[Content | str] = []
    for number, text in enumerate(folded):
        before = (f"{sign}  ", style) if not number else (" " * indent, "")
        hint = (HINT, "bold") if number == len(folded) - 1 else ("", "")
        lines.append(Content.assemble(before, (text, "$foreground"), hint))
    return lines


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
