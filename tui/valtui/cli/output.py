"""How commands speak: lines and tables on stdout, one JSON document, sentences on stderr.

Nothing that came from a file or a person reaches the terminal without being made harmless here.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from io import TextIOWrapper
from typing import Any

from valtui_trainer.session.safe import encodable, is_mark, safe, safe_json

SCHEMA = 1
LONGEST_LINE = 100_000


class CommandError(Exception):
    """A command could not do what was asked; its text is the sentence for the person."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        """Fail with `sentence`; `code` is 1 for a failure, 2 for a wrong question."""
        super().__init__(sentence)
        self.code = code


def prepare() -> None:
    """Let no terminal's character set make a command fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def line(text: str = "") -> None:
    """Write one line to stdout."""
    sys.stdout.write(safe(text, LONGEST_LINE) + "\n")


def flush() -> None:
    """Hand over what was written."""
    sys.stdout.flush()


def abandon() -> None:
    """Stop writing to a stdout that nobody reads any more, also when the interpreter ends."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return


def complain(sentence: str) -> None:
    """Write sentences to stderr, each on a line of its own with our name before it."""
    for part in sentence.split("\n"):
        sys.stderr.write(f"valtui: {safe(part, LONGEST_LINE)}\n")
    sys.stderr.flush()


def document(content: Any) -> None:
    """Write `content` as one JSON document: NaN and infinity are null, control characters escaped."""
    import msgspec

    encoded = msgspec.json.encode(encodable(msgspec.to_builtins(content)))
    sys.stdout.write(safe_json(msgspec.json.format(encoded, indent=2).decode()) + "\n")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write columns as wide as their widest cell, two spaces apart."""
    cells = [[safe(cell) for cell in row] for row in (header, *rows)]
    widths = [max(width(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        padded = (cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True))
        line("  ".join(padded).rstrip())


def width(text: str) -> int:
    """Return the terminal cells that `text` takes."""
    standing = [one for one in text if not is_mark(one)]
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in standing)
