"""TensorBoard's event files, by the package `tensorboard`: scalars by tag, file after file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from valtui_trainer.foreign.points import Point
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.safe import safe

PATTERN = "*tfevents*"
STEP = "step"


def event_files(path: Path) -> list[Path]:
    """Return the event files of one run in the order in which they were begun."""
    return [path] if path.is_file() else sorted(one for one in path.glob(PATTERN) if one.is_file())


def size_of(file: Path) -> int:
    """Return the bytes of a file; -1 where it cannot be seen."""
    try:
        return file.stat().st_size
    except OSError:
        return -1


class TensorboardLog:
    """The reader of the event files of one run: several programs may write into one folder at once."""

    def __init__(self, path: Path) -> None:
        """Read the event files in `path`, a folder, or the one file that it is."""
        self.skipped = 0
        self.behind = False
        self._path = path
        self._loaders: dict[Path, Any] = {}
        self._ended: set[Path] = set()
        self._read_to: dict[Path, int] = {}
        self._settings: dict[str, Any] = {}

    def read(self, most: int) -> list[Point]:
        """Return the scalars that came since the last call, about `most` of them."""
        try:
            files = event_files(self._path)
        except OSError as error:
            raise SessionError(
                f"{safe(str(self._path))}: cannot be read ({error.strerror})."
            ) from None
        if not files:
            raise SessionError(f"{safe(str(self._path))} is gone.")
        found: list[Point] = []
        self.behind = False
        for file in files:
            size = size_of(file)
            if file in self._ended or self._read_to.get(file) == size:
                continue
            found += itertools.islice(self._events(file), max(0, most - len(found)))
            if len(found) >= most:
                self.behind = True
                break
            self._read_to[file] = size
        return found

    def _events(self, file: Path) -> Iterator[Point]:
        from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
        from tensorboard.compat import tf

        try:
            loader = self._loaders.get(file)
            if loader is None:
                loader = self._loaders[file] = LegacyEventFileLoader(str(file))
            for event in loader.Load():
                yield from self._scalars(event)
        except (OSError, ValueError, tf.errors.OpError) as error:
            self.skipped += 1
            self._ended.add(file)
            if not file.exists():
                raise SessionError(f"{safe(str(file))} is gone.") from None
            raise SessionError(f"{safe(str(file))}: cannot be read ({safe(str(error))}).") from None
        except Exception:  # protobuf's own error of a damaged record
            self.skipped += 1

    def _scalars(self, event: Any) -> Iterator[Point]:
        values = {}
        for value in event.summary.value:
            figure = scalar(value)
            if figure is not None:
                values[value.tag] = figure
        if values:
            yield Point({**values, STEP: float(event.step)}, event.wall_time or None)

    def settings(self) -> dict[str, Any]:
        """Return nothing: hyperparameters are a plug-in's matter there."""
        return self._settings


def scalar(value: Any) -> float | None:
    """Return the number of a summary, whichever way it is written; None for images and the like."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return float(value.simple_value)
    if kind != "tensor" or value.tensor.tensor_shape.dim:
        return None
    from tensorboard.util.tensor_util import make_ndarray

    try:
        return float(make_ndarray(value.tensor))
    except (TypeError, ValueError):
        return None
