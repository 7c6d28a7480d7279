"""A terminal whose bytes are kept with their time of arrival, and read by the emulator afterwards.

An emulator in Python reads some 150 kB a second. One that reads along would hold the app's bytes up,
and its time would pass for the app's.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.terminal import Terminal

CURVE = re.compile(rb"\xe2(?:[\xa1-\xa3][\x80-\xbf]|\xa0[\x81-\xbf]|\x96[\x81-\x88])")
"""A cell of a curve: dots, or the bars of a sparkline."""

BRAILLE = re.compile(rb"\xe2[\xa0-\xa3][\x80-\xbf]")
BLANK_BRAILLE = b"\xe2\xa0\x80"
A_CURVE = 20
"""Cells with braille dots, from which on a curve is drawn and not a sign."""

LONGEST = 60.0
LINE = 256 * 1024
QUESTION, ANSWER = b"\x1b[5n", "\x1b[0n"
"""Are you well? I am (DSR 5)."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """When something was there to be seen.

    Attributes:
        arrived: when the bytes that show it arrived, in seconds of `time.perf_counter`.
        emulated: when this emulator would have drawn them, had it read along.
    """

    arrived: float
    emulated: float


class Recorded(Terminal):
    """A terminal that reads at once and looks later; it answers questions when it reads them."""

    def __init__(self, arguments: list[str], size: tuple[int, int], caches: Path) -> None:
        """Start `arguments` in Python; compiled modules go to `caches`, as an installation keeps them."""
        self.chunks: list[tuple[float, bytes]] = []
        self.received = 0
        self._tail = self._line = b""
        self.began = time.perf_counter()
        super().__init__(arguments, *size, **python_environment(caches))

    def record_for(self, seconds: float) -> None:
        """Keep what arrives within so many seconds."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self.record_once(left)

    def record_once(self, seconds: float) -> bytes:
        """Keep the next bytes, if any arrive within so many seconds; return them."""
        data, self._line = self._line, b""
        if not data:
            if not self._readable(seconds):
                return b""
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return b""
        self.chunks.append((time.perf_counter(), data))
        self.received += len(data)
        self._answer_in(data)
        return data

    def record_until(self, seen: Callable[[bytes], bool]) -> float:
        """Keep what arrives until all of it together is `seen`; return the seconds since the start.

        Raises:
            AssertionError: It is not in time.
        """
        everything = b"".join(data for _, data in self.chunks)
        while not seen(everything):
            ended = self.process.poll() is not None
            data = self.record_once(0.1)
            everything += data
            if not data and (ended or time.perf_counter() - self.began > LONGEST):
                raise AssertionError(f"the terminal got {everything[-2000:]!r}")
        return self.chunks[-1][0] - self.began

    def _answer_in(self, data: bytes) -> None:
        """Answer the questions that end in `data`."""
        seam = self._tail + data
        for _ in range(seam.count(QUESTION)):
            super().answer(ANSWER)
        self._tail = b"" if seam.endswith(QUESTION) else seam[-len(QUESTION) + 1 :]

    def answer(self, data: str) -> None:
        """Say nothing when the emulator looks later: what was asked has been answered."""

    def take(self, limit: int) -> None:
        """Show the next `limit` bytes of a slow line, which holds LINE bytes as SSH and a network do."""
        while len(self._line) < LINE and self._readable(0) and (data := os.read(self.master, 4096)):
            self._line += data
        data, self._line = self._line[:limit], self._line[limit:]
        self.received += len(data)
        self._answer_in(data)
        self.feed(data)

    def feed(self, data: bytes) -> None:
        """Let the emulator read `data`."""
        self._show(data)

    def look(self) -> None:
        """Let the emulator read what was kept."""
        for _, data in self.chunks:
            self._show(data)
        self.chunks.clear()

    def look_for(self, seen: Callable[[], bool]) -> Sighting | None:
        """Let the emulator read what was kept; return when the screen first was `seen`."""
        found, busy_until = None, 0.0
        for arrived, data in self.chunks:
            began = time.perf_counter()
            self._show(data)
            busy_until = max(busy_until, arrived) + time.perf_counter() - began
            if found is None and seen():
                found = Sighting(arrived, busy_until)
        self.chunks.clear()
        return found

    def processes(self) -> list[psutil.Process]:
        """Return the program and what it started."""
        program = psutil.Process(self.process.pid)
        return [program, *program.children(recursive=True)]

    def memory(self) -> float:
        """Return the resident memory of the program and what it started, in MB."""
        return sum(process.memory_info().rss for process in self.processes()) / 1e6

    def processor_seconds(self) -> float:
        """Return the processor time that the program and what it started have had."""
        times = [process.cpu_times() for process in self.processes()]
        return sum(one.user + one.system for one in times)


class Flooded(Recorded):
    """A terminal that gets more than the emulator can read: its text is the bytes that came last."""

    last = before = b""

    def _show(self, data: bytes) -> None:
        self.before, self.last = self.last, data

    @property
    def text(self) -> str:
        """What came last, with its control sequences."""
        return (self.before + self.last).decode(errors="replace")


def python_environment(caches: Path) -> dict[str, str]:
    """Return what gives a Python its compiled modules, whatever the environment of this one says."""
    return {
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONUNBUFFERED": "",
        "PYTHONPYCACHEPREFIX": str(caches),
    }


def has_curves(terminal: Terminal) -> bool:
    """Tell whether the emulator shows a curve."""
    return shows_curves(terminal.text.encode())


def shows_curves(received: bytes) -> bool:
    """Tell whether the bytes of a curve are there."""
    cells = BRAILLE.findall(received)
    return len(cells) - cells.count(BLANK_BRAILLE) >= A_CURVE


def shows(words: str) -> Callable[[bytes], bool]:
    """Return what tells whether `words`, drawn in one style, are there."""
    return lambda received: words.encode() in received
