"""The real command line as a child process, and waiting for what it brings about."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

VALTUI = ["-m", "valtui.cli.main"]


def valtui(
    *arguments: str, cwd: Path, check: int | None = 0, timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    """Run `valtui ARGUMENTS` in `cwd` without a terminal; fail unless it exits with `check`."""
    done = subprocess.run(
        [sys.executable, *VALTUI, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        env=os.environ.copy(),
    )
    if check is not None:
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def probed_by_command(
    session: str, run: str, *arms: str, evaluations: int, cwd: Path
) -> dict[str, Any]:
    """Probe `arms` of a run with four replicas each; return what `valtui probe --json` prints."""
    done = valtui(
        "probe", session, run, "--arms", ",".join(arms), "--replicas", "4",
        "--evaluations", str(evaluations), "--json", cwd=cwd,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def wait_until(condition: Callable[[], object], seconds: float = 60.0, what: str = "") -> None:
    """Wait until `condition` holds.

    Raises:
        AssertionError: it does not in time.
    """
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (
            f"waited {seconds:.0f} s in vain for {what or condition}"
        )
        pause.wait(0.05)
