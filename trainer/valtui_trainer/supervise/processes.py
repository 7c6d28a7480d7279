"""Kill what a trainer left behind, and never anybody else: pids are reused."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from valtui_trainer.session.machine import start_ticks, stat_fields

GROUP, SESSION = 2, 3


def send_signal(pid: int, ticks: int, number: signal.Signals) -> bool:
    """Signal `pid` if it still is the process that started at `ticks`; tell whether it was."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if start_ticks(pid) != ticks:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def kill_group(leader: int, ticks: int) -> None:
    """Kill the process group of `leader`, which started at `ticks`; what it left is killed too.

    Call it while the leader lives, or as soon as it ended: the kernel reuses no pid while a group of
    that number has members. If `leader` is another process by now, nothing in its group is ours.
    """
    if start_ticks(leader) not in (0, ticks):
        return
    for pid in members(leader):
        send_signal(pid, start_ticks(pid), signal.SIGKILL)


def members(leader: int) -> list[int]:
    """Return the processes in the group of `leader` that are in its session as well."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [
        pid
        for pid in pids
        if (fields := stat_fields(pid)) and int(fields[GROUP]) == int(fields[SESSION]) == leader
    ]
