"""wandb's offline file: `run.log` without a network, and the frames of its file decoded."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_ERROR_REPORTING="false")

import wandb  # after its environment, which it reads once
from wandb.proto.wandb_internal_pb2 import Record

from bench.log.tool import FIGURES, Arrays, Row

FILE_HEADER = 7
BLOCK = 32 << 10
FRAME = struct.Struct("<IHB")
FULL, LAST = 1, 4


class WandbOffline:
    """One history record a step."""

    name = "wandb, offline"
    precision = 0.0

    def begin(self, folder: Path) -> None:
        """Start a run, and the process that writes it."""
        settings = wandb.Settings(
            console="off", disable_git=True, save_code=False, silent=True,
            x_disable_meta=True, x_disable_stats=True,
        )  # fmt: skip
        self._run = wandb.init(project="bench", dir=str(folder), mode="offline", settings=settings)

    def add(self, row: Row) -> None:
        """Log a step."""
        self._run.log(row, step=int(row["step"]))

    def end(self) -> None:
        """Wait until all is in the file."""
        self._run.finish()

    def read(self, folder: Path) -> Arrays:
        """Decode every record, and take the columns of the history."""
        columns: dict[str, list[float]] = {name: [] for name in ("step", *FIGURES)}
        for payload in frames(file_in(folder).read_bytes()):
            record = Record.FromString(payload)
            if record.WhichOneof("record_type") != "history":
                continue
            for item in record.history.item:
                name = item.key or ".".join(item.nested_key)
                if name in columns:
                    columns[name].append(json.loads(item.value_json))
        return {name: np.array(values) for name, values in columns.items()}

    def size(self, folder: Path) -> int:
        """Return the bytes of the run's file."""
        return file_in(folder).stat().st_size


def file_in(folder: Path) -> Path:
    """Return the file of the one run below `folder`."""
    (found,) = folder.glob("wandb/offline-run-*/*.wandb")
    return found


def frames(content: bytes) -> Iterator[bytes]:
    """Yield the whole records of a LevelDB log, whose blocks no frame's header crosses."""
    place = FILE_HEADER
    parts: list[bytes] = []
    while place + FRAME.size <= len(content):
        left = BLOCK - place % BLOCK
        if left < FRAME.size:
            place += left
            continue
        _, length, kind = FRAME.unpack_from(content, place)
        place += FRAME.size + length
        if place > len(content):
            return
        parts.append(content[place - length : place])
        if kind in (FULL, LAST):
            yield b"".join(parts)
            parts = []
