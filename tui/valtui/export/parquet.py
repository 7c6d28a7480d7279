"""A session's log as Parquet: `train.parquet`, `val.parquet`, `events.parquet`, columns as in the CSV."""

from __future__ import annotations

import secrets
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from valtui.export.tables import Table, tables_of
from valtui_trainer.session.layout import FILE_MODE, SessionPaths
from valtui_trainer.session.safe import safe, safe_json

FILES = ("train.parquet", "val.parquet", "events.parquet")
ROWS_AT_ONCE = 50_000
WHOLE = frozenset({"seed", "attempt", "n", "step", "row", "crc"})
WORDS = frozenset({"run", "preset", "kind", "message", "data"})


def export_parquet(session: SessionPaths, folder: Path) -> dict[str, int]:
    """Write the three files into `folder`, each completely or not at all.

    A value that is not finite stays so; one that was not measured is null.

    Returns:
        The number of rows by file name.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {
        name: write(folder / name, table)
        for name, table in zip(FILES, tables_of(session), strict=True)
    }


def write(path: Path, table: Table) -> int:
    """Write one file by way of a temporary name; return the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        name: pa.int64() if name in WHOLE else pa.string() if name in WORDS else pa.float64()
        for name in table.columns
    }
    schema = pa.schema(list(types.items()))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    count, rows = 0, iter(table.rows)
    try:
        temporary.touch(FILE_MODE)
        with pq.ParquetWriter(temporary, schema) as writer:
            while some := list(islice(rows, ROWS_AT_ONCE)):
                columns = zip(*(map(cell, row) for row in some), strict=True)
                arrays = [
                    pa.array(list(column), kind)
                    for column, kind in zip(columns, types.values(), strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                count += len(some)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def cell(value: Any) -> Any:
    """Return one value as a column of its kind takes it."""
    if value == "":
        return None
    if isinstance(value, dict):
        return safe_json(msgspec.json.encode(value).decode()) if value else None
    return safe(value) if isinstance(value, str) else value
