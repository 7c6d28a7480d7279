"""The heartbeat file: written by a trainer once a second in one `pwrite`, read by anybody."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from valtui_trainer.session.append import closed
from valtui_trainer.session.layout import FILE_MODE
from valtui_trainer.session.records import DAMAGED, Heartbeat

SIZE = 256
LONGEST_PHASE = 48


class HeartbeatFile:
    """The writer's end."""

    def __init__(self, path: Path) -> None:
        """Open or make the file at `path`."""
        flags = os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, FILE_MODE)

    def write(self, beat: Heartbeat) -> None:
        """Replace the file's content; its size never changes, so most full disks bear it.

        Raises:
            OSError: this one does not.
        """
        content = msgspec.json.encode(beat)
        if len(content) >= SIZE:  # what tells life and state must fit; the rest may be missing
            content = msgspec.json.encode(
                msgspec.structs.replace(
                    beat, rate=0.0, left=None, memory=0, phase=beat.phase[:LONGEST_PHASE]
                )
            )
        os.pwrite(self._descriptor, content.ljust(SIZE - 1) + b"\n", 0)

    def close(self) -> None:
        """Close the file; what was written last stays, and nothing is written any more."""
        self._descriptor = closed(self._descriptor)


def read_heartbeat(path: Path) -> Heartbeat | None:
    """Return the newest heartbeat, or None where there is none or it is being written."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Heartbeat)
    except (OSError, *DAMAGED):
        return None
