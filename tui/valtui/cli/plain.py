"""Watches a session in plain lines: one an evaluation, one a change of state, the comparison at the end.

Ctrl-C once stops all runs and waits for them; a second one returns at once.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from valtui import texts
from valtui.cli import output
from valtui.feed import RunFeed, SessionFeed
from valtui.series import ValMatrix
from valtui_trainer.measure.volatility import Rolling, rolling
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.records import Event
from valtui_trainer.session.safe import safe
from valtui_trainer.session.state import RunStatus
from valtui_trainer.supervise.begin import command
from valtui_trainer.supervise.launch import ensure_supervisor

LOOK_SECONDS = 0.25
STATUS_SECONDS = 0.25
SUPERVISOR_SECONDS = 5.0
FAILURES = ("FAILED", "KILLED", "LOST")


@dataclass(slots=True)
class Spoken:
    """What was already said about one run."""

    status: RunStatus = field(default_factory=lambda: RunStatus("QUEUED"))
    version: int = -1
    step: float = -1.0
    attempt: int | None = None
    events: int = 0


class Interrupts:
    """Counts Ctrl-C: the first is only noted, the second is raised.

    The handler takes no lock: it may run in the middle of anything.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.count = 0

    def __enter__(self) -> Interrupts:
        """Take over Ctrl-C."""
        self._before = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        """Give Ctrl-C back."""
        signal.signal(signal.SIGINT, self._before)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt


def follow(session: SessionPaths) -> int:
    """Watch `session` to its end; return the exit code."""
    try:
        with Interrupts() as interrupts:
            return Follower(session, interrupts).work()
    except KeyboardInterrupt:
        output.complain(
            "not waiting: runs that were asked to stop do so by themselves, others go on. "
            f"`valtui open {session.id}` shows them."
        )
        return 130
    except BrokenPipeError:
        output.abandon()
        output.complain(
            f"nobody reads the output any more; the runs go on. `valtui open {session.id}` shows them."
        )
        return 1


class Follower:
    """Says what happens in a session until it ends."""

    def __init__(self, session: SessionPaths, interrupts: Interrupts) -> None:
        """Follow `session`, which was just begun."""
        self._session = session
        self._interrupts = interrupts
        self._feed = SessionFeed(session)
        self._spoken: dict[str, Spoken] = {}
        self._stopping = False
        self._pause = threading.Event()
        self._supervised_at = time.monotonic()

    def work(self) -> int:
        """Follow to the end; return the exit code."""
        self._introduce()
        status_at = -math.inf
        while True:
            now = time.monotonic()
            if now - status_at >= STATUS_SECONDS:
                status_at = now
                self._feed.poll_status()
                if self._feed.gone:
                    output.complain(
                        f"{self._session.folder} is gone; somebody deleted the session."
                    )
                    return 1
                self._keep_supervised(now)
                # An end is written after the last point, so all points are read after it was seen.
                ended = self._feed.ended
                self._feed.drain()
                self._say()
                if ended:
                    return self._conclude()
            else:
                self._feed.poll()
                self._say()
            if self._interrupts.count and (code := self._interrupted()) is not None:
                return code
            self._pause.wait(LOOK_SECONDS)

    def _introduce(self) -> None:
        spec = self._feed.spec
        at_once = f", {spec.parallel} at once" if spec.parallel else ""
        output.line(f"session {spec.id}")
        if spec.question:
            output.line(f"question {spec.question}")
        output.line(f"device  {spec.device}{at_once}")
        output.line(f"log     {self._session.folder}")
        output.flush()

    def _say(self) -> None:
        for run in self._feed.runs:
            spoken = self._spoken.setdefault(run.id, Spoken())
            self._say_events(run, spoken)
            if run.version != spoken.version:
                spoken.version = run.version
                self._say_evaluations(run, spoken)
            self._say_state(run, spoken)
        output.flush()

    def _say_events(self, run: RunFeed, spoken: Spoken) -> None:
        for event in run.events[spoken.events :]:
            if event.kind in ("warning", "spike", "lens", "compile") or is_failed_check(event):
                output.line(f"{self._name(run)}  {event.kind}: {event.message}")
            elif event.kind == "profile":
                profiled = run.paths.profiled
                output.line(f"{self._name(run)}  profile: {event.message}")
                output.line(f"{self._name(run)}  profile: {profiled.profile_text}")
                output.line(f"{self._name(run)}  profile: {profiled.profile}")
        spoken.events = len(run.events)

    def _say_evaluations(self, run: RunFeed, spoken: Spoken) -> None:
        if run.start is None:
            return
        if run.start.attempt != spoken.attempt:
            spoken.attempt = run.start.attempt
            spoken.step = min(spoken.step, run.start.from_step)
        matrix = run.val_matrix()
        fresh = np.flatnonzero(matrix.step > spoken.step)
        if not len(fresh):
            return
        volatility = rolling(matrix.loss, matrix.step, relative=True)
        for position in map(int, fresh):
            words = evaluation(run, matrix, position) + volatility_at(volatility, position)
            output.line(f"{self._name(run)}  {words}")
            spoken.step = float(matrix.step[position])

    def _say_state(self, run: RunFeed, spoken: Spoken) -> None:
        now, before = run.status, spoken.status
        spoken.status = now
        if (now.state, now.health) == (before.state, before.health):
            return
        words = now.state if now.health == "ok" else f"{now.state}, {now.health}"
        reason = f": {now.reason}" if now.reason else ""
        output.line(f"{self._name(run)}  {words}{reason}")

    def _name(self, run: RunFeed) -> str:
        longest = max(output.width(safe(one.id)) for one in self._feed.runs)
        name = safe(run.id)
        return name + " " * (longest - output.width(name))

    def _keep_supervised(self, now: float) -> None:
        if self._feed.supervised or self._feed.ended:
            self._supervised_at = now
        elif now - self._supervised_at > SUPERVISOR_SECONDS:
            self._supervised_at = now
            ensure_supervisor(self._session)

    def _interrupted(self) -> int | None:
        """Do what a first Ctrl-C asks for; return the exit code if that ends it."""
        if not self._stopping:
            self._stop_all()
        return None

    def _stop_all(self) -> None:
        self._stopping = True
        output.complain("stopping all runs; Ctrl-C again returns without waiting for them.")
        for run in self._feed.runs:
            if not run.status.ended:
                try:
                    command(self._session, "stop", run.id)
                except SessionError as error:
                    output.complain(str(error))

    def _say_verdicts(self) -> None:
        from valtui.causes import causes, trials_of

        output.line()
        for run in self._feed.runs:
            if len(run.val_matrix().step):
                output.line(
                    f"{self._name(run)}  why  {causes(run, trials=trials_of(self._feed, run)).sentence}"
                )

    def _conclude(self) -> int:
        from valtui.cli.compare import figures_of, write_table

        output.line()
        write_table(figures_of(self._feed))
        self._say_verdicts()
        output.flush()
        states = [run.status.state for run in self._feed.runs]
        if self._stopping:
            return 130
        if "STOPPED" in states:
            stopped = [run.id for run in self._feed.runs if run.status.state == "STOPPED"]
            output.complain(
                f"{', '.join(stopped)} stopped before the end, as somebody asked. "
                f"`valtui resume {self._session.id}` continues."
            )
        return 1 if any(state in FAILURES for state in states) else 0


