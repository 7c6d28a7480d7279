"""One watched run: its seeds' logs, read as they grow and written as our records."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterator
from operator import attrgetter

from valtui_trainer.foreign.followed_seed import FollowedSeed
from valtui_trainer.foreign.points import Options
from valtui_trainer.foreign.request import WatchedLog
from valtui_trainer.foreign.translate import Restart
from valtui_trainer.session.guest import Guest, GuestLog
from valtui_trainer.session.layout import utc_now
from valtui_trainer.session.patience import Patience
from valtui_trainer.session.records import Final, Train, Val
from valtui_trainer.session.safe import safe
from valtui_trainer.session.state import WATCHED

SETTLED_SECONDS = 2.0
"""After so long an evaluation gets no further figures from rows of the same step."""
QUIET_SECONDS = 60.0
NO_SAMPLES = (
    "This log has no losses by sample, which the finite validation set, the hardest samples and "
    'calibration need. In the training: recorder = Recorder("name") and '
    "recorder.evaluate(model, val_loader, step=step)."
)


class Followed:
    """Follows one run; its records go into the session's folder."""

    def __init__(self, guest: Guest, logs: list[WatchedLog], options: Options) -> None:
        """Begin to follow.

        Raises:
            SessionError: a package is missing.
            OSError: the run's files cannot be made.
        """
        self._seeds = [FollowedSeed(log, options) for log in logs]
        self._log = GuestLog(guest, lambda _: None, Patience(), phase=WATCHED)
        self._told: set[str] = set()
        self._news_at = time.monotonic()
        self._step, self._epoch = 0, 0.0
        self._bests: list[tuple[float, int]] = []
        self._described = False

    @property
    def behind(self) -> bool:
        """Tell whether there is more to read at once."""
        return any(seed.reader.behind and not seed.problem for seed in self._seeds)

    @property
    def problems(self) -> list[str]:
        """What keeps the run from being shown, in sentences."""
        return [*(seed.problem for seed in self._seeds if seed.problem), *self._doubts()]

    def _doubts(self) -> list[str]:
        return list(dict.fromkeys(one for seed in self._seeds for one in seed.doubts))

    @property
    def understood(self) -> bool:
        """Tell whether anything of it can be shown."""
        return any(seed.understood for seed in self._seeds)

    def look(self) -> bool:
        """Read a bite of what is new and write it; tell whether anything was."""
        news = [seed.read() for seed in self._seeds]
        now = time.monotonic()
        if any(seed.fresh for seed in self._seeds):
            self._news_at = now
        if any(seed.changed for seed in self._seeds):
            self._begin_anew()
            return True
        if any(news):
            self._describe()
            for item in in_order(news):
                self._write(item)
        if not self.behind:
            self._settle(now - SETTLED_SECONDS)
        self._log.heart.phase = phase_after(now - self._news_at)
        for problem in self.problems:
            self._warn(problem)
        return any(news)

    def _begin_anew(self) -> None:
        """Read all again from the beginning, by the columns that are known now."""
        for seed in self._seeds:
            seed.begin_anew()
        self._go_back(-1)
        self._warn("A column came that says more than another; the log is read anew.")
        self._described = False

    def _settle(self, moment: float) -> None:
        """Write what waits for further figures since before that moment."""
        for seed in self._seeds:
            for record in seed.translator.settled(moment):
                self._describe()
                self._write(record)

    def _describe(self) -> None:
        """Write the start of the run once its columns are known."""
        if self._described:
            return
        self._described = True
        first = self._seeds[0]
        self._log.describe(
            steps_per_epoch=int(first.translator.places.tells_epochs),
            data_source="", notes=[], device_name=safe(first.log.kind),
        )  # fmt: skip
        if NO_SAMPLES not in self._told:
            self._told.add(NO_SAMPLES)
            self._log.event("lens", NO_SAMPLES)

    def _write(self, item: Train | Val | Restart) -> None:
        if isinstance(item, Restart):
            if len(self._seeds) == 1:
                self._go_back(item.step)
            self._warn(told(item, alone=len(self._seeds) == 1))
            return
        self._step, self._epoch = max(self._step, item.step), item.epoch
        if isinstance(item, Train):
            self._log.train(item)
            return
        loss = item.val_loss
        if (
            loss is not None
            and math.isfinite(loss)
            and (not self._bests or loss < self._bests[-1][0])
        ):
            self._bests.append((loss, item.step))
        self._log.val(item, None)

    def _go_back(self, step: int) -> None:
        """Begin the next attempt, after which points beyond `step` no longer count."""
        self._log.restart(step)
        self._step = max(0, min(self._step, step))
        self._bests = [(loss, at) for loss, at in self._bests if at <= step]

    def _warn(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._log.event("warning", sentence, self._step, about="watch")

    @property
    def passed_over(self) -> list[str]:
        """What of the logs is not shown, in sentences."""
        return [sentence for seed in self._seeds for sentence in seed.passed_over]

    def sync(self) -> None:
        """Bring what was written to the disk."""
        self._log.sync()

    def close(self) -> None:
        """Write what is left, and that nobody watches any more."""
        self._settle(math.inf)
        for sentence in self.passed_over:
            self._log.event("warning", sentence, self._step, about="watch")
        loss, step = self._bests[-1] if self._bests else (None, None)
        self._log.close(
            Final(
                status="stopped", step=self._step, epoch=self._epoch, time=self._log.seconds,
                ended=utc_now(), reason="no longer watched", best_step=step, best_val_loss=loss,
            )
        )  # fmt: skip


def in_order(news: list[list[Train | Val | Restart]]) -> Iterator[Train | Val | Restart]:
    """Yield what came of all seeds: of one in its order, of several step by step."""
    if len(news) == 1:
        yield from news[0]
        return
    marked = [[one for one in of_seed if not isinstance(one, Restart)] for of_seed in news]
    for of_seed in news:
        yield from (one for one in of_seed if isinstance(one, Restart))
    yield from heapq.merge(*marked, key=attrgetter("step"))


def told(restart: Restart, alone: bool) -> str:
    """Return what is said of a restart, of the only seed or of one of several."""
    where = f"to step {restart.step:,}" if restart.step >= 0 else "to its beginning"
    if alone:
        return f"The training went back {where} and began again there."
    return f"A seed went back {where}; of steps that it had logged before, the first figures count."


def phase_after(seconds: float) -> str:
    """Return what is known of a run that has said nothing for so long."""
    if seconds < QUIET_SECONDS:
        return WATCHED
    minutes = int(seconds // 60)
    quiet = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
    return f"{WATCHED}, no news for {quiet}"
