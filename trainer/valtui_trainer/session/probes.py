"""The probes of a session: what they train, what is true of them now, and what they have found."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from valtui_trainer.session import locks
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.heartbeat import read_heartbeat
from valtui_trainer.session.layout import ProbePaths, SessionPaths
from valtui_trainer.session.records import ArmLook, Event, Heartbeat, ProbeResult, ProbeSpec, Val
from valtui_trainer.session.safe import safe
from valtui_trainer.session.tail import Tail

if TYPE_CHECKING:
    import numpy as np

    Losses = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

BASE = "base"
"""The arm that changes nothing."""

START_SECONDS = 60.0
"""After which a probe whose process never took its lock is given up."""

ProbeState = Literal["STARTING", "RUNNING", "DONE", "CANCELLED", "OUT OF TIME", "FAILED", "LOST"]

ENDS: dict[str, ProbeState] = {
    "done": "DONE",
    "cancelled": "CANCELLED",
    "out-of-time": "OUT OF TIME",
    "failed": "FAILED",
}


@dataclass(frozen=True, slots=True)
class ProbeStatus:
    """A probe as it is now.

    Attributes:
        phase: what its process is doing, in a few words.
        step, total: training steps of all replicas, done and in all (0 while unknown).
        left: estimated seconds to the end, or None.
        reason: why it failed, a sentence.
    """

    state: ProbeState
    phase: str = ""
    step: int = 0
    total: int = 0
    left: float | None = None
    reason: str = ""
    result: ProbeResult | None = None

    @property
    def live(self) -> bool:
        """Tell whether a process works on it."""
        return self.state in ("STARTING", "RUNNING")

    @property
    def progress(self) -> float:
        """Return the fraction of steps done, 0 to 1."""
        return min(1.0, self.step / self.total) if self.total else 0.0


def new_id(stem: str) -> str:
    """Return a new id that sorts by time: of a probe, or of a proof."""
    return f"{time.time_ns():020d}-{stem}-{secrets.token_hex(3)}"


def probe_ids(session: SessionPaths) -> list[str]:
    """Return the ids of the probes whose `probe.json` is complete, oldest first."""
    try:
        names = sorted(os.listdir(session.probes))
    except OSError:
        return []
    return [name for name in names if session.probe(name).spec.exists()]


def probes_of(session: SessionPaths, run: str | None = None) -> list[tuple[ProbePaths, ProbeSpec]]:
    """Return the readable probes of a session, or of one run, oldest first."""
    found = []
    for name in probe_ids(session):
        try:
            spec = read_document(session.probe(name).spec, ProbeSpec)
        except SessionError:
            continue
        if spec is not None and run in (None, spec.run):
            found.append((session.probe(name), spec))
    return found


def probe_status(probe: ProbePaths) -> ProbeStatus:
    """Return what is true of a probe now."""
    # In this order, so that a process that begins or ends meanwhile is not taken for a lost one.
    begun = probe.heartbeat.exists()
    try:
        pid = locks.holder(probe.lock)
        beat = read_heartbeat(probe.heartbeat) or Heartbeat()
        result = read_document(probe.result, ProbeResult)
        spec = read_document(probe.spec, ProbeSpec)
    except SessionError as error:
        return ProbeStatus("FAILED", reason=safe(str(error)))
    if result is not None:
        return ProbeStatus(
            ENDS[result.status],
            step=beat.step,
            total=beat.total,
            reason=safe(result.reason),
            result=result,
        )
    if pid is not None:
        return ProbeStatus("RUNNING", safe(beat.phase), beat.step, beat.total, beat.left)
    if not begun and seconds_since(probe) < START_SECONDS:
        return ProbeStatus("STARTING", "starting")
    reason = "its process is gone and nobody saw it end; what it had measured is kept"
    if spec is not None and spec.pause_run:
        reason += f"; {safe(spec.run)} may still be paused for it: resume it"
    return ProbeStatus("LOST", step=beat.step, total=beat.total, reason=reason)


def seconds_since(probe: ProbePaths) -> float:
    """Return how long ago the probe was asked for."""
    try:
        return time.time() - probe.spec.stat().st_mtime
    except OSError:
        return float("inf")


def arm_records(probe: ProbePaths, arm: str) -> list[Val]:
    """Return what was logged of one arm; `seed` is the number of the replica."""
    try:
        return Tail(probe.arm(arm), Val).read()
    except SessionError:
        return []


def arm_losses(probe: ProbePaths, arm: str, evaluations: int = 0) -> Losses:
    """Return the validation losses of an arm, shape (replicas, evaluations); a gap is NaN.

    Args:
        probe: where they lie.
        arm: its id, or BASE.
        evaluations: only replicas that have logged so many; 0: all.
    """
    import numpy as np

    logged: dict[int, list[float]] = {}
    for record in arm_records(probe, arm):
        loss = record.val_loss
        logged.setdefault(record.seed, []).append(np.nan if loss is None else loss)
    rows = [logged[seed] for seed in sorted(logged) if len(logged[seed]) >= evaluations]
    width = max(map(len, rows), default=0)
    found = np.full((len(rows), width), np.nan)
    for number, row in enumerate(rows):
        found[number, : len(row)] = row
    found[~np.isfinite(found)] = np.nan
    return found


def looks_so_far(probe: ProbePaths) -> list[list[ArmLook]]:
    """Return the looks that a probe has told of, oldest first, whether it lives or not."""
    found = []
    try:
        events = Tail(probe.events, Event).read()
    except SessionError:
        return []
    for event in events:
        if event.kind == "look":
            with suppress(msgspec.ValidationError):
                found.append(msgspec.convert(event.data.get("looks"), list[ArmLook]))
    return found


def notes_of(probe: ProbePaths) -> list[str]:
    """Return what the probe's process remarked on, a sentence each."""
    try:
        events = Tail(probe.events, Event).read()
    except SessionError:
        return []
    return [safe(event.message) for event in events if event.kind in ("note", "warning")]
