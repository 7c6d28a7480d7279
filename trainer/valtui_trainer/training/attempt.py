"""The task `run`: takes the lock, beats from the first moment, and sees to it that `final.json` is written.

Torch takes seconds to load; it comes in only after the heartbeat has begun.
"""

from __future__ import annotations

import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from valtui_trainer.session.documents import write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import AttemptPaths, RunPaths, SessionPaths, utc_now
from valtui_trainer.session.locks import acquire
from valtui_trainer.session.records import Final
from valtui_trainer.supervise.launch import ensure_supervisor
from valtui_trainer.training.control import LONG_DEADLINE, Control
from valtui_trainer.training.journal import Clock, Journal

OOM_SCORE = "500"
IN_WORDS = ("DataError", "ModelError")


@dataclass(slots=True)
class Places:
    """The folders one attempt works in."""

    session: SessionPaths
    run: RunPaths
    attempt: AttemptPaths

    @classmethod
    def of(cls, folder: Path) -> Places:
        """Return the places around an attempt's folder."""
        run = RunPaths(folder.parents[1])
        session = SessionPaths(run.folder.parents[1])
        return cls(session, run, run.attempt(int(folder.name)))


def run_attempt(folder: Path) -> int:
    """Train the attempt in `folder` to its end; return the process's exit code."""
    places = Places.of(folder)
    lock = acquire(places.run.lock)
    if lock is None:
        sys.stderr.write("Another process trains this run already; this one ends.\n")
        return 3
    prefer_to_die_first()
    control = Control(places.session, places.run, places.attempt)
    control.begin()
    clock = Clock()
    journal = Journal(places.attempt, control, clock)
    try:
        journal.phase("loading torch", LONG_DEADLINE)
        from valtui_trainer.training.run import train

        final = train(places, control, journal, clock)
    except Exception as error:
        final = failure(error, control, clock)
    journal.close()
    write_document(places.attempt.final, final)
    control.end()
    lock.release()
    return 1 if final.status == "failed" else 0


def failure(error: Exception, control: Control, clock: Clock) -> Final:
    """Return the final word after an exception; what was not expected leaves its traceback in the log."""
    if isinstance(error, SessionError) or type(error).__name__ in IN_WORDS:
        reason = str(error)
    elif type(error).__name__ == "OutOfMemoryError":
        traceback.print_exc()
        reason = (
            "The device ran out of memory. Try half the batch_size, a narrower model, or fewer runs "
            "at once (--parallel 1)."
        )
    else:
        traceback.print_exc()
        first = str(error).strip().split("\n")[0] or "no message"
        reason = f"{type(error).__name__}: {first}"
    sys.stderr.write(reason + "\n")
    return Final(
        status="failed", step=control.step, epoch=0.0, time=clock(), ended=utc_now(), reason=reason
    )


def prefer_to_die_first() -> None:
    """Let the kernel take this process before the machine's other work when memory runs out."""
    try:
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    except OSError:
        return


def main(folder: str) -> int:
    """Run the attempt in `folder`, and see to it that the session's queue goes on after it."""
    began = time.monotonic()
    code = run_attempt(Path(folder))
    ensure_supervisor(Places.of(Path(folder)).session)
    sys.stderr.write(f"ended with code {code} after {time.monotonic() - began:.1f} s\n")
    return code
