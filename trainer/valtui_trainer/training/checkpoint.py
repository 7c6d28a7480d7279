"""Checkpoints of a run: written whole or not at all, the newest sound one loaded, few kept.

Kept are the last two, the best by the mean over seeds, and a ladder at 25, 50 and 75 %.
"""

from __future__ import annotations

import hashlib
import io
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from valtui_trainer.session.checkpoints import checkpoint_files, file_name, step_of
from valtui_trainer.session.documents import write_bytes

State = dict[str, Any]
FORMAT = 1
EVERY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Written:
    """A checkpoint file that was written: its step, name, SHA-256 and bytes."""

    step: int
    name: str
    sha256: str
    size: int


def write(folder: Path, state: State) -> Written:
    """Write `state` into `folder`.

    Raises:
        OSError: the folder cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    name = file_name(state["step"])
    write_bytes(folder / name, content)
    return Written(state["step"], name, hashlib.sha256(content).hexdigest(), len(content))


def read(path: Path) -> State | None:
    """Return the state in `path`, or None if it is damaged or of another format."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises half a dozen kinds for a torn zip or a foreign pickle
        return None
    return state if isinstance(state, dict) and state.get("format") == FORMAT else None


def newest(folder: Path) -> tuple[Path, State] | None:
    """Return the newest sound checkpoint of `folder`, passing over damaged ones."""
    for path in reversed(checkpoint_files(folder)):
        state = read(path)
        if state is not None:
            return path, state
    return None


def sweep(folder: Path) -> None:
    """Remove what writers that were killed half-way left; the caller holds the run's lock."""
    for path in folder.glob(".step-*.pt.*"):
        path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Checkpoints:
    """Decides when to write and what to keep.

    Attributes:
        best_step: the evaluation with the lowest mean over seeds so far, or None.
        best_loss: its mean validation loss.
        best: the whole state at that evaluation.
    """

    def __init__(self, folder: Path, ladder: frozenset[int]) -> None:
        """Write into `folder`, keeping the steps of `ladder` for good."""
        sweep(folder)
        self._folder = folder
        self._ladder = ladder
        self._last_write = time.monotonic()
        self.best_step: int | None = None
        self.best_loss = math.inf
        self.best: State | None = None
        self._sound: set[int] = set()

    def restore(self, state: State) -> None:
        """Take up the best evaluation that a checkpoint knows of."""
        self.best_step = state["best_step"]
        self.best_loss = state["best_loss"]
        if self.best_step is not None:
            self.best = read(self._folder / file_name(self.best_step))

    def note(self, step: int, mean_loss: float) -> bool:
        """Take note of an evaluation; tell whether it is the best so far."""
        better = mean_loss < self.best_loss
        if better:
            self.best_step, self.best_loss = step, mean_loss
        return better

    def due(self, step: int) -> bool:
        """Tell whether a checkpoint is to be written at the evaluation after `step`."""
        return step in self._ladder or time.monotonic() - self._last_write >= EVERY_SECONDS

    def write(self, state: State) -> list[Written]:
        """Write `state`, and the best one before it if it is not on disk yet; drop what is not kept.

        Raises:
            OSError: the folder cannot be written.
        """
        self._last_write = time.monotonic()
        written = []
        best = self.best
        if best is not None and best["step"] != state["step"]:
            written.extend([write(self._folder, best)] if best["step"] not in self._sound else [])
        written.append(write(self._folder, state))
        self._sound.update(one.step for one in written)
        self._drop()
        return written

    def _drop(self) -> None:
        files = checkpoint_files(self._folder)
        kept = {step_of(path) for path in files[-2:]} | self._ladder | {self.best_step}
        for path in files:
            if step_of(path) not in kept:
                path.unlink(missing_ok=True)
