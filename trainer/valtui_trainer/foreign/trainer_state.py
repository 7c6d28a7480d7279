"""Hugging Face's `trainer_state.json`: one document, written as a whole into each checkpoint folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from valtui_trainer.foreign.json_lines import decoded
from valtui_trainer.foreign.numbers import flattened
from valtui_trainer.foreign.points import Point
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.safe import safe

NAME = "trainer_state.json"
LARGEST = 256 << 20


def newest(path: Path) -> Path | None:
    """Return the state that was written last: `path` itself, in it, or in one of its checkpoint folders."""
    if path.is_file():
        return path
    candidates = [path / NAME, *path.glob(f"checkpoint-*/{NAME}")]
    there = [(one.stat().st_mtime_ns, one) for one in candidates if one.is_file()]
    return max(there)[1] if there else None


class TrainerState:
    """The reader of one training's states."""

    def __init__(self, path: Path) -> None:
        """Read the newest state in `path`, a file or a folder."""
        self.skipped = 0
        self.behind = False
        self._path = path
        self._seen: tuple[str, int, int] | None = None
        self._rows: list[dict[str, float]] = []
        self._waiting: list[Point] = []
        self._settings: dict[str, Any] = {}

    def read(self, most: int) -> list[Point]:
        """Return the entries of the history that no earlier call gave, about `most` of them."""
        if not self._waiting:
            self._look()
        found, self._waiting = self._waiting[:most], self._waiting[most:]
        self.behind = bool(self._waiting)
        return found

    def _look(self) -> None:
        try:
            path = newest(self._path)
            if path is None:
                raise SessionError(f"{safe(str(self._path))} is gone.")
            found = os.stat(path)
            identity = str(path), found.st_mtime_ns, found.st_size
            if identity == self._seen:
                return
            if found.st_size > LARGEST:
                raise SessionError(f"{safe(str(path))} is larger than {LARGEST >> 20} MB.")
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise SessionError(
                f"{safe(str(self._path))}: cannot be read ({error.strerror})."
            ) from None
        document = decoded(text)
        if not isinstance(document, dict) or not isinstance(document.get("log_history"), list):
            self.skipped += 1  # half-written: it is read again when it changes
            return
        self._seen = identity
        rows = [flattened(entry) for entry in document["log_history"] if isinstance(entry, dict)]
        pairs = enumerate(zip(rows, self._rows, strict=False))
        known = next(
            (n for n, (row, before) in pairs if row != before), min(len(rows), len(self._rows))
        )
        self._waiting = [Point(row) for row in rows[known:] if row]
        self._rows = rows
        names = ("train_batch_size", "num_train_epochs", "max_steps")
        self._settings = {name: document[name] for name in names if name in document}

    def settings(self) -> dict[str, Any]:
        """Return the few hyperparameters that a state tells."""
        return self._settings
