"""Textual's Linux driver, made safe for slow lines, lines that stall and terminals that go away.

A terminal that the last frame has not reached gets no further one: all that changes meanwhile is drawn
in one, when it has. Of a terminal that answers no question only a stall can be seen: while output is
queued, frames are dropped, and one full repaint follows. That is so too of a slow line behind tmux,
screen or mosh, which answer by themselves as soon as they have parsed the question. A terminal that is
gone ends the app. The driver draws nothing itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import selectors
import signal
import threading
import time
from codecs import getincrementaldecoder
from queue import Empty, Queue, SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from valtui.widgets.pace import Pace

if TYPE_CHECKING:
    from textual.app import App

HUNG_UP = 128 + signal.SIGHUP
"""The app's return code when its terminal has gone."""

WATCHDOG = 2.0
"""Seconds after which a process whose terminal has gone ends, finished or not."""

PATIENCE = 0.25
"""Seconds a terminal may take no output before it counts as stalled."""

QUEUE_LIMIT = 9
"""Writes in the queue from which on it counts as stalled at once: three frames."""

SMALL = 64
"""Longer writes than this are frames, which a repaint makes good; shorter ones may be commands."""

REPAINT = 4
"""Characters that a full repaint writes for each cell; if more wait, it is the lesser evil."""

POLL = 0.05
"""Seconds between two looks at a stalled terminal."""

QUESTION, ANSWER = "\x1b[5n", b"\x1b[0n"
"""Are you well? I am (DSR 5), said when all before the question was parsed."""

ASK_AGAIN = 5.0
"""Seconds after which a question is put again, should its answer have been lost."""

LAST_ANSWER, FIRST_ANSWER = 1.0, 0.3
"""Seconds that the end waits at most for answers, of a terminal that has given one, or none so far."""


