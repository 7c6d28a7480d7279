"""`python -m valtui.notify.task SESSION`: follows a session, and runs the user's command for what is news.

It is a process of its own, so that it goes on without a screen, and so that nothing in it hurts a run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from valtui.causes import causes
from valtui.causes.types import OverfittingSince
from valtui.feed import RunFeed, SessionFeed
from valtui.notify.news import News, Watcher
from valtui_trainer.session.config import read_config
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths, utc_now, utc_time
from valtui_trainer.session.locks import acquire

LOOK_SECONDS = 2.0
COMMAND_SECONDS = 30.0
YOUNG_SECONDS = 60.0
ALONE_SECONDS = 60.0
"""After so long without a supervisor and a living run nothing more comes."""


def main(folder: str, asked_to_end: threading.Event) -> int:
    """Follow until all has ended; 0 also where another process does so already."""
    session = SessionPaths(Path(folder))
    try:
        lock = acquire(session.folder / "notify.lock")
        if lock is None:
            return 0
        feed = SessionFeed(session)
    except (SessionError, OSError) as error:
        say(str(error))
        return 1
    try:
        follow(feed, asked_to_end)
    finally:
        lock.release()
    return 0


def follow(feed: SessionFeed, asked_to_end: threading.Event) -> None:
    """Look until every run has ended and nobody starts another, or until it is asked to end."""
    config, _ = read_config()
    watcher = Watcher(feed, config.notify, Overfitting(), silent=not just_begun(feed))
    alive_at = time.monotonic()
    while not feed.gone:
        try:
            feed.poll_status()
            feed.catch_up(1.0)
            news = watcher.look()
        except (SessionError, OSError) as error:
            say(str(error))
            news = []
        for one in news:
            run_command(config.notify.command, one, feed.paths)
        if feed.supervised or any(lives(run) for run in feed.runs):
            alive_at = time.monotonic()
        elif (feed.ended and not feed.behind) or time.monotonic() - alive_at > ALONE_SECONDS:
            return
        if asked_to_end.wait(LOOK_SECONDS):
            return


def lives(run: RunFeed) -> bool:
    """Tell whether a process works on `run`, of ours or of another program."""
    return not run.status.ended and run.status.state != "QUEUED"


def just_begun(feed: SessionFeed) -> bool:
    """Tell whether the session began a moment ago: a run may be over before this process is there."""
    began = utc_time(feed.spec.created)
    return began is not None and time.time() - began < YOUNG_SECONDS


class Overfitting:
    """Finds since when a run overfits, anew only where evaluations came in."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._seen: dict[str, tuple[int, OverfittingSince | None]] = {}

    def __call__(self, run: RunFeed) -> OverfittingSince | None:
        """Return since when `run` overfits, or None."""
        known = self._seen.get(run.id)
        if known is None or known[0] != run.version:
            known = self._seen[run.id] = (run.version, causes(run).overfitting)
        return known[1]


def run_command(command: str, news: News, session: SessionPaths) -> None:
    """Run the user's command in a shell; what goes wrong with it is said in the log of this process.

    What is told is in the environment alone: names of runs come from files, and no shell reads them.
    """
    told = {
        "VALTUI_EVENT": news.kind,
        "VALTUI_SESSION": session.id,
        "VALTUI_RUN": news.run,
        "VALTUI_MESSAGE": news.message,
    }
    try:
        process = subprocess.Popen(
            command, shell=True,
            env={**os.environ, **told}, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        outcome = f"exit {process.wait(COMMAND_SECONDS)}"
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        outcome = f"ended after {COMMAND_SECONDS:g} s"
    except (OSError, ValueError) as error:
        outcome = f"could not be run ({error})"
    say(f"{news.message}: {command}: {outcome}")


def say(sentence: str) -> None:
    """Write to the log of this process."""
    sys.stderr.write(f"{utc_now()} {sentence}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    sys.exit(main(sys.argv[1], ending))
