"""The supervisor of one session: starts queued runs, adopts living ones, says how each ended.

It is small, loads no torch, and may be killed at any time: all it knows is in the session folder.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import time
import traceback
from dataclasses import dataclass, field

from valtui_trainer.session.commands import Inbox, answered_ids
from valtui_trainer.session.create import add_attempt, add_run
from valtui_trainer.session.described import is_ours
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.heartbeat import read_heartbeat
from valtui_trainer.session.layout import AttemptPaths, RunPaths, SessionPaths, utc_now
from valtui_trainer.session.listing import runs_of
from valtui_trainer.session.locks import Lock, acquire, holder
from valtui_trainer.session.patience import NO_ROOM
from valtui_trainer.session.probes import probe_ids, probe_status
from valtui_trainer.session.records import Command, Exit, RunSpec, SessionSpec
from valtui_trainer.session.state import (
    RESTARTED,
    RESUMABLE,
    UNSEEN,
    RunStatus,
    of_another_boot,
    run_status,
)
from valtui_trainer.supervise.devices import room_for_another
from valtui_trainer.supervise.launch import BUSY, detached
from valtui_trainer.supervise.memory import OutOfMemory
from valtui_trainer.supervise.notes import Notes
from valtui_trainer.supervise.processes import kill_group
from valtui_trainer.supervise.watched import (
    Watched,
    explain_exit,
    is_blocked,
    is_gone,
    is_patient,
    watch,
)

TICK_SECONDS = 0.5
START_SECONDS = 30.0


@dataclass(slots=True)
class Supervisor:
    """The state of one supervisor, all of it rebuilt from the folder at its start."""

    session: SessionPaths
    spec: SessionSpec
    inbox: Inbox
    notes: Notes
    began: float = field(default_factory=time.monotonic)
    watched: dict[str, Watched] = field(default_factory=dict)
    pending: list[Command] = field(default_factory=list)
    complaint: str = ""
    out_of_memory: OutOfMemory = field(default_factory=OutOfMemory)
    damaged: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)

    def work(self) -> None:
        """Tick until nothing is left to start, watch or answer."""
        while self.tick_safely():
            poll = select.poll()
            # What failed waits for its turn; an ended process alone would call at once.
            for watched in [] if self.complaint else self.watched.values():
                poll.register(watched.pidfd, select.POLLIN)
            poll.poll(TICK_SECONDS * 1000)

    def tick_safely(self) -> bool:
        """Tick; what fails (a full disk, a damaged file) is said and tried again at the next tick."""
        try:
            more = self.tick()
        except Exception as error:  # whatever it is, the runs must not lose their supervisor
            self.complain(error)
            return True
        if self.complaint:
            self.complaint = ""
            self.notes.add("recovered", "")
        return more

    def complain(self, error: Exception) -> None:
        """Say what went wrong, once, in the log and to the screens."""
        said = str(error) or type(error).__name__
        if said == self.complaint:
            return
        self.complaint = said
        with contextlib.suppress(OSError):  # the disk of the log may be the full one
            sys.stderr.write(f"{utc_now()} {said}\n")
            if not isinstance(error, OSError | SessionError):
                traceback.print_exception(error)
        self.notes.add("warning", said)

    def tick(self) -> bool:
        """Do what is due; tell whether there may be more to come."""
        if not self.session.spec.exists():  # deleted, and nobody is left to be told
            return False
        self.pending.extend(self.inbox.take())
        self.reap()
        self.adopt()
        self.pending = [command for command in self.pending if not self.handle_safely(command)]
        self.start_queued()
        self.out_of_memory.look()
        return bool(not self.notes.write() or self.watched or self.pending or self.queue())

    def runs(self) -> list[tuple[RunPaths, RunSpec]]:
        """Return the session's runs that we train, in order; one damaged run must not stop the others."""
        return [pair for pair in runs_of(self.session, skip_damaged=True) if is_ours(pair[1])]

    def queue(self) -> list[tuple[RunPaths, RunSpec]]:
        """Return the runs that wait for a place: never started, or asked to be resumed."""
        resumed = {
            command.run
            for command in self.pending
            if command.command == "resume" and command.id not in self.dropped
        }
        return [
            (run, spec)
            for run, spec in self.runs()
            if run.id not in self.watched
            and (not run.attempt_numbers() or (run.id in resumed and is_resumable(run)))
        ]

    def start_queued(self) -> None:
        """Start waiting runs while there is a place."""
        for run, spec in self.queue():
            if not self.has_place(spec):
                return
            self.start(run, spec)

    def has_place(self, spec: RunSpec) -> bool:
        """Tell whether one run more may train on the device of `spec`."""
        if self.spec.parallel:
            return len(self.watched) < self.spec.parallel
        beats = [read_heartbeat(watched.attempt.heartbeat) for watched in self.watched.values()]
        return room_for_another(spec.device, [beat.memory if beat else 0 for beat in beats])

    def start(self, run: RunPaths, spec: RunSpec) -> None:
        """Start the next attempt of `run`."""
        attempt = add_attempt(run)
        try:
            process = detached(
                ["-m", "valtui_trainer", "run", str(attempt.folder)],
                attempt.log,
                {"OMP_NUM_THREADS": str(spec.threads)},
            )
        except OSError as error:
            if error.errno in NO_ROOM and str(error.filename) == str(attempt.log):
                attempt.folder.rmdir()  # tried again at the next tick
                raise
            reason = f"could not be started: {error.strerror}"
            write_document(attempt.exit, Exit(status="exited", ended=utc_now(), reason=reason))
            self.answer_resumes(run, f"refused: it {reason}")
            return
        try:
            pidfd = os.pidfd_open(process.pid)
        except OSError:
            process.kill()
            process.wait()
            raise
        self.watched[run.id] = watch(attempt, process.pid, pidfd, process)
        self.answer_resumes(run, f"resumed as attempt {attempt.number}")

    def answer_resumes(self, run: RunPaths, message: str) -> None:
        """Answer everybody who asked for `run` to be resumed."""
        for command in [c for c in self.pending if c.command == "resume" and c.run == run.id]:
            self.answer(command, message)
            self.pending.remove(command)

    def adopt(self) -> None:
        """Watch living trainers that another supervisor started."""
        for run, _ in self.runs():
            attempt = run.last_attempt()
            if run.id in self.watched or attempt is None:
                continue
            try:
                pid = holder(run.lock)
                if pid is None:
                    self.close_unseen(attempt)
                elif (pidfd := open_holder(run, pid)) is not None:
                    self.watched[run.id] = watch(attempt, pid, pidfd, None)
            except SessionError as error:  # one damaged run must not stop the others
                if run.id not in self.damaged:
                    self.damaged.add(run.id)
                    self.notes.add("warning", str(error))

    def close_unseen(self, attempt: AttemptPaths) -> None:
        """Record that an attempt ended with nobody watching, once it can no longer be starting."""
        if attempt.final.exists() or attempt.exit.exists():
            return
        if not attempt.start.exists() and time.monotonic() - self.began < START_SECONDS:
            return
        reason = RESTARTED if of_another_boot(attempt) else UNSEEN
        write_document(attempt.exit, Exit(status="unknown", ended=utc_now(), reason=reason))

    def reap(self) -> None:
        """Record how processes ended, and escalate where a stop was not heard."""
        for name, watched in list(self.watched.items()):
            if not is_gone(watched):
                if watched.stop_asked is not None and not is_patient(watched):
                    watched.killed_for = "it was asked to stop and did not"
                    kill_group(watched.pid, watched.ticks)
                continue
            if (
                not watched.swept
            ):  # once: while a child was not waited for, its pid is nobody else's
                watched.swept = True
                kill_group(watched.pid, watched.ticks)
            self.record_end(self.session.run(name), watched)
            os.close(watched.pidfd)
            del self.watched[name]

    def record_end(self, run: RunPaths, watched: Watched) -> None:
        """Write `exit.json` of an ended process."""
        code = watched.process.wait() if watched.process is not None else None
        if code is None:
            if not watched.attempt.final.exists():
                write_document(
                    watched.attempt.exit, Exit(status="unknown", ended=utc_now(), reason=UNSEEN)
                )
            return
        if code == BUSY and holder(run.lock) is not None:  # another trains it; this one never began
            shutil.rmtree(watched.attempt.folder)
            return
        said_so = watched.attempt.final.exists()
        starved = self.out_of_memory.lately()
        found = explain_exit(code, said_so, starved, watched.killed_for)
        write_document(watched.attempt.exit, found)

    def handle_safely(self, command: Command) -> bool:
        """Handle `command`; one that fails on its run is answered so, and stops no other."""
        try:
            return self.handle(command)
        except SessionError as error:
            return self.answer(command, f"refused: {error}")

    def handle(self, command: Command) -> bool:
        """Answer `command` if it is this process's to answer; tell whether it is done with."""
        if command.id in self.dropped:
            return True
        if command.command == "start":
            return self.add(command)
        if command.command == "probe":
            return self.probe(command)
        if command.command == "cancel":
            return self.cancel(command)
        found = {run.id: run for run, _ in self.runs()}
        run = found.get(command.run or "")
        if run is None:
            return self.answer(command, "refused: there is no such run")
        living = self.watched.get(run.id)
        if self.answered_by_trainer(run, command):
            # The answer of an attempt before this one asks nothing of this one.
            if living is not None and command.id in answered_ids(living.attempt):
                living.note_stop(command)
            return True
        if living is not None:
            if living.note_stop(command) and is_blocked(living):
                living.killed_for = "it was told twice to stop while there was no room"
                kill_group(living.pid, living.ticks)
                return self.answer(command, "killed: there is no room for a checkpoint")
            return False
        status = run_status(run, supervised=True)
        waits = status.state in RESUMABLE
        if command.command == "stop" and waits and self.drop_resume(run):
            return self.answer(command, "no longer waits to be resumed")
        return self.handle_idle(command, run, status)

    def drop_resume(self, run: RunPaths) -> bool:
        """Answer a resume that waits for a place with a refusal; tell whether there was one."""
        waiting = [c for c in self.pending if c.command == "resume" and c.run == run.id]
        for command in waiting:
            self.answer(command, "refused: stopped while it waited for a place")
        self.dropped.update(command.id for command in waiting)
        return bool(waiting)

    def handle_idle(self, command: Command, run: RunPaths, status: RunStatus) -> bool:
        """Answer a command for a run without a process."""
        if status.state == "QUEUED" and command.command == "stop":
            attempt = add_attempt(run)
            write_document(
                attempt.exit,
                Exit(status="stopped", ended=utc_now(), reason="stopped before it began"),
            )
            return self.answer(command, "stopped before it began")
        if status.state in RESUMABLE and command.command == "resume":
            return False  # stays pending until `start_queued` finds a place for it
        if status.state in ("STARTING", "RUNNING"):
            return False  # its end is about to be recorded
        return self.answer(command, f"refused: the run is {status.state}")

    def add(self, command: Command) -> bool:
        """Add the run that a `start` command brings."""
        if command.spec is None:
            return self.answer(command, "refused: the command brings no run")
        if command.spec.id in self.session.run_ids():
            return self.answer(command, f"refused: {command.spec.id} is in the session already")
        try:
            add_run(self.session, command.spec)
        except FileNotFoundError:
            return self.answer(command, "refused: the checkpoint that it starts from is gone")
        return self.answer(command, f"queued {command.spec.id}")

    def probe(self, command: Command) -> bool:
        """Start the process of a probe; how it ends stands in its own folder."""
        probe = self.session.probe(command.probe or "")
        if command.probe not in probe_ids(self.session):
            return self.answer(command, "refused: there is no such probe")
        if probe.log.exists():
            return self.answer(command, "refused: it has been started already")
        spec = read_document(self.session.run(command.run or "").spec, RunSpec)
        threads = str(spec.threads) if spec is not None else "1"
        try:
            detached(
                ["-m", "valtui_trainer", "probe", str(probe.folder)],
                probe.log,
                {"OMP_NUM_THREADS": threads},
            )
        except OSError as error:
            if error.errno in NO_ROOM:
                raise
            return self.answer(command, f"refused: it could not be started: {error.strerror}")
        return self.answer(command, f"started the probe {probe.id}")

    def cancel(self, command: Command) -> bool:
        """Answer the wish to cancel a probe, whose own process hears it."""
        known = command.probe in probe_ids(self.session)
        status = probe_status(self.session.probe(command.probe or "")) if known else None
        heard = status is not None and (status.live or status.state == "CANCELLED")
        return self.answer(
            command, "told the probe" if heard else "refused: no such probe is alive"
        )

    def answered_by_trainer(self, run: RunPaths, command: Command) -> bool:
        """Tell whether an attempt's events answer `command`."""
        return any(command.id in answered_ids(run.attempt(n)) for n in run.attempt_numbers())

    def answer(self, command: Command, message: str) -> bool:
        """Write the answer into the session's events, as soon as there is room for it."""
        self.notes.add("command", message, id=command.id, command=command.command, run=command.run)
        return True


