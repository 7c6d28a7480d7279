"""Which machine and boot this is, and when a process of it began: what tells one pid from its reuse."""

from __future__ import annotations

import functools
import socket
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "lustre", "ceph", "9p", "afs"})


@functools.cache
def boot_id() -> str:
    """Return the id of this boot of the machine, or nothing where the kernel has none."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return ""


def host() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def start_ticks(pid: int) -> int:
    """Return when `pid` started, in clock ticks since boot (field 22 of stat), or 0 if it is gone."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else 0


def stat_fields(pid: int) -> list[str]:
    """Return the fields of `/proc/<pid>/stat` from the third (state) on, or none if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()


def file_system(path: Path) -> str:
    """Return the type of the file system that holds `path`, as `/proc/self/mounts` spells it."""
    best, kind = "", "unknown"
    try:
        mounts = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return kind
    place = str(path.resolve())
    for mount in mounts:
        _, where, what, *_ = mount.split(" ")
        where = where.replace("\\040", " ")
        inside = place == where or place.startswith(where.rstrip("/") + "/")
        if inside and len(where) >= len(best):
            best, kind = where, what
    return kind


def lives_elsewhere(folder: Path, host_of_folder: str) -> bool:
    """Tell whether the processes of a session folder belong to another host that shares it.

    A name alone does not say so: machines are renamed, and each start of a container brings a new
    one. Only a network file system can be shared at all.
    """
    return host_of_folder != host() and file_system(folder) in NETWORK
