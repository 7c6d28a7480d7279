"""Start a process that no closed terminal can reach: its own session, its streams on files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from valtui_trainer.session.documents import read_document
from valtui_trainer.session.layout import FILE_MODE, SessionPaths
from valtui_trainer.session.machine import lives_elsewhere
from valtui_trainer.session.records import SessionSpec
from valtui_trainer.session.state import supervisor_alive

# CUDA counts devices as NVML does, so that `cuda:1` is the same one for both.
BUSY = 3
"""What a trainer exits with that finds another one on its run."""

ALIKE = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def detached(
    arguments: list[str], log: Path, extra: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start `python ARGUMENTS` detached, with both outputs appended to `log`."""
    flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    output = os.open(log, flags, FILE_MODE)
    try:
        os.fchmod(output, FILE_MODE)
        return subprocess.Popen(
            [sys.executable, "-P", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            close_fds=True,
            env={**os.environ, **ALIKE, "PYTHONUNBUFFERED": "1", **(extra or {})},
        )
    finally:
        os.close(output)


def ensure_supervisor(session: SessionPaths) -> None:
    """Start a supervisor for `session` unless one is alive, or the session is another host's.

    A second supervisor ends at once by itself.
    """
    if not other_host(session) and not supervisor_alive(session):
        detached(["-m", "valtui_trainer.supervise", str(session.folder)], session.supervisor_log)


def other_host(session: SessionPaths) -> str:
    """Return the name of the host that trains `session`, if it is another one sharing the folder.

    Only there are its processes to be started and its pids to be understood.
    """
    spec = read_document(session.spec, SessionSpec)
    return spec.host if spec is not None and lives_elsewhere(session.folder, spec.host) else ""
