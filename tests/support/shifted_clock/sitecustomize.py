"""Put on PYTHONPATH, moves the wall clock of a process and all it starts by what a file says.

The file is $SHIFTED_CLOCK and holds seconds; it is read at each look at the clock, so that a test can
move the clock of a living process. The monotonic clock stays as it is, as on a real machine.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_time, _gmtime, _localtime = time.time, time.gmtime, time.localtime
_FILE = Path(os.environ["SHIFTED_CLOCK"])


def _now() -> float:
    return _time() + float(_FILE.read_text() or 0)


time.time = _now
time.time_ns = lambda: int(_now() * 1e9)
time.gmtime = lambda seconds=None: _gmtime(_now() if seconds is None else seconds)
time.localtime = lambda seconds=None: _localtime(_now() if seconds is None else seconds)
