"""What is true of a run now: derived from its files and locks, never from a clock or a pid file.

Truth order when they disagree: `final.json` (trainer), `exit.json` (supervisor), lock, boot id.
Health comes from the heartbeat: HUNG where the thread counts and the loop does not, UNRESPONSIVE
where neither does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from valtui_trainer.session import locks
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.heartbeat import read_heartbeat
from valtui_trainer.session.layout import AttemptPaths, RunPaths, SessionPaths
from valtui_trainer.session.machine import boot_id, host
from valtui_trainer.session.records import Exit, Final, Heartbeat, Start
from valtui_trainer.session.safe import safe

State = Literal[
    "QUEUED", "STARTING", "RUNNING", "WATCHED", "PAUSED", "STOPPING", "BLOCKED",
    "DONE", "STOPPED", "FAILED", "KILLED", "LOST",
]  # fmt: skip
Health = Literal["ok", "HUNG", "UNRESPONSIVE"]

ENDED: frozenset[State] = frozenset({"DONE", "STOPPED", "FAILED", "KILLED", "LOST"})
RESUMABLE: frozenset[State] = frozenset({"STOPPED", "FAILED", "KILLED", "LOST"})
SILENT_SECONDS = 10.0
BLOCKED = "blocked"
WATCHED = "watched"
"""How the phase of a run begins whose log is only read: whether its program lives, nobody here knows."""
BOOT_DIGITS = 8
UNSEEN = "its process is gone and nobody saw it end; it can be resumed"
RESTARTED = "the machine was restarted while it trained; it can be resumed"


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run as it is now.

    Attributes:
        phase: what its process is doing, in a word or two.
        step: steps done; `total` of them in the whole run (0 while unknown).
        rate: training images per second.
        left: estimated seconds to the end, or None.
        reason: why it failed or was killed.
        memory: peak bytes on the device.
    """

    state: State
    health: Health = "ok"
    phase: str = ""
    attempt: int | None = None
    step: int = 0
    total: int = 0
    rate: float = 0.0
    left: float | None = None
    reason: str = ""
    memory: int = 0
    pid: int | None = None

    @property
    def ended(self) -> bool:
        """Tell whether no process works on the run and none will by itself."""
        return self.state in ENDED

    @property
    def told(self) -> str:
        """Return the state in lower case, with the health where that is not ok."""
        return self.state.lower() + ("" if self.health == "ok" else f", {self.health}")

    @property
    def progress(self) -> float:
        """Return the fraction of steps done, 0 to 1."""
        return min(1.0, self.step / self.total) if self.total else 0.0

    @property
    def endless(self) -> bool:
        """Tell whether steps are done and nobody knows of how many."""
        return self.step > 0 and not self.total

    @property
    def far(self) -> str:
        """Return how far the run is, in words: a percentage, or the step where the end is unknown."""
        return f"step {self.step:,}" if self.endless else f"{100 * self.progress:.0f} %"


def supervisor_alive(session: SessionPaths) -> bool:
    """Tell whether a supervisor holds the session's lock."""
    return locks.holder(session.supervisor_lock) is not None


def run_status(run: RunPaths, supervised: bool) -> RunStatus:
    """Return the state of `run`; `supervised` tells whether its session's supervisor is alive."""
    attempt = run.last_attempt()
    if attempt is None:
        return RunStatus("QUEUED", phase="" if supervised else "no supervisor: resume to start it")
    beat = read_heartbeat(attempt.heartbeat) or Heartbeat()
    if beat.total == 0 and attempt.number > 0:  # a new attempt begins where the last one was
        before = read_heartbeat(run.attempt(attempt.number - 1).heartbeat) or Heartbeat()
        beat = msgspec.structs.replace(beat, step=before.step, total=before.total)
    try:
        final = read_document(attempt.final, Final)
        ended = read_document(attempt.exit, Exit)
    except SessionError as error:
        return status("FAILED", attempt, beat, reason=str(error))
    if final is not None:
        states: dict[str, State] = {"done": "DONE", "stopped": "STOPPED", "failed": "FAILED"}
        return status(states[final.status], attempt, beat, reason=final.reason, step=final.step)
    pid = locks.holder(run.lock)
    if ended is not None and (pid is None or ended.status != "unknown"):
        return status(state_of_exit(ended), attempt, beat, reason=ended.reason)
    if pid is not None:
        found = status(state_of_phase(beat.phase), attempt, beat, pid=pid)
        return replace(found, health=health_now(beat) or "ok")
    if of_another_boot(attempt):
        return status("LOST", attempt, beat, reason=RESTARTED)
    if supervised:
        found = status("STARTING" if not attempt.start.exists() else "RUNNING", attempt, beat)
        return replace(found, health=health_now(beat) or "ok")
    return status("LOST", attempt, beat, reason=UNSEEN)


