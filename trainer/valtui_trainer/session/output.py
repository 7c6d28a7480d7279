"""The end of what a trainer printed, harmless for a terminal."""

from __future__ import annotations

import os
from pathlib import Path

from valtui_trainer.session.safe import safe


def read_output(path: Path, most_bytes: int = 200_000) -> list[str]:
    """Return the last lines of the file at `path`, reading at most `most_bytes`."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most_bytes))
            text = file.read(most_bytes).decode(errors="replace")
    except OSError:
        return []
    lines = text.replace("\r\n", "\n").split("\n")
    return [safe(line.rpartition("\r")[2].expandtabs(4)) for line in lines if line.strip()]
