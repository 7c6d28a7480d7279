"""The causes of a session's runs, measured in a thread, kept, and shared by the live and the causes screen."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from valtui.feed import RunFeed, SessionFeed
from valtui.screens.trials_watch import TrialsWatch
from valtui_trainer.session.errors import SessionError

if TYPE_CHECKING:
    from valtui.causes import Causes, Span
    from valtui_trainer.supervise.check import Answer

Chosen = tuple["Span", "float | None", "float | None"]
"""Which evaluations are looked at: a span, and for a range its first and last epoch."""

WHOLE: Chosen = ("run", None, None)
LEAST_SECONDS = 1.0
SHARE = 20.0
"""Measuring takes at most one part of so many of the time."""

MOST_KEPT = 24

T = TypeVar("T")


class Diagnosis:
    """What is known of why each run jumps.

    Attributes:
        trials: what probes and proofs say, which the verdict looks at, too.
        checking: when the checks that are under way were begun, by run, on the monotonic clock.
        problem: why the last measuring failed, a sentence; empty where it did not.
    """

    def __init__(self, feed: SessionFeed, reading: asyncio.Lock) -> None:
        """Follow the runs of `feed`; `reading` is held by whoever reads new points into it."""
        self._feed = feed
        self.reading = reading
        self._kept: dict[tuple[str, Chosen], tuple[object, Causes]] = {}
        self._next: dict[tuple[str, Chosen], float] = {}
        self._checked = 0
        self.trials = TrialsWatch(feed, reading)
        self.checking: dict[str, float] = {}
        self.problem = ""

    def known(self, run: RunFeed, chosen: Chosen = WHOLE) -> Causes | None:
        """Return the causes of `run` as last measured, or None."""
        found = self._kept.get((run.id, chosen))
        return found[1] if found is not None else None

    def is_due(self, run: RunFeed, chosen: Chosen = WHOLE) -> bool:
        """Tell whether something new came in, and enough time went by since the last measuring."""
        key = run.id, chosen
        kept = self._kept.get(key)
        if kept is not None and kept[0] == self._state(run):
            return False
        return time.monotonic() >= self._next.get(key, 0.0)

    def _state(self, run: RunFeed) -> object:
        """Return what the causes depend on: evaluations, how often they were begun anew, checks, looks."""
        tables = [series.val for series in run.seeds.values()]
        checks = sum(event.kind == "check" for event in run.events)
        counts = tuple((len(table), table.generation) for table in tables)
        settled = self.trials.settled(run)
        return counts, checks, run.start is not None, self._checked, settled

    async def measure(self, run: RunFeed, chosen: Chosen = WHOLE) -> Causes | None:
        """Return the causes of `run`, measured now in a thread; None, and `problem`, where that failed."""
        from valtui.causes import causes

        async with self.reading:
            state, begun = self._state(run), time.monotonic()
            trials = self.trials.known(run)
            try:
                found = await asyncio.to_thread(causes, run, *chosen, trials)
                self.problem = ""
            except (SessionError, OSError) as error:
                found, self.problem = None, str(error)
        took = time.monotonic() - begun
        self._next[run.id, chosen] = begun + max(LEAST_SECONDS, SHARE * took)
        if found is not None:
            self._kept.pop((run.id, chosen), None)
            self._kept[run.id, chosen] = state, found
            while len(self._kept) > MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
        return found

    async def check(self, run: RunFeed) -> Answer:
        """Return what all checks of `run` find, made now by another process; takes about an epoch."""
        from valtui_trainer.supervise.check import check

        self.checking[run.id] = time.monotonic()
        try:
            return await in_background(lambda: check(self._feed.paths, run.id))
        finally:
            del self.checking[run.id]
            self._checked += 1
            self._next.clear()

    def checking_words(self, run: RunFeed) -> str:
        """Return that `run` is being checked and for how long, or nothing."""
        begun = self.checking.get(run.id)
        return "" if begun is None else f"checking {run.id} … {time.monotonic() - begun:.0f} s"


async def in_background(work: Callable[[], T]) -> T:
    """Return what `work` returns, from a thread that nobody waits for when the app is left."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as problem:
            error = problem
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, daemon=True, name="valtui-check").start()
    return await future
