"""Files whose reading fails as on a disk or server that is gone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class BrokenReads:
    """Makes opening or reading chosen files fail until they are mended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the place of `Path.open`."""
        self._at_open: dict[Path, int] = {}
        self._after: dict[Path, tuple[int, int]] = {}
        original = Path.open

        def open_or_fail(path: Path, *arguments: Any, **options: Any) -> Any:
            if path in self._at_open:
                raise failure(self._at_open[path], path)
            file = original(path, *arguments, **options)
            return Failing(file, path, *self._after[path]) if path in self._after else file

        monkeypatch.setattr(Path, "open", open_or_fail)

    def at_open(self, path: Path, number: int) -> None:
        """Let opening `path` fail with an error number."""
        self._at_open[path] = number

    def after(self, path: Path, reads: int, number: int) -> None:
        """Let reading `path` fail after so many reads of each opening."""
        self._after[path] = (reads, number)

    def mend(self) -> None:
        """Let everything work again."""
        self._at_open.clear()
        self._after.clear()


class Failing:
    """A file that can be read a few times."""

    def __init__(self, file: Any, path: Path, reads: int, number: int) -> None:
        """Fail with `number` after so many `reads`."""
        self._file = file
        self._fail: Callable[[], OSError] = lambda: failure(number, path)
        self._reads = reads

    def __enter__(self) -> Failing:
        """Nothing is done."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def seek(self, *place: int) -> int:
        """Go somewhere."""
        return int(self._file.seek(*place))

    def read(self, size: int = -1) -> bytes:
        """Read, or fail."""
        if self._reads == 0:
            raise self._fail()
        self._reads -= 1
        return bytes(self._file.read(size))


def failure(number: int, path: Path) -> OSError:
    """Return the error of that number."""
    return OSError(number, os.strerror(number), str(path))
