"""Wait where a write finds no room: a full disk, a quota, a read-only folder. Nothing is dropped."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import TypeVar

NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file-size limit is reached",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "the folder is read-only",
    errno.EPERM: "the folder is read-only",
}
RETRY_SECONDS = 1.0

T = TypeVar("T")
Blocked = Callable[[str], None]


class Patience:
    """Does things that need room, each again and again until there is some."""

    def __init__(
        self, blocked: Blocked = lambda _: None, waiting: Callable[[], None] = lambda: None
    ) -> None:
        """Tell `blocked` why something waits, and the empty string when it waits no more.

        `waiting` is called before each further try; what it raises ends the wait.
        """
        self._blocked = blocked
        self._waiting = waiting
        self._again = threading.Event()

    def __call__(self, action: Callable[[], T]) -> T:
        """Return what `action` returns, which must bear being begun again.

        Raises:
            OSError: `action` fails for any other reason than a lack of room.
        """
        waiting = False
        while True:
            try:
                result = action()
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                if not waiting:
                    waiting = True
                    self._blocked(NO_ROOM[error.errno])
                self._waiting()
                self._again.wait(RETRY_SECONDS)
                continue
            if waiting:
                self._blocked("")
            return result


class Impatience(Patience):
    """Does things once: for a writer that has more to do than to wait."""

    def __call__(self, action: Callable[[], T]) -> T:
        """Return what `action` returns.

        Raises:
            OSError: `action` fails.
        """
        return action()
