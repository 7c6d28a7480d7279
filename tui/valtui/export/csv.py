"""A session's log as CSV files: `train.csv`, `val.csv`, `events.csv`, replaced points left out.

A value that is not finite is written as nan, inf or -inf; one that was not measured is empty.
"""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from valtui.export.tables import tables_of
from valtui_trainer.session.layout import FILE_MODE, SessionPaths
from valtui_trainer.session.safe import safe, safe_json

FILES = ("train.csv", "val.csv", "events.csv")


def export_csv(session: SessionPaths, folder: Path) -> dict[str, int]:
    """Write the three files into `folder`, each completely or not at all.

    Returns:
        The number of rows by file name.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {
        name: write(folder / name, table.columns, table.rows)
        for name, table in zip(FILES, tables_of(session), strict=True)
    }


def cell(value: Any) -> Any:
    """Return one value as a CSV cell; files are looked at in terminals too."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return safe_json(msgspec.json.encode(value).decode()) if value else ""
    return safe(value) if isinstance(value, str) else value


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write one file by way of a temporary name; return the number of rows."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    count = 0
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            for row in rows:
                writer.writerow(map(cell, row))
                count += 1
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count
