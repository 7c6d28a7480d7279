"""Tables and sentences as Markdown, for pasting: names from outside show as they are and do nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

SPECIAL = re.compile(r"([\\`*_\[\]<>#|~$])")


def escaped(text: str) -> str:
    """Return `text` so that Markdown shows it as it stands."""
    return SPECIAL.sub(r"\\\1", text).replace("\n", " ")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    lines = [header, *rows]
    written = [f"| {' | '.join(map(escaped, line))} |" for line in lines]
    return [written[0], f"|{' --- |' * len(header)}", *written[1:]]
