"""Per-sample validation losses: raw float32 rows, one an evaluation and seed, with a CRC each."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING

from valtui_trainer.session.append import Appender
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import AttemptPaths
from valtui_trainer.session.patience import Patience
from valtui_trainer.session.records import LossesHeader, Val

if TYPE_CHECKING:
    import numpy as np

    Losses = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


class LossRows:
    """The writer of one attempt's rows."""

    def __init__(
        self, attempt: AttemptPaths, columns: int, digest: str, patience: Patience | None = None
    ) -> None:
        """Open the rows of `attempt`, `columns` losses each, for the validation set of `digest`."""
        header = LossesHeader(columns=columns, validation_digest=digest)
        (patience or Patience())(lambda: write_document(attempt.losses_header, header))
        self._file = Appender(attempt.losses, patience)
        self._columns = columns
        self._rows = 0

    def append(self, losses: Losses) -> tuple[int, int]:
        """Write one row, shape (columns,); return its number and CRC-32.

        Raises:
            ValueError: it has another number of losses.
        """
        content = losses.astype("<f4", copy=False).tobytes()
        if len(content) != 4 * self._columns:
            raise ValueError(f"a row has {self._columns} losses, not {losses.size}.")
        self._fill_up()
        self._file.write(content)
        self._rows += 1
        return self._rows - 1, zlib.crc32(content)

    def _fill_up(self) -> None:
        """Make a row of what a writer that does not wait for room left of one."""
        rest = -self._file.written % (4 * self._columns)
        if rest:
            self._file.write(bytes(rest))
            self._rows = self._file.written // (4 * self._columns)

    def sync(self) -> None:
        """Bring the rows to the disk."""
        self._file.sync()

    def close(self) -> None:
        """Sync and close."""
        self._file.close()


def losses_digest(attempt: AttemptPaths) -> str | None:
    """Return the digest of the validation set that an attempt's rows are of; None where unknown."""
    try:
        header = read_document(attempt.losses_header, LossesHeader)
    except SessionError:
        return None
    return header.validation_digest if header is not None else None


def read_losses(attempt: AttemptPaths, records: list[Val]) -> Losses:
    """Return the rows that `records` of this attempt name, shape (len(records), columns).

    A row that is missing, cannot be read, or whose CRC does not fit, is NaN. Shape (0, 0) where
    nothing was logged, or nothing of it can be read.
    """
    import numpy as np

    try:
        header = read_document(attempt.losses_header, LossesHeader)
        descriptor = os.open(attempt.losses, os.O_RDONLY | os.O_CLOEXEC)
    except (SessionError, OSError):
        return np.empty((0, 0), np.float32)
    try:
        width = 4 * header.columns if header is not None else 0
        if not records or not 0 < width <= os.fstat(descriptor).st_size:
            return np.empty((0, 0), np.float32)
        rows = np.full((len(records), width // 4), np.nan, np.float32)
        for position, record in enumerate(records):
            if record.row is None:
                continue
            content = read_row(descriptor, width, record.row)
            if len(content) == width and zlib.crc32(content) == record.crc:
                rows[position] = np.frombuffer(content, "<f4")
        return rows
    finally:
        os.close(descriptor)


def read_row(descriptor: int, width: int, number: int) -> bytes:
    """Return the bytes of a row, or fewer where it cannot be read."""
    try:
        return os.pread(descriptor, width, number * width)
    except (OSError, OverflowError):
        return b""
