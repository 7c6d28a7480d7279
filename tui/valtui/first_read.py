"""Reads the beginning of a session's log in a thread, so that its live screen comes with curves.

Evaluations come first. The live screen reads on.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui.feed import SessionFeed
    from valtui_trainer.session.layout import SessionPaths

READ_SECONDS = 0.02
LOOK_SECONDS = 0.005
BLAS_THREADS = "OPENBLAS_NUM_THREADS"


class FirstRead(threading.Thread):
    """A session that is being read, by a thread that nothing waits for at the end.

    Attributes:
        session: which.
        done: set when the thread has finished.
        feed: of the session, of which something was read; None before, or where it cannot be.
        problem: why it cannot be read, a sentence; empty where it can.
        mistake: what the thread failed on unexpectedly, if it did.
    """

    def __init__(self, session: SessionPaths) -> None:
        """Prepare to read `session`; `start` begins."""
        super().__init__(name="first-read", daemon=True)
        self.session = session
        self.done = threading.Event()
        self.feed: SessionFeed | None = None
        self.problem = ""
        self.mistake: Exception | None = None

    def run(self) -> None:
        """Read for a moment."""
        try:
            self._read()
        except Exception as mistake:
            self.mistake = mistake
        self.done.set()

    def _read(self) -> None:
        with one_blas_thread():
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

    async def wait(self, seconds: float) -> None:
        """Wait until it is done, or so many seconds, and let others work meanwhile."""
        end = time.monotonic() + seconds
        while not self.done.is_set() and time.monotonic() < end:
            await asyncio.sleep(LOOK_SECONDS)


def begin_reading(session: SessionPaths) -> FirstRead:
    """Begin to read `session`."""
    first_read = FirstRead(session)
    first_read.start()
    return first_read


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy or scipy be loaded with one thread for linear algebra, of which a screen has none.

    Starting one a core takes as long as all else that is loaded. It is told by the environment, which
    is given back; a process started by another thread just then has one thread as well.
    """
    given = os.environ.get(BLAS_THREADS)
    os.environ[BLAS_THREADS] = "1"
    try:
        yield
    finally:
        if given is None:
            os.environ.pop(BLAS_THREADS, None)
        else:
            os.environ[BLAS_THREADS] = given
