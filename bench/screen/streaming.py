"""The screen while data come in: CPU, bytes a second, memory, and the way from a key to the screen."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.screen.cases import SIZES, open_session, words
from bench.screen.recorded import CURVE, Recorded, Sighting, shows_curves
from bench.sessions import Writer, make_session

SECONDS = 10.0
TICK = 0.1
KEYS = 20
WINDOW = 0.4
"""Seconds that a key is watched before the emulator looks for what it did; longer if it is not there."""

Grow = Callable[[], None]
Seen = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Load:
    """What a screen costs and how fast it answers.

    Attributes:
        processor: share of one core.
        bytes_a_second: to the terminal.
        draws: a second, in which cells of curves arrived; what comes within 20 ms is one.
        memory: MB, at the end.
        arrived, emulated: milliseconds from each key to the screen, sorted; empty where none was pressed.
    """

    processor: float
    bytes_a_second: float
    draws: float
    memory: float
    arrived: list[float]
    emulated: list[float]


def nothing() -> None:
    """Let nothing grow."""


def grower(writers: list[Writer]) -> Grow:
    """Return what gives each run one more point and a heartbeat."""

    def grow() -> None:
        for writer in writers:
            writer.write(1)
            writer.beat(writer.step)

    return grow


def record(terminal: Recorded, grow: Grow, seconds: float) -> None:
    """Keep what arrives within so many seconds, while data grow ten times a second."""
    began = time.perf_counter()
    ticks = 0
    while (passed := time.perf_counter() - began) < seconds:
        if passed >= ticks * TICK:
            grow()
            ticks += 1
        terminal.record_once(max(0.0, min(ticks * TICK, seconds) - passed))


def measure(
    terminal: Recorded, grow: Grow, keys: Iterable[tuple[str, Seen]], seconds: float = SECONDS
) -> Load:
    """Watch a screen for so many seconds, then press `keys`, each with what tells that it was obeyed."""
    record(terminal, grow, 1.0)
    terminal.look()
    worked, received = terminal.processor_seconds(), terminal.received
    began = time.perf_counter()
    record(terminal, grow, seconds)
    passed = time.perf_counter() - began
    processor = (terminal.processor_seconds() - worked) / passed
    bytes_a_second = (terminal.received - received) / passed
    drawn = draws(terminal.chunks) / passed
    sightings = [press(terminal, grow, key, seen) for key, seen in keys]
    return Load(
        processor,
        bytes_a_second,
        drawn,
        terminal.memory(),
        sorted(1000 * one.arrived for one in sightings),
        sorted(1000 * one.emulated for one in sightings),
    )


def draws(chunks: list[tuple[float, bytes]]) -> int:
    """Return how often cells of curves arrived."""
    times = [arrived for arrived, data in chunks if CURVE.search(data)]
    return sum(
        1 for before, after in zip([0.0, *times], times, strict=False) if after - before > 0.02
    )


def press(terminal: Recorded, grow: Grow, key: str, seen: Seen) -> Sighting:
    """Press a key; return the seconds until the screen is `seen`.

    Raises:
        AssertionError: It is not within twenty windows; the screen is in the message.
    """
    record(terminal, grow, 0.05)
    terminal.look()
    began = time.perf_counter()
    terminal.press(key)
    for _ in range(20):
        record(terminal, grow, WINDOW)
        found = terminal.look_for(seen)
        if found is not None:
            return Sighting(found.arrived - began, found.emulated - began)
    raise AssertionError(f"after {key!r} the screen still shows\n{terminal.text}")


def focus_keys(terminal: Recorded, times: int = KEYS) -> Iterable[tuple[str, Seen]]:
    """Yield keys that focus another preset, and what tells that it is marked."""
    for number in range(times):
        wanted = str(number % 2 + 2)
        yield wanted, lambda wanted=wanted: f"▸{wanted}" in terminal.text


def of_keys(times: list[float]) -> str:
    """Return median and 95th percentile in words."""
    if not times:
        return "–"
    return f"{statistics.median(times):.0f} / {times[int(0.95 * len(times))]:.0f} ms"


def row(name: str, size: tuple[int, int], load: Load) -> str:
    """Return one line of the table."""
    line = (
        f"| {name} | {words(size)} | {100 * load.processor:.1f} % | "
        f"{load.bytes_a_second / 1000:.1f} kB/s | {load.draws:.1f} | {of_keys(load.arrived)} | {of_keys(load.emulated)} | "
        f"{load.memory:.0f} MB |"
    )
    print(line, flush=True)
    return line


HEAD = [
    "| what | size | of a core | to the terminal | draws a second | key to bytes, median / p95 | key to this emulator's screen | memory |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
]


def stream(folder: Path, size: tuple[int, int], growing: bool) -> Load:
    """Return the load of valtui with 4 runs, which grow ten points a second each or stand still."""
    session, writers = make_session(
        folder, runs=4, points=500, total=2_000, eval_every=5, live=True
    )
    terminal = Recorded(open_session(folder, session.id), size, folder / "caches")
    try:
        terminal.record_until(shows_curves)
        return measure(terminal, grower(writers) if growing else nothing, focus_keys(terminal))
    finally:
        terminal.close()


def main() -> list[str]:
    """Return the table."""
    lines = list(HEAD)
    with tempfile.TemporaryDirectory() as place:
        for size in SIZES:
            for name, growing in (("4 runs growing at 10/s", True), ("idle", False)):
                lines.append(row(name, size, stream(Path(place), size, growing)))
    return lines


if __name__ == "__main__":
    main()
