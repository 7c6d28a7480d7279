"""Times pieces of work that take turns, so that a machine busy with other things slows all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

ROUNDS = 3
ENOUGH_SECONDS = 5.0


def shortest(works: Sequence[Callable[[], object]]) -> list[float]:
    """Return the least seconds of each of `works` in up to three rounds; each waits for the device.

    Rounds after the first fall away where that took long: noise is short.
    """
    least = [float("inf")] * len(works)
    began = time.perf_counter()
    for _ in range(ROUNDS):
        for number, work in enumerate(works):
            before = time.perf_counter()
            work()
            least[number] = min(least[number], time.perf_counter() - before)
        if time.perf_counter() - began > ENOUGH_SECONDS:
            break
    return [max(seconds, 1e-9) for seconds in least]
