"""The task `run`: takes the lock, beats from the first moment, and sees to it that `final.json` is written.

Torch takes seconds to load; it comes in only after the heartbeat has begun.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import AttemptPaths, RunPaths, SessionPaths, utc_now
from valtui_trainer.session.locks import acquire
from valtui_trainer.session.patience import Patience
from valtui_trainer.session.records import Final, RunSpec
from valtui_trainer.supervise.launch import BUSY, ensure_supervisor
from valtui_trainer.training.control import LONG_DEADLINE, Control, control_of_run, say
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
    wait_for_room = Patience()
    lock = wait_for_room(lambda: acquire(places.run.lock))
    if lock is None:
        say("Another process trains this run already; this one ends.")
        return BUSY
    prefer_to_die_first()
    control = wait_for_room(lambda: control_of_run(places.session, places.run, places.attempt))
    control.begin()
    clock = Clock()
    journal = Journal(places.attempt, control, clock)
    try:
        journal.phase("loading torch", LONG_DEADLINE)
        from valtui_trainer.training.run import train

        final = train(places, control, journal, clock)
    except Exception as error:
        final = failure(error, places.run, control, clock)
    try:
        journal.close()
    except OSError as error:
        say(f"The log could not be brought to the disk ({error.strerror}).")
    journal.document(places.attempt.final, final)
    control.end()
    lock.release()
    return 1 if final.status == "failed" else 0


def failure(error: Exception, run: RunPaths, control: Control, clock: Clock) -> Final:
    """Return the final word after an exception; what was not expected leaves its traceback in the log."""
    if isinstance(error, SessionError) or type(error).__name__ in IN_WORDS:
        reason = str(error)
    else:
        say("".join(traceback.format_exception(error)))
        first = str(error).strip().split("\n")[0] or "no message"
        reason = f"{type(error).__name__}: {first}"
        if is_out_of_memory(error):
            reason = f"out of memory. {less_memory(run)} ({reason})"
    say(reason)
    return Final(
        status="failed", step=control.step, epoch=0.0, time=clock(), ended=utc_now(), reason=reason
    )


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether `error` means that the device or the host had no more memory to give."""
    said = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "DefaultCPUAllocator: can't allocate memory" in said
        or "CUDA out of memory" in said
    )


def less_memory(run: RunPaths) -> str:
    """Return what to try with less memory, naming a smaller batch."""
    spec = read_document(run.spec, RunSpec)
    half = spec.preset.batch_size // 2 if spec is not None else 0
    batch = f"Try --set batch_size={half}, a" if half else "Try a"
    return f"{batch} narrower model, or fewer runs at once (--parallel 1)."


def prefer_to_die_first() -> None:
    """Let the kernel take this process before the machine's other work when memory runs out."""
    try:
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    except OSError:
        return


def prepare_process(home: Path) -> None:
    """Set what holds for a whole process that uses torch, before it does.

    Its files are for this user alone. What torch compiles is kept in `home`, where it would use a
    predictable name in /tmp. Its profiler is silent, which takes a CUDA build without a GPU for an error.
    """
    os.umask(0o077)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(home / "cache" / "torch"))
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")


def main(folder: str) -> int:
    """Run the attempt in `folder`, and see to it that the session's queue goes on after it."""
    sys.stdout = sys.stderr = Lenient(sys.stderr)
    prepare_process(Places.of(Path(folder)).session.folder.parents[1])
    began = time.monotonic()
    code = run_attempt(Path(folder))
    try:
        ensure_supervisor(Places.of(Path(folder)).session)
    except (OSError, SessionError) as error:
        say(f"No supervisor could be started ({error}).")
    say(f"ended with code {code} after {time.monotonic() - began:.1f} s")
    return code


class Lenient(io.TextIOBase):
    """A stream that drops what it cannot write: a full disk must not fail a model that prints."""

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text` if it can be written."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush if it can be."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def fileno(self) -> int:
        """Return the descriptor of the stream."""
        return self._stream.fileno()
