"""TensorBoard's event files: torch's SummaryWriter, and TensorBoard's Python reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from bench.log.tool import FIGURES, Arrays, Row, bytes_in


class TensorBoard:
    """One event for each figure, which is how scalars are logged there."""

    name = "TensorBoard"
    precision = 1e-6
    """It keeps 32-bit floats."""

    def __init__(self, columns: Sequence[str] = FIGURES) -> None:
        """Write and read `columns`; the step is with each."""
        self._columns = tuple(columns)

    def begin(self, folder: Path) -> None:
        """Open an event file."""
        self._writer = SummaryWriter(folder)

    def add(self, row: Row) -> None:
        """Add scalar by scalar."""
        step = int(row["step"])
        for name in self._columns:
            self._writer.add_scalar(name, row[name], step)

    def end(self) -> None:
        """Write what is queued, and close."""
        self._writer.close()

    def read(self, folder: Path) -> Arrays:
        """Load all events, thinning none out, and take the columns."""
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        events.Reload()
        found: Arrays = {}
        for name in self._columns:
            scalars = events.Scalars(name)
            found[name] = np.array([scalar.value for scalar in scalars])
            found["step"] = np.array([scalar.step for scalar in scalars])
        return found

    def size(self, folder: Path) -> int:
        """Return the bytes of the event file."""
        return bytes_in(folder)
