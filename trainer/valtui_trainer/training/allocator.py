"""Lets the process keep the memory that it frees, for the next training step to take again."""

from __future__ import annotations

import contextlib
import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
NEVER = -1


def keep_freed_memory() -> bool:
    """Have the C library give no freed memory back to the system; tell whether it could be asked.

    Otherwise glibc maps each large activation anew at every step, and the kernel clears its pages
    first: half of a step's time at batch 512 (`python -m bench levers`). What a process needs at most
    stays about the same. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, NEVER))


def give_back_freed_memory() -> None:
    """Return to the system what is free now, once: what reading the data left. Only where it can be asked."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
