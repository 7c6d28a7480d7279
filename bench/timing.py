"""Alternating measurements and how their ratios are told."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

Timed = Callable[[], float]
"""Does the work once; returns its seconds."""

Found = TypeVar("Found")


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


def turns(works: Sequence[Callable[[], Found]], rounds: int) -> list[tuple[Found, ...]]:
    """Return what all `works` found in each of so many rounds; each round begins with the next of them."""
    found: list[tuple[Found, ...]] = []
    for number in range(rounds):
        order = [(number + place) % len(works) for place in range(len(works))]
        one = {place: works[place]() for place in order}
        found.append(tuple(one[place] for place in range(len(works))))
    return found


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


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Return the median of values with the least and the largest, each written in `form`."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:{form}} [{low:{form}}, {high:{form}}]"
