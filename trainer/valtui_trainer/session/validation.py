"""The description of a validation split beside the log: written once, read with no pickles."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from typing import Any
from zipfile import BadZipFile

from valtui_trainer.session.documents import write_bytes
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.safe import safe

BY_SAMPLE = frozenset({"index", "label", "thumbnail", "brightness", "contrast", "sharpness"})
"""The arrays with one entry for each sample, which readers rely on."""


def write_validation(session: SessionPaths, digest: str, arrays: Mapping[str, Any]) -> None:
    """Write the arrays of one validation split, unless another run did already."""
    import numpy as np

    path = session.validation(digest)
    if path.exists():
        return
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def read_validation(
    session: SessionPaths, digest: str, thumbnails: bool = True
) -> dict[str, Any] | None:
    """Return the arrays of a validation split, or None where they were not written or are damaged.

    Without `thumbnails` that array, by far the largest, is left out.
    """
    import numpy as np

    try:
        with np.load(session.validation(digest), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if thumbnails or name != "thumbnail"}
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error, NotImplementedError):
        return None
    if not BY_SAMPLE - {"thumbnail"} <= arrays.keys() or "class_names" not in arrays:
        return None
    if len({arrays[name].shape[:1] for name in BY_SAMPLE & arrays.keys()}) != 1:
        return None
    arrays["class_names"] = np.array([safe(str(name)) for name in arrays["class_names"]])
    return arrays
