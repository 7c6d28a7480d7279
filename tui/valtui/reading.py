"""Reads the beginning of a session's log in a thread, so that its live screen comes with curves.

Evaluations come first. The live screen reads on.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui.feed import SessionFeed
    from valtui_trainer.session.layout import SessionPaths

READ_SECONDS = 0.02
BLAS_THREADS = "OPENBLAS_NUM_THREADS"


class Reading(threading.Thread):
    """A session that is being read.

    Attributes:
        session: which.
        done: set when `feed` or `problem` is there.
        feed: of the session, of which something was read; None where it cannot be.
        problem: why it cannot be read, a sentence; empty where it can.
    """

    def __init__(self, session: SessionPaths) -> None:
        """Prepare to read `session`; `start` begins."""
        super().__init__(name="reading", daemon=True)
        self.session = session
        self.done = threading.Event()
        self.feed: SessionFeed | None = None
        self.problem = ""

    def run(self) -> None:
        """Read for a moment."""
        try:
            self._read()
        finally:
            self.done.set()

    def _read(self) -> None:
        load_numpy()
        from valtui.feed import SessionFeed
        from valtui_trainer.session.errors import SessionError

        try:
            feed = SessionFeed(self.session)
        except (SessionError, OSError) as error:
            self.problem = safe(str(error))
            return
        with suppress(SessionError):  # the live screen meets it again, and says it
            feed.catch_up(READ_SECONDS)
        self.feed = feed


def begin_reading(session: SessionPaths) -> Reading:
    """Begin to read `session`."""
    reading = Reading(session)
    reading.start()
    return reading


def load_numpy() -> None:
    """Load numpy with one thread for its linear algebra.

    Starting more takes as long as all else that is loaded for a screen, and none has anything to do
    there. Processes that are started later do not inherit it.
    """
    given = os.environ.get(BLAS_THREADS)
    os.environ[BLAS_THREADS] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        if given is None:
            os.environ.pop(BLAS_THREADS, None)
        else:
            os.environ[BLAS_THREADS] = given