class ValtuiDriver(LinuxDriver):
    """A `driver_class` for an app that streams.

    Before it draws data an app can ask `is_stalled` and leave it for the next time.
    """

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._blocked_since: float | None = None
        self._dropping = False
        self._ending = False
        self._gone = False
        self._pace = Pace()
        self._answers: SimpleQueue[float] = SimpleQueue()
        self._held_at: tuple[int, int] | None = None
        self._next_question: asyncio.TimerHandle | None = None

    # Terminals that are behind.

    def _ask(self) -> None:
        """Put the question that `Pace` counts as put, and look whether it is answered in time."""
        super().write(QUESTION)
        self._loop.call_soon_threadsafe(
            self._loop.call_later, self._pace.patience, self._hold_if_behind
        )

    def _on_answer(self) -> None:
        if self._ending or self._gone or self._answers.empty():
            return
        if self._pace.answered(self._answers.get()):
            self._ask()
        elif self._pace.asked is None and self._held_at is not None:
            self._let_go()

    def _hold_if_behind(self) -> None:
        """Let nothing be drawn while the terminal is behind; what is to be drawn adds up meanwhile."""
        if self._ending or self._gone or self._held_at is not None:
            return
        if self._pace.is_behind(time.monotonic()):
            self._held_at = self._app.size
            self._app._begin_batch()
            self._next_question = self._loop.call_later(ASK_AGAIN, self._ask_again)
            if self._queued_characters() > REPAINT * self._app.size.area:
                self._start_dropping()

    def _ask_again(self) -> None:
        if self._ending or self._gone:
            return
        if self._pace.is_lost(time.monotonic()):
            self._pace.give_up()
            self._let_go()
            return
        if not self.backlog:
            self._pace.put_again(time.monotonic())
            super().write(QUESTION)
        self._next_question = self._loop.call_later(ASK_AGAIN, self._ask_again)

    def _let_go(self) -> None:
        """Draw all that changed while the terminal was behind."""
        size, self._held_at = self._held_at, None
        if self._next_question is not None:
            self._next_question.cancel()
        self._app._end_batch()
        if self._ending:
            return
        if size != self._app.size:
            self._app.refresh()  # the layout of the new size was to be drawn while nothing was
        self._app.screen.check_idle()

    def disable_input(self) -> None:
        """Stop reading, once the answers that are on their way have come."""
        self._ending = True
        if self._held_at is not None:
            self._let_go()
        if not self._gone:
            self._take_last_answers()
        self._pace.forget()
        super().disable_input()
        self._answers = SimpleQueue()

    def _take_last_answers(self) -> None:
        """Wait for each answer that is out, which else the shell would take for typing."""
        known = self._pace.round_trip is not None
        until = time.monotonic() + (LAST_ANSWER if known else FIRST_ANSWER)
        with contextlib.suppress(Empty):
            for _ in range(self._pace.out):
                self._answers.get(timeout=max(0.0, until - time.monotonic()))

    # Stalled terminals.

    @property
    def backlog(self) -> int:
        """Writes that the terminal has not taken yet; one in progress counts if it is blocked."""
        writer = self._writer_thread
        queued = 0 if writer is None else writer._queue.qsize()
        return queued + (0 if self._takes_output() else 1)

    def is_stalled(self) -> bool:
        """Whether the terminal is behind or takes no output, so that drawing is of no use now."""
        return self._held_at is not None or self._is_blocked()

    def _is_blocked(self) -> bool:
        writer = self._writer_thread
        if writer is None:
            return False
        if self._takes_output():
            self._blocked_since = None
            # The queue empties as fast as the terminal takes it.
            return writer._queue.qsize() >= QUEUE_LIMIT
        now = time.monotonic()
        if self._blocked_since is None:
            self._blocked_since = now
        return now - self._blocked_since > PATIENCE or writer._queue.qsize() >= QUEUE_LIMIT

    def _takes_output(self) -> bool:
        if self._file is None:
            return True
        try:
            return bool(select.select((), (self._file.fileno(),), (), 0)[1])
        except (OSError, ValueError):
            return True  # closed or strange: let the write itself fail

    def write(self, data: str) -> None:
        """Queue data for the terminal, or drop it if that would wait for a stalled one."""
        if self._gone or self._writer_thread is None:
            return
        if not self._ending and (self._dropping or self._is_blocked()):
            queue = self._writer_thread._queue
            if len(data) > SMALL or queue.qsize() >= 2 * QUEUE_LIMIT:
                self._start_dropping()
                return
        if self._ending and self._dropping and self._writer_thread._queue.full():
            return  # nobody reads: leaving is more important than leaving tidily
        super().write(data)
        if len(data) > SMALL and not self._ending and self._pace.wrote(time.monotonic()):
            self._ask()

    def _queued_characters(self) -> int:
        """Return how much waits for the terminal in this process; the kernel and the line hold more."""
        writer = self._writer_thread
        return 0 if writer is None else sum(len(data or "") for data in list(writer._queue.queue))

    def _start_dropping(self) -> None:
        """Take frames that wait out of the queue, and drop further ones: a repaint shows all of them."""
        if self._dropping or self._writer_thread is None:
            return
        self._dropping = True
        queue: Queue[str | None] = self._writer_thread._queue
        kept: list[str | None] = []
        with contextlib.suppress(Empty):
            while True:
                data = queue.get_nowait()
                if data is None or len(data) <= SMALL:
                    kept.append(data)
        for data in kept:
            queue.put_nowait(data)
        self._loop.call_soon_threadsafe(self._await_drain)

    def _await_drain(self) -> None:
        """Look again until all output is gone, then repaint what was dropped."""
        if self._ending or self._gone or not self._dropping:
            return
        if self.backlog:
            self._loop.call_later(POLL, self._await_drain)
            return
        self._dropping, self._blocked_since = False, None
        self._app.refresh()

    # Terminals that are gone.

    def start_application_mode(self) -> None:
        """Take the terminal, and watch for its end."""
        signal.signal(signal.SIGHUP, self._on_hang_up)
        self._ending = False
        before = self._writer_thread
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is before:
            return  # in the background: Textual starts again when brought to the foreground
        if self.input_tty and self._pace.wrote(time.monotonic()):
            self._ask()  # of an idle line, so that its own time is known

    def stop_application_mode(self) -> None:
        """Give the terminal back; from here on nothing is dropped."""
        self._ending = True
        super().stop_application_mode()

    def close(self) -> None:
        """Wait for the last output, but not for a terminal that takes none."""
        writer = self._writer_thread
        if writer is None:
            return
        if writer.is_alive() and not writer._queue.full():
            writer._queue.put(None)
            writer.join(WATCHDOG)

    def _on_hang_up(self, _signal: int, _frame: FrameType | None) -> None:
        # A shell that ends sends SIGCONT too, and Textual would take the terminal again.
        signal.signal(signal.SIGCONT, signal.SIG_IGN)
        self._hang_up()

    def _hang_up(self) -> None:
        """End the app, and the process if the app cannot. From any thread, or a signal handler."""
        if self._gone:
            return
        self._gone = True
        watchdog = threading.Timer(WATCHDOG, os._exit, (HUNG_UP,))
        watchdog.daemon = True
        watchdog.start()
        self._loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self._app.exit(return_code=HUNG_UP)

    def run_input_thread(self) -> None:
        """Read keys and the mouse until the app ends or input does, which ends the app.

        As in `LinuxDriver`, but for the end of input, at which that one reads on for ever.
        """
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        rest = b""
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    try:
                        data = os.read(self.fileno, 4096)
                    except OSError:  # what a terminal that was closed answers
                        data = b""
                    if not data:
                        self._hang_up()
                        return
                    data, rest = self._without_answers(rest + data)
                else:
                    data, rest = rest, b""  # not the beginning of an answer, then
                if data:
                    for message in parser.feed(decode(data)):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
        try:
            for message in parser.feed(""):
                self.process_message(message)
        except (EOFError, ParseError):
            pass

    def _without_answers(self, data: bytes) -> tuple[bytes, bytes]:
        """Take answers out of what was typed; return that, and what may be the beginning of an answer.

        What an answer follows is not the beginning of one: an Escape is kept no longer for it.
        """
        for _ in range(data.count(ANSWER)):
            self._answers.put(time.monotonic())
            self._loop.call_soon_threadsafe(self._on_answer)
        rest = b""
        if self._pace.out:
            for length in range(len(ANSWER) - 1, 0, -1):
                if data.endswith(ANSWER[:length]):
                    data, rest = data[:-length], data[-length:]
                    break
        return data.replace(ANSWER, b""), rest
