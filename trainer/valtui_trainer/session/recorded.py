"""What tells the validation set of another program's run from others."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


def digest_of(labels: Integers | None, n: int, samples: Any = None) -> str:
    """Return what tells one validation set from another: by its samples, or else labels, or else its size."""
    content = samples if samples is not None else labels
    known = np.ascontiguousarray(content).tobytes() if content is not None else b""
    return f"recorded-{n}-{zlib.crc32(known):08x}"
