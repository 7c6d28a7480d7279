"""The loop of a run that is profiled: it trains as every loop does, and records a window of its first steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from valtui_trainer.session.layout import AttemptPaths
from valtui_trainer.training.control import LONG_DEADLINE
from valtui_trainer.training.devices import synchronise
from valtui_trainer.training.lenses.passes import Passes
from valtui_trainer.training.loop import Loop
from valtui_trainer.training.models import reason
from valtui_trainer.training.profiling.phases import (
    CHECKPOINT,
    EVALUATION,
    LENSES,
    PAUSED,
    RECORD,
    Part,
    label,
)
from valtui_trainer.training.profiling.reading import Window, read
from valtui_trainer.training.profiling.recording import Recording
from valtui_trainer.training.profiling.text import in_words, recorded
from valtui_trainer.training.profiling.write import write

WARM_UP_STEPS = 20
STEPS = 50
SECONDS = 10.0
"""A window is closed after that long, however few its steps: traces of slow steps are large ones."""


@dataclass
class ProfiledLoop(Loop):
    """A loop that writes a profile into the folder of its attempt.

    What is recorded changes nothing in training. The time that it takes to read and write the profile
    is left out of the run's, and what fails in doing so is a warning.

    Attributes:
        attempt: where the profile is written.
        about: which run it is of, in words.
    """

    attempt: AttemptPaths = field(kw_only=True)
    about: str = field(kw_only=True)
    _recording: Recording | None = field(default=None, init=False)
    _window: range = field(default=range(0), init=False)

    def train(self) -> bool:
        """Train to the end, as every loop."""
        self._window = window_of(self.step, self.timetable.total, self.log_every)
        return super().train()

    def one_step(self) -> None:
        """Take one optimizer step of every seed; a window begins before it, or has ended."""
        if self._recording is not None and (
            self.step >= self._window.stop or self._recording.seconds > SECONDS
        ):
            self._close()
        if self._window and self.step == self._window.start:
            self._open()
        super().one_step()

    def record(self) -> None:
        """Log the losses since the last record."""
        with label(RECORD):
            super().record()

    def evaluate(self) -> None:
        """Evaluate every seed."""
        with label(EVALUATION):
            super().evaluate()

    def write_checkpoint(self) -> bool:
        """Write a checkpoint; tell whether it was."""
        with label(CHECKPOINT):
            return super().write_checkpoint()

    def obey(self) -> None:
        """Answer commands, and wait while paused."""
        with label(PAUSED):
            super().obey()

    def finish(self, phase: str, keep: bool = True) -> None:
        """End the window, and what every loop ends."""
        if self._recording is not None:
            self._close()
        elif self._window and self.step <= self._window.start:
            self._warn("the run ended before the steps that were to be recorded")
        super().finish(phase, keep)

    def _open(self) -> None:
        parts = [*self.ensemble.parts(), Part(self.panel, "look", LENSES)]

        def begin() -> None:
            self._recording = Recording(self.train_set.device, parts, self.step)

        self._left_out(begin)

    def _close(self) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            self._left_out(lambda: self._write(recording))

    def _left_out(self, work: Callable[[], None]) -> None:
        """Do what is no part of training: its time does not count, its failure is a warning."""
        synchronise(self.train_set.device)
        began = time.monotonic()
        phase, deadline = self.control.phase, self.control.deadline
        self.control.enter("profile", LONG_DEADLINE)
        try:
            work()
        except Exception as error:  # whatever a profiler fails on must not fail the run
            self._window = range(0)
            self._warn(getattr(error, "strerror", None) or reason(error))
        self.clock.leave_out(time.monotonic() - began)
        self.control.enter(phase, deadline)

    def _write(self, recording: Recording) -> None:
        recording.end_window()
        done = range(recording.begin + 1, self.step + 1)
        try:
            if not any(step in self.timetable.evaluations for step in done):
                self._evaluate_for_profile()
        finally:
            recording.stop()
        window = Window(
            first=done.start,
            steps=len(done),
            log_every=self.log_every,
            between=self.timetable.between,
            wanted=STEPS,
            device=self.train_set.device.type,
        )
        reading = read(recording.events(), window)
        write(self.attempt, recording.profile, in_words(reading, self.about))
        text, trace = self.attempt.profile_text.name, self.attempt.profile.name
        self.journal.event(
            "profile",
            f"recorded {recorded(window)}: {text} of attempt {self.attempt.number} says where the "
            f"time goes, {trace} opens in Perfetto",
            step=self.step,
            first=window.first,
            steps=window.steps,
            milliseconds={cost.phase: cost.milliseconds for cost in reading.costs},
            shares={cost.phase: cost.share for cost in reading.costs},
            kernels={c.phase: c.on_device for c in reading.costs if c.on_device is not None},
        )

    def _evaluate_for_profile(self) -> None:
        """Evaluate every seed as `evaluate` would; nothing is logged, and all is left to the bit."""
        passes = Passes(self.preset, self.train_set, self.val_set)
        with label(EVALUATION):
            for number, replica in enumerate(self.replicas):
                with passes.undisturbed(replica.model):
                    needed = self.panel.needs_logits
                    found = self.evaluator.evaluate(number, replica.model, needed)
                    self.panel.look(number, replica.model, found)

    def _warn(self, why: str) -> None:
        self.journal.event(
            "warning",
            f"No profile was written ({why}); training goes on.",
            step=self.step,
            about="profile",
        )


def window_of(begin: int, total: int, log_every: int) -> range:
    """Return the steps to record, in steps done before each: after the warm-up, with a record in it.

    A run too short for that is recorded from its first quarter to its end.

    Args:
        begin: steps done when the attempt begins.
        total: of the run.
        log_every: steps between two training records.
    """
    left = total - begin
    if left < WARM_UP_STEPS + STEPS:
        return range(begin + min(WARM_UP_STEPS, left // 4), total)
    warm = begin + WARM_UP_STEPS
    second = (warm // log_every + 1) * log_every
    first = warm if second <= warm + STEPS else second - STEPS // 2
    return range(first, first + STEPS) if first + STEPS <= total else range(warm, warm + STEPS)
