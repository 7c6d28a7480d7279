"""wandb's offline files `run-*.wandb`: the frames of a LevelDB log, their records decoded by wandb's messages."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from valtui_trainer.foreign.json_lines import decoded
from valtui_trainer.foreign.numbers import flattened, number
from valtui_trainer.foreign.points import Point
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.safe import safe

HEADER = 7
MAGIC = b":W&B"
BLOCK = 32 << 10
FRAME = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
CHUNK = 4 << 20
LARGEST_RECORD = 64 << 20
TIME = "_timestamp"


class WandbLog:
    """The reader of one offline run.

    The header of a frame never crosses a block of 32 kB; a record may be cut into several frames.
    """

    def __init__(self, path: Path) -> None:
        """Read `path` from its beginning."""
        self.skipped = 0
        self.behind = False
        self._path = path
        self._place = HEADER
        self._parts: list[bytes] = []
        self._settings: dict[str, Any] = {}
        self._waiting: list[Point] = []

    def read(self, most: int) -> list[Point]:
        """Return the history that came since the last call, about `most` rows."""
        if not self._waiting:
            self._waiting = self._look()
        found, self._waiting = self._waiting[:most], self._waiting[most:]
        self.behind = self.behind or bool(self._waiting)
        return found

    def _look(self) -> list[Point]:
        try:
            with self._path.open("rb") as file:
                if self._place == HEADER and not file.read(HEADER).startswith(MAGIC):
                    raise SessionError(f"{safe(str(self._path))} is no offline file of wandb.")
                file.seek(self._place)
                content = file.read(CHUNK)
                self.behind = len(content) == CHUNK
        except FileNotFoundError:
            raise SessionError(f"{safe(str(self._path))} is gone.") from None
        except OSError as error:
            raise SessionError(
                f"{safe(str(self._path))}: cannot be read ({error.strerror})."
            ) from None
        return [point for payload in self._records(content) for point in self._points(payload)]

    def _records(self, content: bytes) -> Iterator[bytes]:
        """Yield the whole records; what is torn at the end is read again next time."""
        at = 0
        while True:
            left = BLOCK - (self._place + at) % BLOCK
            if left < FRAME.size:
                at += left
                continue
            if at + FRAME.size > len(content):
                break
            _, length, kind = FRAME.unpack_from(content, at)
            if kind not in (FULL, FIRST, MIDDLE, LAST) or length > left - FRAME.size:
                self.skipped += 1  # damaged, or not yet written: the next block is sound
                if at + left > len(content):
                    break
                self._parts = []
                at += left
                continue
            if at + FRAME.size + length > len(content):
                break
            at += FRAME.size + length
            self._parts.append(content[at - length : at])
            if kind in (FULL, LAST):
                yield b"".join(self._parts)
                self._parts = []
            elif sum(map(len, self._parts)) > LARGEST_RECORD:
                self._parts = []
                self.skipped += 1
        self._place += at

    def _points(self, payload: bytes) -> Iterator[Point]:
        from google.protobuf.message import DecodeError
        from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

        try:
            record = Record.FromString(payload)
        except DecodeError:
            self.skipped += 1
            return
        kind = record.WhichOneof("record_type")
        if kind == "history":
            values: dict[str, float] = {}
            for item in record.history.item:
                name = item.key or ".".join(item.nested_key)
                value = decoded(item.value_json)
                if isinstance(value, dict):
                    values.update(flattened(value, f"{name}."))
                elif (one := number(value)) is not None:
                    values[name] = one
            if values:
                yield Point(values, values.get(TIME))
        elif kind in ("run", "config"):
            config = record.run.config if kind == "run" else record.config
            for item in config.update:
                name = item.key or ".".join(item.nested_key)
                if not name.startswith("_"):
                    self._settings[name] = decoded(item.value_json)

    def settings(self) -> dict[str, Any]:
        """Return the run's config, as far as it was read."""
        return self._settings
