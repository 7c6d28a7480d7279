"""Alternating measurements and how their ratios are told."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch

Timed = Callable[[], float]
"""Does the work once; returns its seconds."""


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(work: Callable[[], object], device: torch.device, times: int = 1) -> float:
    """Return the seconds that `work` takes, on average over so many `times`."""
    synchronise(device)
    began = time.perf_counter()
    for _ in range(times):
        work()
    synchronise(device)
    return (time.perf_counter() - began) / times


def turns(works: Sequence[Timed], rounds: int) -> list[tuple[float, ...]]:
    """Return the seconds of all `works` in each of so many rounds, in which they take turns."""
    return [tuple(work() for work in works) for _ in range(rounds)]


def alternating(
    works: Sequence[Callable[[], object]],
    device: torch.device,
    rounds: int = 7,
    seconds: float = 0.3,
) -> list[tuple[float, ...]]:
    """Return the seconds of one of each of `works` in each round, averaged over some `seconds` of it."""

    def repeated(work: Callable[[], object]) -> Timed:
        times = max(1, int(seconds / timed(work, device, 3)))
        return lambda: timed(work, device, times)

    for work in works:
        timed(work, device, 3)
    return turns([repeated(work) for work in works], rounds)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the median of values with the least and the largest."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def median(values: Sequence[float]) -> float:
    """Return the median of values."""
    return statistics.median(values)
