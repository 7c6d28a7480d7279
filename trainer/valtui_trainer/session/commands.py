"""Commands: small files that a screen puts down and a trainer or supervisor takes up."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress

import msgspec

from valtui_trainer.session.documents import write_document
from valtui_trainer.session.layout import AttemptPaths, SessionPaths
from valtui_trainer.session.records import DAMAGED, Command, CommandName, Event, RunSpec
from valtui_trainer.session.tail import Tail


def send(
    session: SessionPaths,
    command: CommandName,
    run: str | None = None,
    spec: RunSpec | None = None,
    probe: str | None = None,
) -> str:
    """Put a command into the session's folder and return its id, which sorts by time."""
    name = f"{time.time_ns():020d}-{secrets.token_hex(3)}"
    document = Command(id=name, command=command, run=run, spec=spec, probe=probe)
    write_document(session.commands / f"{name}.json", document)
    return name


class Inbox:
    """Takes up the commands that concern one reader, each once."""

    def __init__(self, session: SessionPaths, answered: set[str]) -> None:
        """Read commands of `session`, passing over the ids in `answered`."""
        self._folder = session.commands
        self._seen = set(answered)

    def take(self) -> list[Command]:
        """Return the commands that came since the last call, oldest first."""
        try:
            names = sorted(name for name in os.listdir(self._folder) if name.endswith(".json"))
        except OSError:
            return []
        commands = []
        for name in names:
            identity = name.removesuffix(".json")
            if identity in self._seen or name.startswith("."):
                continue
            try:
                content = (self._folder / name).read_bytes()
            except OSError:  # read when it can be
                continue
            self._seen.add(identity)
            with suppress(*DAMAGED):
                commands.append(msgspec.json.decode(content, type=Command))
        return commands


def answered_ids(attempt: AttemptPaths) -> set[str]:
    """Return the ids of the commands that an attempt's events answer."""
    events = Tail(attempt.events, Event).read()
    return {str(event.data.get("id")) for event in events if event.kind == "command"}
