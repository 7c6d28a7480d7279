"""The log of one seed of a watched run: what its columns mean, and what its rows amount to."""

from __future__ import annotations

from pathlib import Path

from valtui_trainer.foreign.columns import FIELDS, VAL, Meaning, meaning, plain
from valtui_trainer.foreign.points import Options, Point, Reader
from valtui_trainer.foreign.recognise import open_reader
from valtui_trainer.foreign.request import WatchedLog, source_of
from valtui_trainer.foreign.translate import Restart, Translator
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.records import Train, Val
from valtui_trainer.session.safe import safe

ROWS_A_LOOK = 4_000
STRANGE_RESTARTS = 3
STRANGE_DOUBLES = 10
SHOWN = ("train_loss", "val_loss", "val_accuracy", "step")
MOST_ANEW = 8
"""So often at the most a log is read anew because a column came that says more."""
KINDS_WITH_FRACTIONS = frozenset({"trainer-state"})


class FollowedSeed:
    """The log of one seed."""

    def __init__(self, log: WatchedLog, options: Options) -> None:
        """Read `log` from its beginning.

        Raises:
            SessionError: a package is missing.
        """
        self.log = log
        self.problem = ""
        self._options = options
        self._seeds: set[float] = set()
        self._anew = -1
        self.begin_anew()

    def begin_anew(self) -> None:
        """Read from the beginning, and learn the columns again.

        Raises:
            SessionError: a package is missing.
        """
        self._anew += 1
        self.reader: Reader = open_reader(source_of(self.log))
        self.reader.behind = True
        self.translator = Translator(
            Meaning(), self.log.seed, whole_epochs=self.log.kind not in KINDS_WITH_FRACTIONS
        )
        self.names: dict[str, None] = {}
        self.fresh = self.changed = False
        self._valued: set[str] = set()

    def read(self) -> list[Train | Val | Restart]:
        """Return what is new, translated; a log that cannot be read says so in `problem`."""
        self.fresh = self.changed = False
        try:
            points = self.reader.read(ROWS_A_LOOK)
            self.problem = ""
        except SessionError as error:
            self.problem = str(error)
            return []
        before, valued = self.translator.meaning, frozenset(self._valued)
        self._learn(points)
        self.fresh = bool(points)
        self.changed = self._anew < MOST_ANEW and self._says_more_than(before, valued)
        if self.changed:
            return []
        return list(self.translator.translate(points))

    def _learn(self, points: list[Point]) -> None:
        """See what the columns mean, where there are new ones."""
        before = len(self.names)
        for name in getattr(self.reader, "header", ()):
            self.names.setdefault(name)
        for point in points:
            if not self._valued >= point.values.keys():
                self._valued |= point.values.keys()
                self.names.update(dict.fromkeys(point.values))
        if len(self.names) > before:
            validates = plain(Path(self.log.path).stem) in VAL
            self.translator.places.meaning = meaning(self.names, self._options, validates)
        if len(self._seeds) < 2:
            self._seeds |= {point.values["seed"] for point in points if "seed" in point.values}

    def _says_more_than(self, before: Meaning, valued: frozenset[str]) -> bool:
        """Tell whether rows that became records would stand otherwise by the columns that came since."""
        now = self.translator.meaning
        others = [name for name in SHOWN if before[name] != now[name]]
        return bool(self.translator.records) and any(
            before[name] in valued or (name == "step" and not before[name]) for name in others
        )

    @property
    def understood(self) -> bool:
        """Tell whether anything of the log can be shown."""
        return any(name in self.translator.meaning.columns for name in FIELDS)

    @property
    def doubts(self) -> list[str]:
        """What is not beyond doubt about the columns, in sentences."""
        found = list(self.translator.meaning.doubts)
        if self.names and not self.understood:
            columns = ", ".join(safe(name, 40) for name in list(self.names)[:12])
            found.append(
                f"no column of {safe(self.log.path)} is recognised as a loss; name it with "
                f"--map val_loss=COLUMN. Its columns: {columns}."
            )
        wanted = [self._options.step, *self._options.columns.values()]
        missing = [one for one in wanted if one and self.names and one not in self.names]
        found += self._surprises()
        return found + [f"there is no column {safe(column)}." for column in missing]

    def _surprises(self) -> list[str]:
        """Return what is strange about the rows, in sentences."""
        path, translator = safe(self.log.path), self.translator
        found = []
        if len(self._seeds) > 1:
            found.append(f"{path} holds several seeds; valtui reads one log a seed.")
        if translator.restarts >= STRANGE_RESTARTS:
            found.append(
                f"The steps of {path} go back again and again. If they count within an epoch, log the epoch "
                "beside them, or a step of the whole training."
            )
        if translator.doubles > max(STRANGE_DOUBLES, translator.records):
            found.append(
                f"Most rows of {path} are of a step that was there already; --step COLUMN names a column "
                "that tells them apart."
            )
        return found

    @property
    def passed_over(self) -> list[str]:
        """What of the log is not shown, in sentences."""
        path = safe(self.log.path)
        dropped = self.reader.skipped + self.translator.places.unusable
        doubles = self.translator.doubles
        found = []
        if dropped or doubles:
            found.append(
                f"Passed over in {path}: {dropped:,} rows that are damaged or have no step, {doubles:,} of "
                "a step that was there already."
            )
        if getattr(self.reader, "unfinished", False):
            found.append(f"The last row of {path} has no end yet, and is not read.")
        return found
