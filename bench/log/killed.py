"""What a log has lost when its writer is killed right after its last call had returned.

`python -m bench.log.killed NUMBER FOLDER` is such a writer: it logs by the tool of that number.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from bench.log.tool import Tool, make_figures, rows_of
from bench.log.tools import tools

RECORDS = 1_050
"""More than fill the batches: half of one is open at the kill."""

PATIENCE = 30.0


def write_and_die(tool: Tool, folder: Path) -> None:
    """Log, and be killed at once."""
    tool.begin(folder)
    for row in rows_of(make_figures(RECORDS), RECORDS):
        tool.add(row)
    os.kill(os.getpid(), signal.SIGKILL)


def lost(number: int, folder: Path) -> int:
    """Return of how many records something is missing, once all that the writer started has ended."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "bench.log.killed", str(number), str(folder)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    if writer.wait() != -signal.SIGKILL:
        raise RuntimeError(f"{tools()[number].name} did not log")
    end = time.monotonic() + PATIENCE
    with suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.killpg(writer.pid, 0)
            time.sleep(0.05)
    return RECORDS - min(map(len, tools()[number].read(folder).values()))


if __name__ == "__main__":
    write_and_die(tools()[int(sys.argv[1])], Path(sys.argv[2]))
