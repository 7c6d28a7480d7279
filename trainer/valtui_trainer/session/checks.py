"""What the checks of a run found: at its start, which its events tell, and on demand, in documents."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress

import msgspec
from msgspec.structs import replace

from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import RunPaths, make_folder, utc_now
from valtui_trainer.session.records import CHECKS, Check, Checked, Event
from valtui_trainer.session.safe import safe
from valtui_trainer.session.tail import Tail

KIND = "check"

Moment = tuple[int, int, str]
"""When a check was made: attempt, step, and for those on demand their id, which sorts by time."""


def read_checks(run: RunPaths) -> list[Check]:
    """Return the newest of each check of `run`, in the order of `CHECKS`.

    What is damaged, cannot be read, or is of a kind that this version does not know, is passed over.
    """
    newest: dict[str, tuple[Moment, Check]] = {}
    for moment, check in (*from_events(run), *from_documents(run)):
        if check.check not in newest or moment >= newest[check.check][0]:
            newest[check.check] = (moment, check)
    return [newest[name][1] for name in CHECKS if name in newest]


def from_events(run: RunPaths) -> Iterator[tuple[Moment, Check]]:
    """Yield the checks that the attempts of `run` made themselves, oldest first."""
    for number in run.attempt_numbers():
        with suppress(SessionError):
            for event in Tail(run.attempt(number).events, Event).read():
                check = check_of(event)
                if check is not None:
                    yield (number, event.step or 0, ""), check


def from_documents(run: RunPaths) -> Iterator[tuple[Moment, Check]]:
    """Yield the checks of `run` that were made on demand, oldest first."""
    try:
        names = sorted(name for name in os.listdir(run.checks) if name.endswith(".json"))
    except OSError:
        return
    for name in names:
        with suppress(SessionError):
            document = read_document(run.checks / name, Checked)
            if document is not None and not name.startswith("."):
                for check in document.checks:
                    yield (document.attempt, document.step, name), harmless(check)


def check_of(event: Event) -> Check | None:
    """Return the check that an event tells of, or None."""
    if event.kind != KIND:
        return None
    try:
        return harmless(msgspec.convert(event.data, Check))
    except msgspec.ValidationError:
        return None


def harmless(check: Check) -> Check:
    """Return `check` with words that no terminal can be harmed by."""
    return replace(check, message=safe(check.message), unit=safe(check.unit, 40))


def write_checks(
    run: RunPaths, checks: list[Check], *, step: int, seed: int, checkpoint: str
) -> Checked:
    """Keep checks that were made on demand at a checkpoint of `run`.

    Raises:
        SessionError, OSError: the folder cannot be written.
    """
    numbers = run.attempt_numbers()
    document = Checked(
        id=f"{time.time_ns():020d}-{secrets.token_hex(3)}",
        created=utc_now(),
        attempt=numbers[-1] if numbers else 0,
        step=step,
        seed=seed,
        checkpoint=checkpoint,
        checks=checks,
    )
    make_folder(run.checks)
    write_document(run.checks / f"{document.id}.json", document)
    return document
