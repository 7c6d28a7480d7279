"""What a person wrote on a session: a name and a note, in a file of their own; the last writer wins."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.records import SCHEMA
from valtui_trainer.session.safe import safe

FILE = "about.json"
LONGEST_NAME = 80
LONGEST_NOTE = 4_000


class About(Struct, frozen=True, kw_only=True):
    """`about.json`; empty texts where nothing was written."""

    name: str = ""
    note: str = ""
    schema: int = SCHEMA


NOTHING = About()


def read_about(session: SessionPaths) -> About:
    """Return what was written on a session; nothing where the file is damaged or not there."""
    try:
        found = read_document(session.folder / FILE, About) or NOTHING
    except SessionError:
        return NOTHING
    return About(name=found.name[:LONGEST_NAME], note=found.note[:LONGEST_NOTE])


def write_about(
    session: SessionPaths, *, name: str | None = None, note: str | None = None
) -> About:
    """Write a name or a note on a session; empty takes it away, None leaves it as it is.

    Raises:
        SessionError: it is too long, or cannot be written.
    """
    about = read_about(session)
    if name is not None:
        about = replace(about, name=checked(name, LONGEST_NAME, "name"))
    if note is not None:
        about = replace(about, note=checked(note, LONGEST_NOTE, "note"))
    try:
        write_document(session.folder / FILE, about)
    except OSError as error:
        raise SessionError(
            f"{session.folder / FILE}: cannot be written ({error.strerror})."
        ) from None
    return about


def checked(text: str, longest: int, what: str) -> str:
    """Return `text` on one line, without spaces around it.

    Raises:
        SessionError: it is too long.
    """
    whole = on_one_line(text)
    if len(whole) > longest:
        raise SessionError(f"The {what} has {len(whole):,} characters; {longest:,} are the most.")
    return safe(whole, longest)


def on_one_line(text: str) -> str:
    """Return `text` with single spaces within and none around it."""
    return re.sub(r"\s+", " ", text.encode(errors="backslashreplace").decode()).strip()


def is_called(about: About, wanted: str) -> bool:
    """Tell whether a person who writes `wanted` means the session of that name, in whatever case."""
    return about.name.casefold() == safe(on_one_line(wanted), LONGEST_NAME).casefold()


def matches(wanted: str, texts: Iterable[str]) -> bool:
    """Tell whether every word of `wanted` stands somewhere in `texts`, in whatever case."""
    everything = "\n".join(texts).casefold()
    return all(word in everything for word in safe(on_one_line(wanted)).casefold().split())