def is_resumable(run: RunPaths) -> bool:
    """Tell whether `run` has ended in a way that a next attempt may follow."""
    try:
        return run_status(run, supervised=True).state in RESUMABLE
    except SessionError:
        return False


def open_holder(run: RunPaths, pid: int) -> int | None:
    """Return a descriptor of the process that holds the lock of `run`, or None if it just went."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    if holder(run.lock) == pid:  # so the descriptor is not of a later process with its pid
        return pidfd
    os.close(pidfd)
    return None


def supervise(session: SessionPaths) -> None:
    """Supervise `session` until nothing is left to do; return at once if another does already."""
    while True:
        lock = acquire(session.supervisor_lock)
        if lock is None:
            return
        supervisor = make_supervisor(session)
        if supervisor is None:
            lock.release()
            return
        supervisor.work()
        if not release_and_look_again(lock, supervisor):
            return


def make_supervisor(session: SessionPaths) -> Supervisor | None:
    """Return a supervisor that knows what the folder says, or None if there is no session."""
    spec = read_document(session.spec, SessionSpec)
    if spec is None:
        return None
    notes = Notes(session)
    return Supervisor(session, spec, Inbox(session, notes.answered), notes)


def release_and_look_again(lock: Lock, supervisor: Supervisor) -> bool:
    """Give up the lock; tell whether a command slipped in between the last look and that."""
    supervisor.notes.close()
    lock.release()
    return bool(supervisor.inbox.take())
