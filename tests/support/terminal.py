"""A real pseudo-terminal with a process behind it, read by an emulator. For tests only."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte

Cell = tuple[str, str, str]
ROOT = Path(__file__).parents[2]


class Terminal:
    """The near end: what a user's terminal would be. It answers when it is asked how it is, or is mute."""

    def __init__(
        self, arguments: list[str], columns: int, rows: int, mute: bool = False, **environment: str
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        if not mute:
            self.screen.write_process_input = self.answer
        self.stream = pyte.ByteStream(self.screen)
        self.master, slave = pty.openpty()
        self.name = os.ttyname(slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        inherited = {
            name: text
            for name, text in os.environ.items()
            if name not in {"COLUMNS", "LINES", "NO_COLOR", "COLORTERM"}
        }
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,
            env={
                **inherited,
                "TERM": "xterm-256color",
                "PYTHONPATH": str(ROOT / "tui"),
                **environment,
            },
        )
        os.close(slave)

    def read(self, seconds: float) -> bytes:
        """What arrives until nothing has for so long."""
        received = b""
        while self._readable(seconds):
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            received += data
            self._show(data)
        return received

    def read_until(self, condition: Callable[[], bool], seconds: float = 20.0) -> bytes:
        """What arrives until the screen fulfils a condition.

        Raises:
            AssertionError: It does not in time; the screen is in the message.
        """
        received = b""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError("the screen still shows\n" + self.text)
            if self._readable(0.1):
                with contextlib.suppress(OSError):
                    data = os.read(self.master, 65536)
                    received += data
                    self._show(data)
        return received

    def read_for(self, seconds: float) -> bytes:
        """What arrives within so many seconds."""
        received = b""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._readable(left):
                data = os.read(self.master, 65536)
                received += data
                self._show(data)
        return received

    def read_little(self, limit: int) -> bytes:
        """What is there, but not more than `limit` bytes: a slow line."""
        data = os.read(self.master, limit) if self._readable(0) else b""
        self._show(data)
        return data

    def _readable(self, seconds: float) -> bool:
        """Whether something arrives within so many seconds; a poll bears any number of open files."""
        poll = select.poll()
        poll.register(self.master, select.POLLIN)
        return bool(poll.poll(1000 * seconds))

    def _show(self, data: bytes) -> None:
        # pyte takes private sequences such as CSI > 1 u for text
        for private in (b"\x1b[>25u", b"\x1b[<u", b"\x1b[?2026$p", b"\x1b[?2048$p"):
            data = data.replace(private, b"")
        self.stream.feed(data)

    def wait(self, seconds: float) -> None:
        """Be a terminal that reads nothing for a while: the only wait without a condition."""
        threading.Event().wait(seconds)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def answer(self, data: str) -> None:
        """Answer a question that the emulator came to."""
        with contextlib.suppress(OSError):  # who asked may have gone
            os.write(self.master, data.encode())

    @property
    def text(self) -> str:
        """The screen's characters, a line each."""
        return "\n".join(self.screen.display)

    def cells(self) -> list[list[Cell]]:
        """Each cell's character and colours; a blank has no foreground that could be seen."""
        rows = []
        for row in range(self.screen.lines):
            line = self.screen.buffer[row]
            rows.append(
                [
                    (cell.data, "" if cell.data == " " else cell.fg, cell.bg)
                    for cell in (line[column] for column in range(self.screen.columns))
                ]
            )
        return rows

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, as a window that is dragged."""
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @contextlib.contextmanager
    def far_end(self) -> Iterator[int]:
        """Hold the far end open, as a shell does that waits for its command."""
        descriptor = os.open(self.name, os.O_RDWR | os.O_NOCTTY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def hang_up(self) -> None:
        """Close the near end, as a closed window does."""
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        """End whatever is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.master >= 0:
            os.close(self.master)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
