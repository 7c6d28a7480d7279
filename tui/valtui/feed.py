"""Follows a session folder: full series in memory, only what is new read, replaced points left out."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import numpy as np

from valtui.series import Array, SeedSeries, Table, ValMatrix
from valtui_trainer.session.about import read_about
from valtui_trainer.session.described import is_ours, status_of
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.history import News, RunReader, by_seed
from valtui_trainer.session.layout import RunPaths, SessionPaths, free_bytes
from valtui_trainer.session.listing import runs_of
from valtui_trainer.session.losses import losses_digest, read_losses
from valtui_trainer.session.machine import lives_elsewhere
from valtui_trainer.session.records import Event, RunSpec, SessionSpec, Start, Val
from valtui_trainer.session.state import Observer, RunStatus, supervisor_alive
from valtui_trainer.session.validation import read_validation
from valtui_trainer.session.waiting import Waiting

Losses = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Integers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Thumbnails = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

BYTES_A_POLL = 256 << 10
"""Read from a file before anything else gets a turn: a few milliseconds' work."""

NO_BYTES = 1_000_000
"""With fewer free, a disk is full."""


class RunFeed:
    """Follows one run."""

    def __init__(self, paths: RunPaths, spec: RunSpec) -> None:
        """Follow the run at `paths` from its beginning."""
        self.paths = paths
        self.spec = spec
        self.status = RunStatus("QUEUED")
        self.start: Start | None = None
        self.seeds = {seed: SeedSeries(seed) for seed in spec.seeds}
        self.events: list[Event] = []
        self.seams: list[int] = []
        self.version = 0
        self._reader = RunReader(paths)
        self._described: tuple[str, dict[str, Any]] = ("", {})

    @property
    def id(self) -> str:
        """The run's id."""
        return self.paths.id

    @property
    def unit(self) -> str:
        """What x of an evaluation counts: epochs, or steps where a program does not tell its epochs."""
        start = self.start
        told = start is not None and (start.steps_per_epoch > 0 or start.tells_epochs)
        return "epoch" if told or is_ours(self.spec) else "step"

    @property
    def skipped(self) -> int:
        """Damaged lines that were passed over."""
        return self._reader.skipped

    @property
    def accuracy_column(self) -> str:
        """The accuracy that means something here: balanced where the classes are not."""
        return (
            "val_accuracy" if self.start is None or self.start.balanced else "val_balanced_accuracy"
        )

    @property
    def behind(self) -> bool:
        """Tell whether more is there to read."""
        return self._reader.behind

    @property
    def evaluations_behind(self) -> bool:
        """Tell whether more evaluations are there to read."""
        return self._reader.evaluations_behind

    @property
    def training_behind(self) -> bool:
        """Tell whether more training records are there to read."""
        return self._reader.training_behind

    def poll_evaluations(self, most_bytes: int = BYTES_A_POLL) -> bool:
        """Read new evaluations and events; tell whether there were any.

        Raises:
            SessionError: a file cannot be read.
        """
        return self._take_all(self._reader.evaluations(most_bytes))

    def poll_training(self, most_bytes: int = BYTES_A_POLL) -> bool:
        """Read new training records; tell whether there were any.

        Raises:
            SessionError: a file cannot be read.
        """
        return self._take_all(self._reader.training(most_bytes))

    def _take_all(self, everything: Iterator[News]) -> bool:
        before = self.version
        for news in everything:
            self._take(news)
            self.version += 1
        return self.version != before

    def val_matrix(self) -> ValMatrix:
        """Return the evaluations common to all seeds, by step."""
        tables = [series.val for series in self.seeds.values()]
        steps = tables[0]["step"]
        for table in tables[1:]:
            steps = np.intersect1d(steps, table["step"])
        rows = [np.searchsorted(table["step"], steps) for table in tables]

        def stacked(column: str) -> Array:
            return np.stack([table[column][row] for table, row in zip(tables, rows, strict=True)])

        return ValMatrix(
            step=steps.copy(),
            epoch=tables[0]["epoch"][rows[0]],
            time=tables[0]["time"][rows[0]],
            loss=stacked("val_loss"),
            accuracy=stacked(self.accuracy_column),
            train_eval_loss=stacked("train_eval_loss"),
            precise=stacked("val_loss_precise"),
            calibrated=stacked("val_loss_calibrated"),
            temperature=stacked("temperature"),
            averaged=stacked("val_loss_averaged"),
        )

    def sample_losses(self, seed: int, steps: Array | None = None) -> Losses:
        """Return the per-sample losses of a seed's evaluations, at `steps` or all, shape (T, n).

        Rows that cannot be read are NaN. Shape (0, 0) where none can, or where the attempts evaluated
        different validation sets.
        """
        table = self.seeds[seed].val
        parts, digests = [], set()
        wanted = np.arange(len(table)) if steps is None else table["step"].searchsorted(steps)
        attempts = table["attempt"][wanted]
        for number in np.unique(attempts):
            chosen = wanted[attempts == number]
            records = [self._row_record(table, int(position)) for position in chosen]
            attempt = self.paths.attempt(int(number))
            rows = read_losses(attempt, records)
            if rows.size:
                digests.add((losses_digest(attempt), rows.shape[1]))
            parts.append(rows if rows.size else len(chosen))
        if len(digests) != 1:
            return np.empty((0, 0), np.float32)
        ((_, columns),) = digests
        return np.concatenate(
            [np.full((p, columns), np.nan, np.float32) if isinstance(p, int) else p for p in parts]
        )

    def validation(self) -> dict[str, Any]:
        """Return what describes the run's validation samples, but thumbnails; empty where not written."""
        digest = self.start.validation_digest if self.start is not None else ""
        if digest and digest != self._described[0]:
            found = read_validation(self._session, digest, thumbnails=False)
            if found is None:
                return {}
            self._described = digest, found
        return self._described[1] if digest else {}

    def thumbnails(self) -> Thumbnails | None:
        """Return the validation samples as small images, uint8 (n, h, w) or (n, h, w, 3), read anew."""
        if self.start is None:
            return None
        found = read_validation(self._session, self.start.validation_digest) or {}
        return found.get("thumbnail")

    @property
    def _session(self) -> SessionPaths:
        return SessionPaths(self.paths.folder.parents[1])

    def labels(self, samples: int) -> Integers | None:
        """Return the class of each of `samples` validation samples, or None where it is not known."""
        found = self.validation().get("label")
        return found if found is not None and len(found) == samples else None

    def strata(self, samples: int) -> Integers | None:
        """Return the classes (n,) that the validation samples were drawn by; None if drawn as they came."""
        by_class = self.start is None or self.start.by_class
        return self.labels(samples) if by_class else None

    def mean_sample_losses(self, steps: Array) -> Losses:
        """Return the mean over seeds of the per-sample losses at `steps` (T,), shape (T, n), or (0, 0)."""
        total: Losses | None = None
        for seed, series in self.seeds.items():
            rows = self.sample_losses(seed)
            if len(rows) != len(series.val) or not rows.size:
                return np.empty((0, 0), np.float32)
            rows = rows[np.searchsorted(series.val["step"], steps)]
            total = rows if total is None else total + rows
        if total is None:
            return np.empty((0, 0), np.float32)
        return (total / len(self.seeds)).astype(np.float32)

    def _row_record(self, table: Table, position: int) -> Val:
        row, crc = table["row"][position], table["crc"][position]
        return Val(
            n=0, time=0, step=int(table["step"][position]), epoch=0, seed=0,
            val_loss=None, val_accuracy=None, val_balanced_accuracy=None,
            row=None if np.isnan(row) else int(row), crc=None if np.isnan(crc) else int(crc),
        )  # fmt: skip

    def _take(self, news: News) -> None:
        if news.start is not None:
            self.start = news.start
        train, val = by_seed(news.train), by_seed(news.val)
        for seed, series in self.seeds.items():
            if news.train_until is not None:
                series.train.truncate(news.train_until)
            if news.val_until is not None:
                series.val.truncate(news.val_until)
            series.train.extend(train.get(seed, ()))
            series.val.extend(val.get(seed, ()), attempt=float(news.attempt))
        if news.val_until is not None:
            self._add_seam(news.attempt, news.val_until)
        self.events.extend(news.events)

    @property
    def warning(self) -> str:
        """The newest thing that went wrong without ending the run, if it was not put right since."""
        put_right = {"data", "start"}
        for event in reversed(self.events):
            if event.kind == "checkpoint":
                put_right.add("checkpoint")
            if event.kind == "warning" and event.data.get("about") not in put_right:
                return event.message
        return ""

    @property
    def paused(self) -> str:
        """What the trainer said of its pause, such as what stays taken; empty while it is not paused."""
        if self.status.state != "PAUSED":
            return ""
        said = (event for event in reversed(self.events) if event.data.get("command") == "pause")
        return next((event.message.removeprefix("paused; ") for event in said), "")

    def _add_seam(self, attempt: int, step: int) -> None:
        self.seams = [seam for seam in self.seams if seam < step]
        if attempt > 0 and step > 0:
            self.seams.append(step)


