"""Everything a run has logged, over all its attempts, with the points that a later one replaced left out.

A point counts unless a later attempt has a `from_step` below its step. Evaluations and training
records are followed apart, so that the few evaluations need not wait for the many training records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter, lt
from pathlib import Path
from typing import Generic, TypeVar

from valtui_trainer.session.documents import read_document
from valtui_trainer.session.layout import AttemptPaths, RunPaths
from valtui_trainer.session.records import Event, Start, Train, Val
from valtui_trainer.session.safe import safe
from valtui_trainer.session.tail import Tail

T = TypeVar("T", Train, Val)

ALL = 1 << 40
NOTHING = -1
"""As the step after which points no longer count: none does; all will come anew."""

SEED, STEP = attrgetter("seed"), attrgetter("step")


@dataclass(slots=True)
class News:
    """What came from one attempt since the last look.

    Attributes:
        attempt: its number.
        start: the attempt's start, the first time it is seen.
        val_until: evaluations after this step, of those that came before, no longer count; or None.
        train_until: the same of training records.
    """

    attempt: int
    start: Start | None = None
    val_until: int | None = None
    train_until: int | None = None
    train: list[Train] = field(default_factory=list)
    val: list[Val] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Piece(Generic[T]):
    """Records of one kind from one attempt; those before, after the step `until`, no longer count."""

    attempt: int
    until: int | None
    records: list[T]


class Starts:
    """The `start.json` of each attempt, read once it is there and knows its validation set.

    A recorded run learns of that at its first evaluation, and says so then.
    """

    def __init__(self, run: RunPaths) -> None:
        """Read those of `run`."""
        self._run = run
        self._known: dict[int, Start] = {}

    def of(self, number: int) -> Start | None:
        """Return the start of an attempt, or None before there is one."""
        known = self._known.get(number)
        if known is None or (not known.val_size and not known.total_steps):
            start = read_document(self._run.attempt(number).start, Start)
            if start is None:
                return known
            self._known[number] = start
        return self._known[number]


class Lane(Generic[T]):
    """Follows records of one kind from attempt to attempt; steps rise, for each seed.

    Attributes:
        behind: the last call left something unread, or there was none yet.
        skipped: damaged lines, and records whose step does not rise, so far.
    """

    def __init__(
        self, run: RunPaths, starts: Starts, kind: type[T], path: Callable[[AttemptPaths], Path]
    ) -> None:
        """Follow the records of `kind`, which lie at `path` of an attempt of `run`."""
        self._run = run
        self._starts = starts
        self._kind: type[T] = kind
        self._path = path
        self._begin()

    def _begin(self) -> None:
        self.behind = True
        self._attempt = -1
        self._tail: Tail[T] | None = None
        self._steps: dict[int, int] = {}
        self._skipped = 0

    @property
    def skipped(self) -> int:
        """Damaged lines, and records whose step does not rise, so far."""
        return self._skipped + (self._tail.skipped if self._tail is not None else 0)

    def read(self, attempts: list[int], most_bytes: int) -> Iterator[Piece[T]]:
        """Yield what is new, attempt by attempt; a later one is read when the former is at its end."""
        self.behind = False
        for number in attempts:
            if number < self._attempt or (start := self._starts.of(number)) is None:
                continue
            until = None
            if self._tail is None or number > self._attempt:
                until = start.from_step
                self._skipped = self.skipped
                self._attempt = number
                self._tail = Tail(self._path(self._run.attempt(number)), self._kind)
                self._steps = {seed: min(step, until) for seed, step in self._steps.items()}
                yield Piece(number, until, [])
            for records in self._tail.batches(most_bytes):
                if self._tail.restarts:
                    break
                yield Piece(number, None, self._rising(records))
            if self._tail.restarts:  # another file in its place: all anew
                self._begin()
                yield Piece(number, NOTHING, [])
                return
            if not self._tail.exhausted():
                self.behind = True
                return

    def _rising(self, records: list[T]) -> list[T]:
        """Leave out records whose step does not rise, seed by seed."""
        if self._all_rise(records):
            return records
        steps, kept = self._steps, []
        for record in records:
            if record.step > steps.get(record.seed, NOTHING):
                steps[record.seed] = record.step
                kept.append(record)
        self._skipped += len(records) - len(kept)
        return kept

    def _all_rise(self, records: list[T]) -> bool:
        """Tell whether the steps of all rise; if so, remember the last."""
        last: dict[int, int] = {}
        for seed, of_seed in by_seed(records).items():
            steps = list(map(STEP, of_seed))
            if steps[0] <= self._steps.get(seed, NOTHING):
                return False
            if not all(map(lt, steps, islice(steps, 1, None))):
                return False
            last[seed] = steps[-1]
        self._steps.update(last)
        return True


def by_seed(records: list[T]) -> dict[int, list[T]]:
    """Return the records of each seed, in their order."""
    present = set(map(SEED, records))
    if len(present) == 1:
        return {present.pop(): records}
    groups: dict[int, list[T]] = {seed: [] for seed in present}
    for record in records:
        groups[record.seed].append(record)
    return groups


class RunReader:
    """Follows a run through its attempts."""

    def __init__(self, run: RunPaths) -> None:
        """Read `run` from its beginning."""
        self._run = run
        self._starts = Starts(run)
        self._told: dict[int, Start | None] = {}
        self._events: dict[int, Tail[Event]] = {}
        self._val = Lane(run, self._starts, Val, lambda attempt: attempt.val)
        self._train = Lane(run, self._starts, Train, lambda attempt: attempt.train)

    @property
    def skipped(self) -> int:
        """Damaged lines so far, over all attempts."""
        events = sum(tail.skipped for tail in self._events.values())
        return events + self._val.skipped + self._train.skipped

    @property
    def evaluations_behind(self) -> bool:
        """Tell whether there are evaluations or events that the last call left unread."""
        return self._val.behind or not all(tail.exhausted() for tail in self._events.values())

    @property
    def training_behind(self) -> bool:
        """Tell whether there are training records that the last call left unread."""
        return self._train.behind

    @property
    def behind(self) -> bool:
        """Tell whether there is anything that the last call left unread."""
        return self.evaluations_behind or self.training_behind

    def read(self, most_bytes: int = ALL) -> Iterator[News]:
        """Yield what is new: evaluations and events, then training records.

        Raises:
            SessionError: a file cannot be read; what was yielded counts, and does not come again.
        """
        yield from self.evaluations(most_bytes)
        yield from self.training(most_bytes)

    def evaluations(self, most_bytes: int = ALL) -> Iterator[News]:
        """Yield new starts, events and evaluations, reading about `most_bytes` of a file at the most.

        Raises:
            SessionError: a file cannot be read.
        """
        numbers = self._run.attempt_numbers()
        for number in numbers:
            yield from self._events_of(number, number in numbers[-2:], most_bytes)
        for piece in self._val.read(numbers, most_bytes):
            start = self._starts.of(piece.attempt)
            if start == self._told.get(piece.attempt):
                start = None
            else:
                self._told[piece.attempt] = start
            yield News(piece.attempt, start, val_until=piece.until, val=piece.records)

    def training(self, most_bytes: int = ALL) -> Iterator[News]:
        """Yield new training records, reading about `most_bytes` at the most.

        Raises:
            SessionError: a file cannot be read.
        """
        for piece in self._train.read(self._run.attempt_numbers(), most_bytes):
            yield News(piece.attempt, train_until=piece.until, train=piece.records)

    def _events_of(self, number: int, may_grow: bool, most_bytes: int) -> Iterator[News]:
        known = number in self._events
        tail = self._events.setdefault(number, Tail(self._run.attempt(number).events, Event))
        if known and tail.exhausted() and not may_grow:
            return
        events = tail.read(most_bytes)
        for event in events:
            event.message = safe(event.message)
        if events:
            yield News(number, events=events)


@dataclass(slots=True)
class History:
    """All counted points of a run, read at once."""

    train: list[Train] = field(default_factory=list)
    val: list[tuple[int, Val]] = field(default_factory=list)
    events: list[tuple[int, Event]] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    skipped: int = 0

    def take(self, news: News) -> None:
        """Add what came, applying the rule for replaced points."""
        if (limit := news.train_until) is not None:
            self.train = [record for record in self.train if record.step <= limit]
        if (limit := news.val_until) is not None:
            self.val = [(number, record) for number, record in self.val if record.step <= limit]
        if news.start is not None:
            earlier = [one for one in self.starts if one.attempt != news.start.attempt]
            self.starts = [*earlier, news.start]
        self.train.extend(news.train)
        self.val.extend((news.attempt, record) for record in news.val)
        self.events.extend((news.attempt, event) for event in news.events)


def read_history(run: RunPaths) -> History:
    """Return everything `run` has logged that counts.

    Raises:
        SessionError: a file cannot be read, or is of a newer valtui.
    """
    history = History()
    reader = RunReader(run)
    while True:
        for news in reader.read():
            history.take(news)
        if not reader.behind:
            break
    history.skipped = reader.skipped
    return history


def read_evaluations(run: RunPaths) -> list[Val]:
    """Return the evaluations of `run` that count, over all attempts, without reading what it logged else.

    Raises:
        SessionError: a file cannot be read, or is of a newer valtui.
    """
    history, reader = History(), RunReader(run)
    while True:
        for news in reader.evaluations():
            history.take(news)
        if not reader.evaluations_behind:
            return [record for _, record in history.val]
