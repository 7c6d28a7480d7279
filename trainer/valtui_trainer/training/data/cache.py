"""Arrays kept between starts: written whole or not at all, and simply made again when damaged."""

from __future__ import annotations

import contextlib
import os
import secrets
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from valtui_trainer.training.data.arrays import AnyArray

FILE_MODE = 0o600
FOLDER_MODE = 0o700
DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def read(path: Path) -> dict[str, AnyArray] | None:
    """Return the arrays at `path`, or None where there are none or they are damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except DAMAGED:
        return None


def write(path: Path, arrays: Mapping[str, AnyArray]) -> bool:
    """Write arrays to `path` by way of a temporary name; False where the disk would not take them."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        return False
    return True
