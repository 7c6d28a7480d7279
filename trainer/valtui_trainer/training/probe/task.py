"""The task `probe`: takes the lock, beats from the first moment, and sees to it that `result.json` is written.

Torch takes seconds to load; it comes in only after the heartbeat has begun. The probed run is only
read: all that is written lies in the probe's own folder.
"""

from __future__ import annotations

import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

from valtui_trainer.session.commands import send
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import ProbePaths, SessionPaths, utc_now
from valtui_trainer.session.locks import acquire
from valtui_trainer.session.patience import Patience
from valtui_trainer.session.probes import looks_so_far
from valtui_trainer.session.records import CommandName, ProbeResult, ProbeSpec
from valtui_trainer.session.state import run_status
from valtui_trainer.supervise.launch import BUSY, ensure_supervisor
from valtui_trainer.training.attempt import (
    IN_WORDS,
    Lenient,
    is_out_of_memory,
    prefer_to_die_first,
    prepare_process,
)
from valtui_trainer.training.control import LONG_DEADLINE, control_of_probe, say


def run_probe(folder: Path) -> int:
    """Carry out the probe in `folder`; return the process's exit code."""
    probe = ProbePaths(folder)
    session = SessionPaths(folder.parents[1])
    wait_for_room = Patience()
    lock = wait_for_room(lambda: acquire(probe.lock))
    if lock is None or probe.result.exists():
        say("This probe is being carried out already, or has ended; this process ends.")
        return BUSY
    prefer_to_die_first()
    control = wait_for_room(lambda: control_of_probe(session, probe))
    control.begin()
    began = time.monotonic()
    spec: ProbeSpec | None = None
    paused = False
    try:
        spec = read_document(probe.spec, ProbeSpec)
        if spec is None:
            raise SessionError(f"{probe.spec} is missing.")
        paused = spec.pause_run and trains(session, spec)
        if paused:
            tell_run(session, spec, "pause")
        control.enter("loading torch", LONG_DEADLINE)
        from valtui_trainer.training.probe.work import carry_out

        result = carry_out(session, probe, spec, control, began)
    except Exception as error:
        result = failure(error, probe, began)
    finally:
        if spec is not None and paused and lives(session, spec):
            tell_run(session, spec, "resume")
    wait_for_room(lambda: write_document(probe.result, result))
    with suppress(OSError):  # it would keep a checkpoint that the run has dropped
        probe.start.unlink()
    control.end()
    lock.release()
    return 1 if result.status == "failed" else 0


def lives(session: SessionPaths, spec: ProbeSpec) -> bool:
    """Tell whether the probed run has a process still; one that ended would be begun anew by a resume."""
    try:
        return run_status(session.run(spec.run), supervised=True).pid is not None
    except SessionError:
        return False


def trains(session: SessionPaths, spec: ProbeSpec) -> bool:
    """Tell whether the probed run trains now; one that somebody paused is left paused."""
    status = run_status(session.run(spec.run), supervised=True)
    return status.pid is not None and status.state in ("STARTING", "RUNNING")


def tell_run(session: SessionPaths, spec: ProbeSpec, command: CommandName) -> None:
    """Pause or resume the probed run; where that cannot be written, it is said in the log."""
    try:
        send(session, command, spec.run)
        ensure_supervisor(session)
    except (OSError, SessionError) as error:
        say(f"{spec.run} could not be asked to {command} ({error}).")


def failure(error: Exception, probe: ProbePaths, began: float) -> ProbeResult:
    """Return the result after an exception, with the looks before it.

    What was not expected leaves its traceback in the log.
    """
    if isinstance(error, SessionError) or type(error).__name__ in IN_WORDS:
        reason = str(error)
    else:
        say("".join(traceback.format_exception(error)))
        first = str(error).strip().split("\n")[0] or "no message"
        reason = f"{type(error).__name__}: {first}"
        if is_out_of_memory(error):
            reason = (
                "out of memory: fewer replicas (--replicas 4) need less; stopping what trains beside makes "
                f"room ({reason})"
            )
    say(reason)
    return ProbeResult(
        status="failed",
        ended=utc_now(),
        seconds=time.monotonic() - began,
        reason=reason,
        looks=looks_so_far(probe),
    )


def main(folder: str) -> int:
    """Carry out the probe in `folder`."""
    sys.stdout = sys.stderr = Lenient(sys.stderr)
    path = Path(folder)
    prepare_process(path.parents[3])
    return run_probe(path)
