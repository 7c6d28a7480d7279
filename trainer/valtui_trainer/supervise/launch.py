"""Start a process that no closed terminal can reach: its own session, its streams on files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from valtui_trainer.session.layout import FILE_MODE, SessionPaths
from valtui_trainer.session.state import supervisor_alive

# CUDA counts devices as NVML does, so that `cuda:1` is the same one for both.
ALIKE = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def detached(
    arguments: list[str], log: Path, extra: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start `python ARGUMENTS` detached, with both outputs appended to `log`."""
    output = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, FILE_MODE)
    try:
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
    """Start a supervisor for `session` unless one is alive; a second one ends at once by itself."""
    if not supervisor_alive(session):
        detached(["-m", "valtui_trainer.supervise", str(session.folder)], session.supervisor_log)
