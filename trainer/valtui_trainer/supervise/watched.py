"""A living trainer as its supervisor sees it: its pid, how it ended, how long a stop may take."""

from __future__ import annotations

import select
import signal
import subprocess
import time
from dataclasses import dataclass

from valtui_trainer.session.heartbeat import read_heartbeat
from valtui_trainer.session.layout import AttemptPaths, utc_now
from valtui_trainer.session.machine import start_ticks
from valtui_trainer.session.records import Command, Exit
from valtui_trainer.session.state import BLOCKED

STOP_SECONDS = 120.0


@dataclass(slots=True)
class Watched:
    """A living trainer: a child, or adopted (`process` None).

    Attributes:
        ticks: when it started, which tells it from a later process with its pid.
        stop_asked, stop_id: when it was first asked to stop, and by which command.
        swept: what it left in its group was killed.
        killed_for: why its supervisor killed it, if it did.
    """

    attempt: AttemptPaths
    pid: int
    pidfd: int
    process: subprocess.Popen[bytes] | None
    ticks: int
    stop_asked: float | None = None
    stop_id: str = ""
    swept: bool = False
    killed_for: str = ""

    def note_stop(self, command: Command) -> bool:
        """Take note of a stop; tell whether it is not the first."""
        if command.command != "stop":
            return False
        if self.stop_asked is None:
            self.stop_asked, self.stop_id = time.monotonic(), command.id
        return self.stop_id != command.id


def watch(
    attempt: AttemptPaths, pid: int, pidfd: int, process: subprocess.Popen[bytes] | None
) -> Watched:
    """Return a trainer to be watched from now on."""
    return Watched(attempt, pid, pidfd, process, start_ticks(pid))


def is_gone(watched: Watched) -> bool:
    """Tell whether the process of `watched` has ended; a child is not waited for by that."""
    poll = select.poll()
    poll.register(watched.pidfd, select.POLLIN)
    return bool(poll.poll(0))


def is_blocked(watched: Watched) -> bool:
    """Tell whether the trainer waits for room on the disk."""
    beat = read_heartbeat(watched.attempt.heartbeat)
    return beat is not None and beat.phase.startswith(BLOCKED)


def is_patient(watched: Watched) -> bool:
    """Tell whether a run that was asked to stop may still take its time.

    It has 120 s, or as long as what it is doing may take: an evaluation, reading data, a full disk.
    """
    if watched.stop_asked is None:
        return True
    beat = read_heartbeat(watched.attempt.heartbeat)
    if beat is not None and beat.deadline is None:
        return True
    patience = max(STOP_SECONDS, (beat.deadline if beat else None) or 0.0)
    return time.monotonic() < watched.stop_asked + patience


def explain_exit(code: int, said_so: bool, starved: bool, killed_for: str) -> Exit:
    """Return what an exit code means, in words.

    Args:
        code: as `Popen.returncode`.
        said_so: the trainer wrote how it ended.
        starved: the kernel's out-of-memory killer was at work just then.
        killed_for: why its supervisor killed it, if it did.
    """
    if code >= 0:
        reason = "" if code == 0 and said_so else f"its process ended with exit code {code}"
        reason += "" if said_so else " and without saying how the run went"
        return Exit(status="exited", ended=utc_now(), code=code, reason=reason)
    number = -code
    name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    reason = f"killed by signal {number} ({name})"
    if killed_for:
        reason += f": {killed_for}"
    elif number == signal.SIGKILL and starved:
        reason = (
            f"out of memory: the kernel killed it (signal {number}, {name}). Try a smaller "
            "batch_size, a narrower model, or fewer runs at once (--parallel 1)."
        )
    return Exit(status="killed", ended=utc_now(), signal=number, reason=reason)
