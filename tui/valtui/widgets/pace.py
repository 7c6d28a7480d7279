"""How far a terminal is behind, told by how long it takes to answer. Knows no clock and no terminal.

What the kernel, an SSH server and the network hold of our output is not visible from here: on a slow
line that is many seconds of frames. A terminal answers a question when it has come to it, though, so
that an answer proves that all before it was drawn.
"""

from __future__ import annotations

SLACK = 0.15
"""Seconds that an answer may take beyond the line's own time before the terminal counts as behind."""

FARTHEST = 1.0
"""Seconds that a line's own time is at most, by way of a satellite; what took longer had to queue."""

TRUST = 15.0
"""Seconds after which an answer counts as lost; twice as many each time, until one comes."""


class Pace:
    """One question at a time: whether it is out, since when, and what was written after it.

    Times are in seconds of any one clock.

    Attributes:
        round_trip: the least that an answer has taken: the line's own time. None before the first
            answer: of a terminal that gives none, nothing can be told.
        asked: when the question that is out was put; None where none is.
    """

    def __init__(self) -> None:
        self.round_trip: float | None = None
        self.asked: float | None = None
        self._written_since = False
        self._trust = TRUST

    def wrote(self, now: float) -> bool:
        """Note that a frame is written; return whether to put a question behind it."""
        if self.asked is not None:
            self._written_since = True
            return False
        self.asked = now
        return True

    def answered(self, now: float) -> bool:
        """Note an answer; return whether to ask again, for what was written after the question."""
        if self.asked is None:
            return False  # to a question that was put twice
        took = now - self.asked
        self._trust = TRUST
        self.round_trip = took if self.round_trip is None else min(took, self.round_trip)
        again = self._written_since
        self.asked = now if again else None
        self._written_since = False
        return again

    def is_lost(self, now: float) -> bool:
        """Whether the answer has taken so long that it may never come."""
        return self.asked is not None and now - self.asked >= self._trust

    def give_up(self) -> None:
        """Wait for the answer no longer, and longer for the next one, should this be a long stall."""
        self.forget()
        self._trust *= 2

    def forget(self) -> None:
        """Forget the question: nothing is to be told by its answer any more."""
        self.asked, self._written_since = None, False

    @property
    def patience(self) -> float:
        """Seconds for which a question may be out."""
        return min(self.round_trip or 0.0, FARTHEST) + SLACK

    def is_behind(self, now: float) -> bool:
        """Whether the terminal has more to draw than it should."""
        if self.asked is None or self.round_trip is None:
            return False
        return now - self.asked >= self.patience
