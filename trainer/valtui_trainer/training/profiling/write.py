"""The files of a profile: the trace as Perfetto and chrome://tracing open it, and what it says in words."""

from __future__ import annotations

import gzip
import os
from contextlib import suppress
from pathlib import Path

from torch.profiler import profile

from valtui_trainer.session.documents import write_bytes
from valtui_trainer.session.layout import AttemptPaths, RunPaths

COMPRESSION = 6
TORN = ".trace.*.json"
"""What a trainer that is killed while it writes a trace leaves behind."""


def write(attempt: AttemptPaths, recording: profile, text: str) -> None:
    """Write both files of `recording`, which has been stopped.

    Raises:
        OSError: they cannot be written.
    """
    write_bytes(attempt.profile, gzip.compress(trace(recording, attempt.folder), COMPRESSION))
    write_bytes(attempt.profile_text, text.encode())


def remove_torn(run: RunPaths) -> None:
    """Remove what trainers of `run` that were killed have left of their traces; none may be at work."""
    for number in run.attempt_numbers():
        for path in run.attempt(number).folder.glob(TORN):
            with suppress(OSError):  # it is in nobody's way
                path.unlink()


def trace(recording: profile, folder: Path) -> bytes:
    """Return the trace as JSON, by way of a file in `folder`, which torch insists on.

    Raises:
        OSError: there is no room for it.
    """
    path = folder / f".trace.{os.getpid()}.json"
    try:
        recording.export_chrome_trace(str(path))
        content = path.read_bytes()
    finally:
        path.unlink(missing_ok=True)
    if not content.rstrip().endswith(b"}"):  # torch does not say that the disk was full
        raise OSError(0, "the trace is torn: perhaps the disk is full")
    return content
