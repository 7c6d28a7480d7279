"""Follows what is tried on the runs of a session: probes under way, their looks, proofs."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from valtui.feed import RunFeed, SessionFeed
from valtui_trainer.session.errors import SessionError

if TYPE_CHECKING:
    from valtui.causes.trials import Trials

LOOK_SECONDS = 1.0
SHARE = 20.0
"""Looking takes at most one part of so many of the processor's time, which a probe may need itself."""

LONGEST = 10.0


class TrialsWatch:
    """What is known of the probes and proofs of each run."""

    def __init__(self, feed: SessionFeed, reading: asyncio.Lock) -> None:
        """Follow the runs of `feed`; `reading` is held by whoever reads new points into it."""
        self._feed = feed
        self._reading = reading
        self._known: dict[str, Trials] = {}
        self._next: dict[str, float] = {}

    def known(self, run: RunFeed) -> Trials | None:
        """Return what was tried on `run` as last seen, or None before the first look."""
        return self._known.get(run.id)

    def settled(self, run: RunFeed) -> object:
        """Return what the verdict on `run` depends on."""
        found = self._known.get(run.id)
        return found.settled if found is not None else ()

    def look_soon(self) -> None:
        """Look at the next call, since something was asked for."""
        self._next.clear()

    async def look(self, run: RunFeed) -> bool:
        """Look anew, in a thread, if it is time to; tell whether anything changed."""
        if time.monotonic() < self._next.get(run.id, 0.0):
            return False
        from valtui.causes.read_trials import trials_of
        from valtui.causes.trials import Trials

        def timed() -> tuple[Trials, float]:
            begun = time.thread_time()
            return trials_of(self._feed, run), time.thread_time() - begun

        begun, took = time.monotonic(), 0.0
        async with self._reading:
            try:
                found, took = await asyncio.to_thread(timed)
            except (SessionError, OSError):  # half deleted: what was seen stays
                found = self._known.get(run.id, Trials())
        self._next[run.id] = begun + min(LONGEST, max(LOOK_SECONDS, SHARE * took))
        changed = found != self._known.get(run.id)
        if changed:
            self._known[run.id] = found
        return changed
