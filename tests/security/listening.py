"""Which sockets of a process others could reach: listening ones, and any on a network."""

from __future__ import annotations

import os
from pathlib import Path

TABLES = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6")
ACCEPTS = 0x10000  # __SO_ACCEPTCON in /proc/net/unix


def sockets_of(pid: int) -> set[str]:
    """Return the inodes of all sockets that `pid` holds."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(entry)
        except OSError:
            continue
        if target.startswith("socket:["):
            found.add(target.removeprefix("socket:[").removesuffix("]"))
    return found


def rows(pid: int, table: str) -> list[list[str]]:
    path = Path(f"/proc/{pid}/net/{table}")
    return [line.split() for line in path.read_text().splitlines()[1:]] if path.exists() else []


def reachable(pid: int) -> list[str]:
    """Return the sockets of `pid` on any network, and those of its own machine that listen."""
    own = sockets_of(pid)
    network = [f"{table} {row[1]}" for table in TABLES for row in rows(pid, table) if row[9] in own]
    local = [
        f"unix {' '.join(row[7:])}"
        for row in rows(pid, "unix")
        if row[6] in own and int(row[3], 16) & ACCEPTS
    ]
    return network + local
