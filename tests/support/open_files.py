"""Files that helpers keep open for a test, closed when it ends: a suite must fit 1,024 descriptors."""

from __future__ import annotations

from collections.abc import Callable

_CLOSERS: list[Callable[[], None]] = []


def close_later(close: Callable[[], None]) -> None:
    """Call `close` when the test ends."""
    _CLOSERS.append(close)


def close_all() -> None:
    """Close everything now."""
    while _CLOSERS:
        _CLOSERS.pop()()
