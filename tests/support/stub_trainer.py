"""`python stub_trainer.py ATTEMPT`: stands in for a trainer where only the supervisor is on trial.

What it does is in the run's id: done, mute, crash, killed, starved, deaf, forker, waits (for a stop), twice (waits in each attempt).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from valtui_trainer.session.append import Records
from valtui_trainer.session.commands import Inbox, answered_ids
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.layout import AttemptPaths, RunPaths, SessionPaths, utc_now
from valtui_trainer.session.locks import acquire
from valtui_trainer.session.records import Event, Final, RunSpec
from valtui_trainer.training.control import answered_by_supervisor


def main(folder: Path) -> int:
    """Behave as the run's id says; return the exit code."""
    attempt = AttemptPaths(folder, int(folder.name))
    run = RunPaths(folder.parents[1])
    lock = acquire(run.lock)
    spec = read_document(run.spec, RunSpec)
    if lock is None or spec is None:
        return 9
    marks = Records(folder.parents[3] / "order.log")
    marks.write(f"begin {run.id}\n".encode())
    behaviour = run.id.partition("-")[0]
    pause = threading.Event()
    if behaviour == "crash":
        return 3
    if behaviour == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "starved":  # as if the kernel had been short of memory
        (folder.parents[3] / "vmstat").write_text("pgfault 7\noom_kill 1\n")
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "mute":
        return 0
    if behaviour == "deaf":
        pause.wait(60)
    if behaviour == "forker":
        child = subprocess.Popen(["sleep", "60"])
        (folder / "child").write_text(str(child.pid))
    status = "done"
    if behaviour == "twice" or (behaviour == "waits" and attempt.number == 0):
        status = "stopped"
        await_stop(SessionPaths(folder.parents[3]), run, attempt)
    elif behaviour == "done":
        pause.wait(0.2)
    marks.write(f"end {run.id}\n".encode())
    write_document(
        attempt.final,
        Final(status=status, step=1, epoch=1.0, time=1.0, ended=utc_now()),  # type: ignore[arg-type]
    )
    return 0


def await_stop(session: SessionPaths, run: RunPaths, attempt: AttemptPaths) -> None:
    """Wait for a stop command and answer it, as a trainer does."""
    answered = (answered_ids(run.attempt(number)) for number in run.attempt_numbers())
    inbox = Inbox(session, answered_by_supervisor(session).union(*answered))
    pause = threading.Event()
    while True:
        for command in inbox.take():
            if command.run == run.id and command.command == "stop":
                Records(attempt.events).append(
                    Event(n=0, time=0, kind="command", message="stopping", data={"id": command.id})
                )
                return
        pause.wait(0.05)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
