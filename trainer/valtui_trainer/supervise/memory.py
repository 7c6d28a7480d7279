"""Whether the kernel ran out of memory and killed something lately."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

VMSTAT = Path("/proc/vmstat")
LATELY_SECONDS = 10.0


class OutOfMemory:
    """Follows the kernel's count of processes that it killed for lack of memory, cgroups included."""

    def __init__(self) -> None:
        """Begin with what is counted now."""
        self._counts = deque([(time.monotonic(), oom_kills())])

    def look(self) -> None:
        """Take note of the count now; call it about twice a second."""
        now = time.monotonic()
        self._counts.append((now, oom_kills()))
        while len(self._counts) > 2 and now - self._counts[1][0] > LATELY_SECONDS:
            self._counts.popleft()

    def lately(self) -> bool:
        """Tell whether it killed something in the last seconds."""
        return oom_kills() > self._counts[0][1]


def oom_kills() -> int:
    """Return how many processes the out-of-memory killer has ended since boot."""
    try:
        lines = VMSTAT.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
