"""Tables and sentences as Markdown, for pasting: names from outside show as they are and do nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

SPECIAL = re.compile(r"([\\`*_\[\]<>#|~$&])")
MENTION = re.compile(r"([@#])(?=\w)")
"""Of a person or an issue, which a forge finds in what is shown, where no escape is left."""

NOTHING_SEEN = "&#8203;"


def escaped(text: str) -> str:
    """Return `text` so that Markdown shows it as it stands."""
    shown = SPECIAL.sub(r"\\\1", text).replace("\n", " ")
    return MENTION.sub(rf"\1{NOTHING_SEEN}", shown)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    lines = [header, *rows]
    written = [f"| {' | '.join(map(escaped, line))} |" for line in lines]
    return [written[0], f"|{' --- |' * len(header)}", *written[1:]]
