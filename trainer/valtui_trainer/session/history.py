"""Everything a run has logged, over all its attempts, with the points that a later one replaced left out.

A point counts unless a later attempt has a `from_step` below its step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from valtui_trainer.session.documents import read_document
from valtui_trainer.session.layout import AttemptPaths, RunPaths
from valtui_trainer.session.records import Event, Start, Train, Val
from valtui_trainer.session.safe import safe
from valtui_trainer.session.tail import Tail


@dataclass(slots=True)
class News:
    """What came from one attempt since the last look.

    Attributes:
        attempt: its number.
        truncate_to: points after this step no longer count (a new attempt began there), or None.
        start: the attempt's start, the first time it is seen.
        complete: nothing more was there to read.
    """

    attempt: int
    truncate_to: int | None = None
    start: Start | None = None
    train: list[Train] = field(default_factory=list)
    val: list[Val] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Tell whether anything came."""
        return bool(self.start or self.train or self.val or self.events)


class AttemptReader:
    """Tails the files of one attempt."""

    def __init__(self, paths: AttemptPaths) -> None:
        """Read the attempt at `paths` from its beginning."""
        self.paths = paths
        self.start: Start | None = None
        self._train = Tail(paths.train, Train)
        self._val = Tail(paths.val, Val)
        self._events = Tail(paths.events, Event)

    @property
    def skipped(self) -> int:
        """Damaged lines so far."""
        return self._train.skipped + self._val.skipped + self._events.skipped

    def read(self, most_bytes: int) -> News:
        """Return what is new."""
        news = News(self.paths.number)
        if self.start is None:
            self.start = read_document(self.paths.start, Start)
            if self.start is not None:
                news.start = self.start
                news.truncate_to = self.start.from_step
        news.events = self._events.read(most_bytes)
        for event in news.events:
            event.message = safe(event.message)
        if self.start is not None:
            news.val = self._val.read(most_bytes)
            news.train = self._train.read(most_bytes)
        return news

    def exhausted(self) -> bool:
        """Tell whether all that is in the files was read."""
        return self._train.exhausted() and self._val.exhausted()


class RunReader:
    """Follows a run through its attempts."""

    def __init__(self, run: RunPaths) -> None:
        """Read `run` from its beginning."""
        self._run = run
        self._readers: list[AttemptReader] = []

    @property
    def skipped(self) -> int:
        """Damaged lines so far, over all attempts."""
        return sum(reader.skipped for reader in self._readers)

    def read(self, most_bytes: int = 1 << 40) -> list[News]:
        """Return what is new, attempt by attempt; a later one is read when the former is exhausted."""
        everything = []
        numbers = self._run.attempt_numbers()
        for position, number in enumerate(numbers):
            if position == len(self._readers):
                self._readers.append(AttemptReader(self._run.attempt(number)))
            reader = self._readers[position]
            if position < len(numbers) - 2 and reader.exhausted():
                continue
            news = reader.read(most_bytes)
            if news:
                everything.append(news)
            if position < len(numbers) - 1 and not reader.exhausted():
                break
        return everything


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
        if news.truncate_to is not None:
            limit = news.truncate_to
            self.train = [record for record in self.train if record.step <= limit]
            self.val = [(number, record) for number, record in self.val if record.step <= limit]
        if news.start is not None:
            self.starts.append(news.start)
        self.train.extend(news.train)
        self.val.extend((news.attempt, record) for record in news.val)
        self.events.extend((news.attempt, event) for event in news.events)


def read_history(run: RunPaths) -> History:
    """Return everything `run` has logged that counts."""
    history = History()
    reader = RunReader(run)
    while news := reader.read():
        for part in news:
            history.take(part)
    history.skipped = reader.skipped
    return history
