"""How far a terminal is behind, told by how long it takes to answer. Knows no clock and no terminal.

What the kernel, an SSH server and the network hold of our output is not visible from here: on a slow
line that is many seconds of frames. A terminal answers a question when it has parsed it, though, so
that an answer proves that all before it has arrived. Under tmux, screen or mosh it is these that answer,
at once: of a slow line behind them nothing is seen.
"""

from __future__ import annotations

from collections import deque

SLACK = 0.15
"""Seconds that an answer may take beyond the line's own time before the terminal counts as behind."""

FARTHEST = 1.0
"""Seconds that a line's own time is at most, by way of a satellite; what took longer had to queue."""

TRUST = 15.0
"""Seconds after which an answer counts as lost; twice as many for the next one, should it be a stall."""

LATEST = 30
"""Answers whose least is the line's own time: a line may become slower, and one of them be mistaken."""


class Pace:
    """When to ask, whether the answer is in, and how long the terminal may take for it.

    Answers come in the order of their questions and name none, so that only the one after which no
    question is out can be told to be the last one's. Times are in seconds of any one clock.

    Attributes:
        asked: when the question that is waited for was put first; None where none is.
        out: questions whose answers have not come, those included that are not waited for any more.
    """

    def __init__(self) -> None:
        self.asked: float | None = None
        self.out = 0
        self._put_last = 0.0
        self._heard = False
        self._written_since = False
        self._trust = TRUST
        self._took: deque[float] = deque(maxlen=LATEST)

    @property
    def round_trip(self) -> float | None:
        """The least that one of the latest answers has taken, in seconds: the line's own time.

        None before the first answer: of a terminal that gives none, nothing can be told.
        """
        return min(self._took, default=None)

    def wrote(self, now: float) -> bool:
        """Note that a frame is written; return whether to put a question behind it."""
        if self.asked is not None:
            if not self.is_lost(now):
                self._written_since = True
                return False
            self.give_up()
        self.asked = now
        self.put_again(now)
        return True

    def put_again(self, now: float) -> None:
        """Note that the question is put, once more if it is out, should its answer have been lost."""
        # If answers came since the last one was put, those that are still missing are lost.
        self.out = 1 if self._heard else self.out + 1
        self._heard = False
        self._put_last = now

    def answered(self, now: float) -> bool:
        """Note an answer; return whether to ask again, for what was written after the question.

        Until the last question's answer has come the terminal is waited for.
        """
        if not self.out:
            return False
        self.out -= 1
        self._heard = True
        if self.out or self.asked is None:
            return False
        self._took.append(now - self._put_last)
        self._trust = TRUST
        again, self._written_since = self._written_since, False
        self.asked = now if again else None
        if again:
            self.put_again(now)
        return again

    def is_lost(self, now: float) -> bool:
        """Whether the answer has taken so long that it may never come."""
        return self.asked is not None and now - self.asked >= self._trust

    def give_up(self) -> None:
        """Wait for the answer no longer; the second time, know no more of the terminal than at first."""
        if self._trust > TRUST:
            self._took.clear()
            self._trust = TRUST
        else:
            self._trust *= 2
        self.asked, self._written_since = None, False

    def forget(self) -> None:
        """Forget all questions: their answers go to somebody else."""
        self.asked, self._written_since = None, False
        self.out, self._heard = 0, False

    @property
    def patience(self) -> float:
        """Seconds for which a question may be out."""
        return min(self.round_trip or 0.0, FARTHEST) + SLACK

    def is_behind(self, now: float) -> bool:
        """Whether the terminal has more to draw than it should."""
        if self.asked is None or self.round_trip is None:
            return False
        return now - self.asked >= self.patience
