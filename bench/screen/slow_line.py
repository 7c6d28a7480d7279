"""A line that stalls, and one that takes 2,000 bytes a second, while four runs grow by ten points a second.

All is read at full speed until it is drawn, then the line changes. The stalled one is read by nobody for
ten seconds, while a person presses a key. Of the slow one 200 bytes come through each tenth of a second,
and up to 256 KiB more can be on their way, as an SSH server and a network hold them; after 20 seconds a
person presses a key. Then all is read as fast as it comes, and a key is pressed again. A screen is current
when every run shows the progress that it had when reading at full speed began. How old a screen is, is
told by the progress that it shows (a percent is a second here) against what was written; at full speed
that is about one second, for progress is looked at once a second.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.screen.cases import SIZES, open_session, words
from bench.screen.recorded import Recorded, shows_curves
from bench.screen.streaming import Grow, grower, record
from bench.sessions import Writer, make_session

STALL = 10.0
SLOW = 20.0
BACK = 4.0
TICK = 0.1
TAKEN = 200
POINTS, TOTAL = 300, 1_000
STEPS_A_PERCENT = TOTAL // 100
PROGRESS = re.compile(r"running  \S+ +(\d+) %")


@dataclass(frozen=True, slots=True)
class Live:
    """valtui with four runs that grow, its screen drawn and at rest."""

    terminal: Recorded
    writers: list[Writer]
    grow: Grow

    def age(self) -> float | None:
        """Return how many seconds the oldest progress on the screen is behind what was written.

        None while the rows are half drawn.
        """
        shown = [int(found) for found in PROGRESS.findall(self.terminal.text)]
        if len(shown) < len(self.writers):
            return None
        return max(0.0, (self.writers[0].step - STEPS_A_PERCENT * (min(shown) + 1) + 1) * TICK)


@contextmanager
def live(folder: Path, size: tuple[int, int]) -> Iterator[Live]:
    """Open a session of four runs and read until all is drawn."""
    session, writers = make_session(
        folder, runs=4, points=POINTS, total=TOTAL, eval_every=5, live=True
    )
    terminal = Recorded(open_session(folder, session.id), size, folder / "caches")
    grow = grower(writers)
    try:
        terminal.record_until(shows_curves)
        record(terminal, grow, 4.0)
        terminal.look()
        yield Live(terminal, writers, grow)
    finally:
        terminal.close()


@dataclass(frozen=True, slots=True)
class Return:
    """How a screen comes back when its line is read at full speed again.

    Attributes:
        current: milliseconds until every run shows the progress it had then; None if not in time.
        received: bytes until then.
        key: milliseconds until a key that was pressed then shows; None if not in time.
    """

    current: float | None
    received: int
    key: float | None


def read_on(one: Live, key: str) -> Return:
    """Press `key`, which focuses a preset, and read at full speed for BACK seconds."""
    terminal = one.terminal
    goal = one.writers[0].step // STEPS_A_PERCENT - 1
    resumed = time.perf_counter()
    terminal.press(key)
    record(terminal, one.grow, BACK)
    received, current, pressed = 0, None, None
    for arrived, data in terminal.chunks:
        terminal.feed(data)
        after = 1000 * (arrived - resumed)
        text = terminal.text
        if pressed is None and f"▸{key}" in text:
            pressed = after
        shown = [int(found) for found in PROGRESS.findall(text)]
        received += 0 if current is not None else len(data)
        if current is None and len(shown) == len(one.writers) and min(shown) >= goal:
            current = after
    terminal.chunks.clear()
    return Return(current, received, pressed)


def stalled(folder: Path, size: tuple[int, int]) -> str:
    """Return a row for a line that nobody reads for STALL seconds."""
    with live(folder, size) as one:
        began = time.perf_counter()
        typed = False
        while (passed := time.perf_counter() - began) < STALL:
            one.grow()
            if passed > STALL / 2 and not typed:
                typed = True
                one.terminal.press("3")
            one.terminal.wait(TICK)
        back = read_on(one, "2")
    line = (
        f"| {words(size)} | {of(back.current)} | {back.received / 1000:.0f} kB | {of(back.key)} |"
    )
    print(line, flush=True)
    return line


def slow(folder: Path, size: tuple[int, int]) -> str:
    """Return a row for a line of 2,000 bytes a second."""
    with live(folder, size) as one:
        ages = [one.age() for _ in crawl(one, SLOW)]
        one.terminal.press("3")
        began = time.perf_counter()
        key = next(
            (time.perf_counter() - began for _ in crawl(one, SLOW) if "▸3" in one.terminal.text),
            None,
        )
        back = read_on(one, "2")
    known = sorted(age for age in ages if age is not None)
    line = (
        f"| {words(size)} | {statistics.median(known):.1f} s | {known[-1]:.1f} s | {ages[-1]:.1f} s | "
        f"{f'{key:.1f} s' if key is not None else 'not in time'} | {of(back.current)} | "
        f"{back.received / 1000:.0f} kB | {of(back.key)} |"
    )
    print(line, flush=True)
    return line


def crawl(one: Live, seconds: float) -> Iterator[None]:
    """Let the runs grow and the terminal take a little, tick by tick."""
    began = time.perf_counter()
    for tick in range(int(seconds / TICK)):
        one.grow()
        one.terminal.wait(max(0.0, began + tick * TICK - time.perf_counter()))
        one.terminal.take(TAKEN)
        yield


def of(milliseconds: float | None) -> str:
    """Return a time in words."""
    return f"{milliseconds:.0f} ms" if milliseconds is not None else f"not in {BACK:.0f} s"


def main() -> list[str]:
    """Return both tables."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        return [
            "| stalled for 10 s | then current after | bytes until then | a key pressed then shows after |",
            "| --- | --- | --- | --- |",
            *(stalled(folder, size) for size in SIZES),
            "",
            (
                "| 2,000 bytes a second | age of what is shown, median | at most | after 20 s | a key shows "
                "after | at full speed again: current after | bytes until then | a key shows after |"
            ),
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *(slow(folder, size) for size in SIZES),
        ]


if __name__ == "__main__":
    main()
