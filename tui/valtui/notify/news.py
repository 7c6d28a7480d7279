"""What is news of a session's runs: each piece is told once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from valtui import texts
from valtui.causes.types import OverfittingSince
from valtui.feed import RunFeed, SessionFeed
from valtui_trainer.measure.volatility import rolling
from valtui_trainer.session.config import News as Kind
from valtui_trainer.session.config import Notify
from valtui_trainer.session.safe import safe

FAILURES = ("FAILED", "KILLED", "LOST")
ENDS = ("DONE", "STOPPED")
AGAIN = 0.8
"""After the volatility has fallen to this part of the threshold, crossing it is news anew."""

WINDOW = 10


@dataclass(frozen=True, slots=True)
class News:
    """One piece of news: what kind, of which run, in a sentence."""

    kind: Kind
    run: str
    message: str


@dataclass(slots=True)
class Watcher:
    """Looks at a session again and again, and tells what has come about since the first look.

    Attributes:
        wanted: what is news.
        overfitting: finds since when a run overfits, which takes a moment.
        silent: whether what is so at the first look is no news.
    """

    feed: SessionFeed
    wanted: Notify
    overfitting: Callable[[RunFeed], OverfittingSince | None]
    silent: bool = True
    _told: set[tuple[str, str]] = field(default_factory=set)

    def look(self) -> list[News]:
        """Return what is new; nothing of what was so at the first look."""
        found = [news for run in self.feed.runs for news in self._of_run(run)]
        silent, self.silent = self.silent, False
        return [] if silent else [news for news in found if news.kind in self.wanted.on]

    def _of_run(self, run: RunFeed) -> list[News]:
        found = []
        state, name = run.status.state, safe(run.id)
        kind: Kind = "failure" if state in FAILURES else "end"
        mark = f"{state} {run.status.attempt}"
        known = run.spec.source != "watch"  # whether such a program ended, nobody here knows
        if known and state in (*FAILURES, *ENDS) and self._once(run, mark):
            reason = f": {safe(run.status.reason)}" if run.status.reason else ""
            found.append(News(kind, run.id, f"{name} is {state.lower()}{reason}"))
        if "overfitting" in self.wanted.on and ("overfitting", run.id) not in self._told:
            since = self.overfitting(run)
            if since is not None and self._once(run, "overfitting"):
                where = texts.at(run.unit, since.epoch)
                found.append(News("overfitting", run.id, f"{name} overfits since {where}"))
        return found + self._volatile(run)

    def _volatile(self, run: RunFeed) -> list[News]:
        limit = self.wanted.volatility
        if limit is None:
            return []
        now = newest_volatility(run)
        if now is None:
            return []
        if now < AGAIN * limit:
            self._told.discard(("volatility", run.id))
        if now <= limit or not self._once(run, "volatility"):
            return []
        said = f"{safe(run.id)} jumps by {texts.number(now, 2)} % of its loss (limit {limit:g} %)"
        return [News("volatility", run.id, said)]

    def _once(self, run: RunFeed, what: str) -> bool:
        new = (what, run.id) not in self._told
        self._told.add((what, run.id))
        return new


def newest_volatility(run: RunFeed) -> float | None:
    """Return the volatility over the last window in %, None while it cannot be told or the loss still falls."""
    matrix = run.val_matrix()
    if len(matrix.step) < WINDOW:
        return None
    begin = max(0, len(matrix.step) - 3 * WINDOW)
    with np.errstate(all="ignore"):
        found = rolling(matrix.loss[:, begin:], matrix.step[begin:], window=WINDOW, relative=True)
    value = float(found.value[-1])
    return None if found.descending[-1] or not np.isfinite(value) else 100 * value
