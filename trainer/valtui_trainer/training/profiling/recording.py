"""A window of training under torch.profiler, with labels on the parts of a step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from valtui_trainer.training.profiling.phases import WINDOW, Part, label, labelled


class Recording:
    """Records from its making on.

    Attributes:
        profile: torch's own; its events are complete once it is stopped.
        begin: steps that were done when it began.
    """

    def __init__(self, device: torch.device, parts: Sequence[Part], begin: int) -> None:
        """Begin to record what is done on `device`, with `parts` under labels."""
        activities = [ProfilerActivity.CPU]
        if device.type == "cuda":
            activities.append(ProfilerActivity.CUDA)
        self.profile = profile(activities=activities)
        self.begin = begin
        self.profile.start()
        self._labels, self._window = ExitStack(), ExitStack()
        self._labels.enter_context(labelled(parts))
        self._window.enter_context(label(WINDOW))
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has been recording."""
        return time.monotonic() - self._began

    def end_window(self) -> None:
        """End the window; what is done from now on is recorded, and is no part of it."""
        self._window.close()

    def events(self) -> Sequence[FunctionEvent]:
        """Return what was recorded, once it is stopped."""
        found: Sequence[FunctionEvent] = self.profile.events()  # type: ignore[no-untyped-call]
        return found

    def stop(self) -> None:
        """Take the labels off, and record no more."""
        self._labels.close()
        self.profile.stop()
