"""What the outside wants of a trainer: commands, looked for once a second, and signals.

A thread of its own beats the heart, looks for commands and hears signals, so that the loop only
reads flags, and a loop that is stuck outside Python is still ended by a second SIGTERM.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import queue
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from valtui_trainer.session.commands import Inbox, answered_ids
from valtui_trainer.session.heartbeat import HeartbeatFile
from valtui_trainer.session.layout import AttemptPaths, ProbePaths, RunPaths, SessionPaths
from valtui_trainer.session.machine import boot_id
from valtui_trainer.session.records import Command, Event, Heartbeat
from valtui_trainer.session.state import BOOT_DIGITS
from valtui_trainer.session.tail import Tail

BEAT_SECONDS = 1.0
FROZEN_SECONDS = 60
TERM_SECONDS = 120.0
STDERR = 2
LONG_DEADLINE = 1800.0


class Control:
    """Flags that the loop reads, and figures that the heartbeat shows.

    Attributes:
        stop: the loop shall end after the step it is in; `stop_reason` says who asked.
        paused: the loop shall wait.
        commands: taken up, to be answered by the loop in the log.
        loop: counts the loop's steps, so that an observer sees it move.
    """

    def __init__(self, inbox: Inbox, concerns: Callable[[Command], bool], heartbeat: Path) -> None:
        """Prepare to take up commands; nothing runs yet.

        Args:
            inbox: where they come from.
            concerns: tells which are for this process.
            heartbeat: the file that is beaten into.
        """
        self.stop = False
        self.stop_reason = ""
        self.paused = False
        self.commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.loop = 0
        self.phase = "starting"
        self.deadline: float | None = None
        self.step = 0
        self.total = 0
        self.rate = 0.0
        self.memory = 0
        self.left: Callable[[], float | None] = lambda: None
        self.changed = threading.Event()
        self._inbox = inbox
        self._concerns = concerns
        self._heartbeat = HeartbeatFile(heartbeat)
        self._beats = 0
        self._loop_seen, self._loop_at = -1, time.monotonic()
        self._dumped_loop = -1
        self._beating = threading.Lock()
        self._term_at: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._beat_until_ended, name="heartbeat", daemon=True
        )

    def begin(self) -> None:
        """Start beating and listening; SIGTERM asks for a stop, a second one ends at once."""
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._woken_before = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.beat()
        self._thread.start()

    def end(self) -> None:
        """Stop beating; the last beat is written."""
        self._ended.set()
        os.write(self._waker, b"\0")
        self._thread.join(timeout=5)
        signal.set_wakeup_fd(self._woken_before)
        os.close(self._woken)
        os.close(self._waker)
        faulthandler.cancel_dump_traceback_later()
        self.beat()
        self._heartbeat.close()

    def beat(self) -> None:
        """Write the heartbeat now; one that cannot be written is missed, no more."""
        with self._beating, contextlib.suppress(OSError):
            self._write_beat()

    def _write_beat(self) -> None:
        now = time.monotonic()
        if self.loop != self._loop_seen:
            self._loop_seen, self._loop_at = self.loop, now
        self._beats += 1
        self._heartbeat.write(
            Heartbeat(
                beat=self._beats,
                loop=self._loop_seen,
                at=round(now, 1),
                loop_at=round(self._loop_at, 1),
                boot=boot_id()[:BOOT_DIGITS],
                phase=self.phase,
                deadline=self.deadline,
                step=self.step,
                total=self.total,
                rate=round(self.rate, 1),
                left=self.left(),
                memory=self.memory,
            )
        )

    def enter(self, phase: str, deadline: float | None) -> None:
        """Say what the loop does from now on, and for how many seconds it may be silent."""
        self.phase = phase
        self.deadline = deadline
        self.loop += 1

    def _beat_until_ended(self) -> None:
        while True:
            signals = self._wait()
            if self._ended.is_set():
                return
            try:
                self._look_out(signals)
            except Exception:  # whatever it is, the heart must go on beating
                say(traceback.format_exc())

    def _look_out(self, signals: bytes) -> None:
        for number in signals:
            if number == signal.SIGTERM:
                self._on_term()
        for command in self._inbox.take():
            if self._concerns(command):
                self._take(command)
        self.beat()
        self._dump_if_hung()
        self._end_if_deaf()

    def _wait(self) -> bytes:
        """Wait for the next beat or a signal; return the numbers of the signals that came."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        return os.read(self._woken, 64) if poll.poll(BEAT_SECONDS * 1000) else b""

    def _dump_if_hung(self) -> None:
        """Print once where every thread is when the loop stands still past its deadline.

        Code that never lets go of the interpreter stops this thread too; then faulthandler's own
        watchdog prints it, which each beat puts off.
        """
        with contextlib.suppress(OSError, ValueError):
            faulthandler.dump_traceback_later(FROZEN_SECONDS, file=STDERR)
            still = time.monotonic() - self._loop_at
            if self.deadline is None or still <= self.deadline or self._dumped_loop == self.loop:
                return
            self._dumped_loop = self.loop
            say(f"HUNG in the phase {self.phase!r} for {still:.0f} s. Where every thread is:")
            faulthandler.dump_traceback(file=STDERR, all_threads=True)

    def _take(self, command: Command) -> None:
        if command.command == "stop":
            self.stop, self.stop_reason = True, "stopped by command"
        elif command.command == "cancel":
            self.stop, self.stop_reason = True, "cancelled"
        elif command.command == "pause":
            self.paused = True
        elif command.command == "resume":
            self.paused = False
        self.commands.put(command)
        self.changed.set()

    def _on_term(self) -> None:
        if self._term_at is not None:
            kill_own_group()
        self._term_at = time.monotonic()
        say("SIGTERM: it stops after this step; a second one ends it at once.")
        self.stop, self.stop_reason = True, "stopped by SIGTERM"
        self.changed.set()

    def _end_if_deaf(self) -> None:
        """End at once when a stop by SIGTERM took longer than the loop's phase may."""
        if self._term_at is None or self.deadline is None:
            return
        if time.monotonic() - self._term_at > max(TERM_SECONDS, self.deadline):
            kill_own_group()


def control_of_run(session: SessionPaths, run: RunPaths, attempt: AttemptPaths) -> Control:
    """Return the control of an attempt: it takes up what is for its run and nobody answered."""
    answered = answered_by_supervisor(session).union(
        *(answered_ids(run.attempt(number)) for number in run.attempt_numbers())
    )
    return Control(
        Inbox(session, answered), lambda command: command.run == run.id, attempt.heartbeat
    )


def control_of_probe(session: SessionPaths, probe: ProbePaths) -> Control:
    """Return the control of a probe: it takes up what cancels it."""

    def concerns(command: Command) -> bool:
        return command.command == "cancel" and command.probe == probe.id

    return Control(Inbox(session, set()), concerns, probe.heartbeat)


def answered_by_supervisor(session: SessionPaths) -> set[str]:
    """Return the ids of the commands that a supervisor has answered."""
    events = Tail(session.events, Event).read()
    return {str(event.data.get("id")) for event in events if event.kind == "command"}


def kill_own_group() -> None:
    """End this process at once, and what it started; the group only where it is this process's own."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def say(text: str) -> None:
    """Print `text` into the trainer's log, if it can be printed at all."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