READINGS = (
    (RunFeed.poll_evaluations, attrgetter("evaluations_behind")),
    (RunFeed.poll_training, attrgetter("training_behind")),
)
"""What is read first and second of a run, and how it tells that there is more."""


class SessionFeed:
    """Follows one session and all its runs, those added later too.

    Attributes:
        name: that a person gave it.
        no_room: the disk of the session is full.
        elsewhere: the host that trains it, if that is another one.
    """

    def __init__(self, paths: SessionPaths) -> None:
        """Follow the session at `paths`.

        Raises:
            SessionError: it is damaged, gone, or of a newer valtui.
        """
        spec = read_document(paths.spec, SessionSpec)
        if spec is None:
            raise SessionError(f"{paths.folder} holds no session (there is no session.json).")
        self.paths = paths
        self.spec = spec
        self.runs: list[RunFeed] = []
        self.supervised = False
        self.gone = False
        self.no_room = False
        self.name = ""
        self.elsewhere = spec.host if lives_elsewhere(paths.folder, spec.host) else ""
        self._observer = Observer()
        self._waiting = Waiting(paths)
        self._known: set[str] = set()
        self.poll_status()

    @property
    def warning(self) -> str:
        """What the supervisor last complained of, if nothing went well since."""
        return self._waiting.warning

    def run(self, identity: str) -> RunFeed:
        """Return the run with that id."""
        return next(run for run in self.runs if run.id == identity)

    @property
    def behind(self) -> bool:
        """Tell whether more is there to read."""
        return any(run.behind for run in self.runs)

    def poll(self, most_bytes: int = BYTES_A_POLL) -> bool:
        """Read a bite of what is new in all runs; tell whether anything was.

        Evaluations come first, for they are few and what people look for.

        Raises:
            SessionError: a file cannot be read; what can was read nevertheless.
        """
        return self._read(most_bytes, until=0.0)

    def catch_up(self, seconds: float) -> bool:
        """Read what is new, in bites, for about so many seconds; tell whether anything was.

        Raises:
            SessionError: a file cannot be read; what can was read nevertheless.
        """
        return self._read(BYTES_A_POLL, until=time.monotonic() + seconds)

    def drain(self) -> None:
        """Read everything that is there.

        Raises:
            SessionError: a file cannot be read; what can was read nevertheless.
        """
        self._read(BYTES_A_POLL, until=math.inf)

    def _read(self, most_bytes: int, until: float) -> bool:
        """Read a bite of each run, then of those that have more: evaluations, then training records."""
        changed = False
        problems: dict[str, SessionError] = {}
        for read, is_behind in READINGS:
            runs = self.runs
            while runs:
                for run in runs:
                    try:
                        changed |= read(run, most_bytes)
                    except SessionError as error:
                        problems[run.id] = error
                runs = [run for run in runs if is_behind(run) and run.id not in problems]
                if time.monotonic() >= until:
                    break
            if runs:
                break
        for problem in problems.values():
            raise problem
        return changed

    def poll_status(self) -> bool:
        """Look at states, and for new runs; tell whether anything changed."""
        self.gone = not self.paths.spec.exists()
        if self.gone:
            return True
        before = self._told()
        if set(self.paths.run_ids()) != self._known:
            known = {run.id: run for run in self.runs}
            self.runs = [
                known.get(paths.id) or RunFeed(paths, spec) for paths, spec in runs_of(self.paths)
            ]
            self._known = {run.id for run in self.runs}
        self.supervised = supervisor_alive(self.paths)
        self.name = read_about(self.paths).name
        self._waiting.look()
        for run in self.runs:
            found = self._observer.observe(run.paths, self.supervised)
            run.status = status_of(run.spec, self._waiting.true_status(run.paths, found))
        free = free_bytes(self.paths.folder)
        self.no_room = free is not None and free < NO_BYTES
        return before != self._told()

    def _told(self) -> tuple[object, ...]:
        return self.warning, self.no_room, self.name, *((run.id, run.status) for run in self.runs)

    @property
    def ended(self) -> bool:
        """Tell whether every run has ended."""
        return all(run.status.ended for run in self.runs)

    @property
    def left(self) -> float | None:
        """Estimated seconds until the last run ends, or None while unknown.

        Queued runs are taken to last as long as the longest that is under way.
        """
        waiting = [run for run in self.runs if run.status.state == "QUEUED"]
        under_way = [run.status.left for run in self.runs if run.status.left is not None]
        if not under_way:
            return None
        places = max(1, self.spec.parallel or len(under_way))
        whole = [
            run.status.left / max(1e-6, 1 - run.status.progress)
            for run in self.runs
            if run.status.left is not None and run.status.progress < 1
        ]
        rounds = -(-len(waiting) // places)
        return max(under_way) + rounds * (max(whole) if whole else 0.0)