def is_failed_check(event: Event) -> bool:
    """Tell whether `event` says that the measurement is not sound."""
    return event.kind == "check" and event.data.get("outcome") == "failed"


def evaluation(run: RunFeed, matrix: ValMatrix, position: int) -> str:
    """Return what is said about one evaluation."""
    total = run.start.total_steps if run.start is not None else 0
    parts = [
        *([f"epoch {matrix.epoch[position]:.2f}"] if run.unit == "epoch" else []),
        f"step {matrix.step[position]:.0f}" + (f"/{total}" if total else ""),
        f"train {loss(train_loss(run, matrix, position))}",
        f"val {loss(mean(matrix.loss[:, position]))}",
        f"accuracy {texts.number(mean(matrix.accuracy[:, position]))}",
    ]
    if len(run.seeds) > 1:
        parts.append(f"{len(run.seeds)} seeds")
    return "  ".join(parts)


def volatility_at(found: Rolling, position: int) -> str:
    """Return the volatility of the window that ends at an evaluation, once it can be measured."""
    value, low, high = (float(part[position]) for part in (found.value, found.low, found.high))
    if not math.isfinite(value):
        return ""
    words = f"  volatility {texts.number(100 * value, 2)} %"
    if math.isfinite(low):
        words += f" [{texts.number(100 * low, 2)}, {texts.number(100 * high, 2)}]"
    return words + (" still descending" if found.descending[position] else "")


def train_loss(run: RunFeed, matrix: ValMatrix, position: int) -> float | None:
    """Return the mean training loss since the evaluation before, over all seeds; None if none was logged."""
    since = matrix.step[position - 1] if position else -math.inf
    losses = []
    for series in run.seeds.values():
        step = series.train["step"]
        low, high = np.searchsorted(step, (since, matrix.step[position]), side="right")
        losses.append(series.train["train_loss"][low:high])
    found = np.concatenate(losses)
    return mean(found) if len(found) else None


def mean(values: Any) -> float:
    """Return the mean, NaN where any value is NaN."""
    return float(np.mean(values))


def loss(value: float | None) -> str:
    """Return a loss; one that is not finite is named, for that is news."""
    return "NaN" if value is not None and math.isnan(value) else texts.number(value)
