"""Who is alive: POSIX record locks, which the kernel drops when their holder dies.

Closing any descriptor of a locked file in the holding process drops the lock, so a holder opens
its lock file once and never looks at it again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import FILE_MODE

# struct flock on 64-bit Linux: type, whence, start, length, pid.
FLOCK = "hhqqi4x"


class Lock:
    """A lock held by this process until it ends or `release` is called."""

    def __init__(self, descriptor: int) -> None:
        """Keep the locked `descriptor` open."""
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock up."""
        os.close(self._descriptor)


def acquire(path: Path) -> Lock | None:
    """Return the lock at `path`, or None if another process holds it.

    Raises:
        SessionError: the file system has no locks.
    """
    flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return None
        raise no_locks(path, error) from None
    return Lock(descriptor)


def holder(path: Path) -> int | None:
    """Return the pid of the process that holds the lock at `path`, or None if nobody does.

    On another host of a shared file system the pid is that host's.

    Raises:
        SessionError: the file system has no locks, or the file cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SessionError(f"{path}: cannot be read ({error.strerror}).") from None
    try:
        request = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, request))
    except OSError as error:
        raise no_locks(path, error) from None
    finally:
        os.close(descriptor)
    return int(answer[4]) if answer[0] != fcntl.F_UNLCK else None


def no_locks(path: Path, error: OSError) -> SessionError:
    """Return the refusal for a file system without locks."""
    return SessionError(
        f"{path}: this file system has no working locks ({error.strerror}), so valtui could not "
        "tell what is alive. Choose a local folder with --home or $VALTUI_HOME."
    )
