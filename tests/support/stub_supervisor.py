"""`python stub_supervisor.py SESSION [STOP_SECONDS]`: the real supervisor, starting stub trainers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.supervise import launch, memory, supervisor, watched

STUB = Path(__file__).with_name("stub_trainer.py")


def start_stub(
    arguments: list[str], log: Path, extra: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a stub trainer the way a trainer is started."""
    return launch.detached([str(STUB), arguments[-1]], log, extra)


if __name__ == "__main__":
    supervisor.detached = start_stub
    memory.VMSTAT = Path(sys.argv[1]) / "vmstat"  # a stub trainer writes it
    if len(sys.argv) > 2:
        watched.STOP_SECONDS = float(sys.argv[2])
    supervisor.supervise(SessionPaths(Path(sys.argv[1])))