def of_another_boot(attempt: AttemptPaths) -> bool:
    """Tell whether this machine was started anew since `attempt` began."""
    try:
        start = read_document(attempt.start, Start)
    except SessionError:
        return False
    return start is not None and start.host == host() and start.boot_id != boot_id()


def health_now(beat: Heartbeat, now: float | None = None) -> Health | None:
    """Return the health that one heartbeat shows, or None if its clock is not this machine's.

    All processes of one boot share the monotonic clock, which no change of the wall clock moves.
    """
    if not beat.boot or not boot_id().startswith(beat.boot):
        return None
    moment = time.monotonic() if now is None else now
    if moment - beat.at > SILENT_SECONDS:
        return "UNRESPONSIVE"
    if beat.deadline is not None and beat.at - beat.loop_at > beat.deadline:
        return "HUNG"
    return "ok"


def status(
    state: State,
    attempt: AttemptPaths,
    beat: Heartbeat,
    reason: str = "",
    pid: int | None = None,
    step: int | None = None,
) -> RunStatus:
    """Return a status with the heartbeat's figures."""
    alive = state not in ENDED
    return RunStatus(
        state=state,
        phase=safe(beat.phase) if alive else "",
        attempt=attempt.number,
        step=beat.step if step is None else step,
        total=beat.total,
        rate=beat.rate,
        left=beat.left if alive else None,
        reason=safe(reason),
        memory=beat.memory,
        pid=pid,
    )


def state_of_exit(ended: Exit) -> State:
    """Return the state that a supervisor's word alone means: no `final.json` was written."""
    states: dict[str, State] = {
        "exited": "FAILED",
        "killed": "KILLED",
        "unknown": "LOST",
        "stopped": "STOPPED",
    }
    return states[ended.status]


def state_of_phase(phase: str) -> State:
    """Return the state of a living process in `phase`."""
    special: dict[str, State] = {
        "paused": "PAUSED",
        "stopping": "STOPPING",
        "starting": "STARTING",
        "loading torch": "STARTING",
        "data": "STARTING",
        "model": "STARTING",
        "first step": "STARTING",
        "compiling": "STARTING",
    }
    if phase.startswith(WATCHED):
        return "WATCHED"
    return "BLOCKED" if phase.startswith(BLOCKED) else special.get(phase, "RUNNING")


class Observer:
    """Adds health where a heartbeat alone cannot show it: on another host than the run's.

    It compares the counters on its own monotonic clock.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._seen: dict[str, tuple[int, float, int, float]] = {}

    def observe(self, run: RunPaths, supervised: bool, now: float | None = None) -> RunStatus:
        """Return the state of `run` with its health; call it about once a second."""
        moment = time.monotonic() if now is None else now
        found = run_status(run, supervised)
        if found.pid is None or found.attempt is None:
            self._seen.pop(run.id, None)
            return found
        beat = read_heartbeat(run.attempt(found.attempt).heartbeat)
        if beat is None or health_now(beat) is not None:
            return found
        last_beat, beat_at, last_loop, loop_at = self._seen.get(
            run.id, (beat.beat, moment, beat.loop, moment)
        )
        beat_at = moment if beat.beat != last_beat else beat_at
        loop_at = moment if beat.loop != last_loop else loop_at
        self._seen[run.id] = (beat.beat, beat_at, beat.loop, loop_at)
        if moment - beat_at > SILENT_SECONDS:
            return replace(found, health="UNRESPONSIVE")
        if beat.deadline is not None and moment - loop_at > beat.deadline:
            return replace(found, health="HUNG")
        return found
