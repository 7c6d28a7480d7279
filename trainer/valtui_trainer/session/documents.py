"""Write a whole JSON document so that it is there completely or not at all; read it back typed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import FILE_MODE
from valtui_trainer.session.records import DAMAGED, SCHEMA

T = TypeVar("T", bound=Struct)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` by way of a temporary name, synced before it appears."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, FILE_MODE)
    try:
        os.fchmod(descriptor, FILE_MODE)
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fdatasync(descriptor)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    temporary.rename(path)


def write_document(path: Path, document: Struct) -> None:
    """Write `document` as indented JSON, completely or not at all."""
    write_bytes(path, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def read_document(path: Path, kind: type[T]) -> T | None:
    """Return the document at `path`, or None while there is none.

    Raises:
        SessionError: it is damaged, or written by a newer valtui.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SessionError(f"{path}: cannot be read ({error.strerror}).") from None
    try:
        found = msgspec.json.decode(content, type=Schema).schema
        if found > SCHEMA:
            raise SessionError(
                f"{path}: was written by a newer valtui (schema {found}, this one reads {SCHEMA}). "
                "Update valtui to open it."
            )
        return msgspec.json.decode(content, type=kind)
    except DAMAGED as error:
        raise SessionError(f"{path}: is damaged ({error}).") from None


class Schema(Struct):
    """The one field every document has in every version."""

    schema: int = SCHEMA
