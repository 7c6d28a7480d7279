"""What a supervisor says to the screens: events of the session, kept until there is room for them."""

from __future__ import annotations

import time
from collections import deque

from valtui_trainer.session.append import Records
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.patience import Impatience
from valtui_trainer.session.records import Event
from valtui_trainer.session.tail import Tail


class Notes:
    """The writer of a session's events. A supervisor has more to do than to wait for a full disk.

    Attributes:
        answered: ids of the commands that were answered before this supervisor began.
    """

    def __init__(self, session: SessionPaths) -> None:
        """Go on after what earlier supervisors wrote."""
        past = Tail(session.events, Event).read()
        self.answered = {str(event.data.get("id")) for event in past if event.kind == "command"}
        self._began = time.monotonic()
        self._records = Records(session.events, Impatience())
        self._records.count = past[-1].n + 1 if past else 0
        self._unwritten: deque[Event] = deque()

    def add(self, kind: str, message: str, **data: str | None) -> None:
        """Say something, now or as soon as it can be written."""
        moment = time.monotonic() - self._began
        self._unwritten.append(Event(n=0, time=moment, kind=kind, message=message, data=data))
        self.write()

    def write(self) -> bool:
        """Write what can be written; tell whether nothing is left."""
        try:
            while self._unwritten:
                self._records.append(self._unwritten[0])
                self._unwritten.popleft()
            self._records.sync()
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        self._records.close()
