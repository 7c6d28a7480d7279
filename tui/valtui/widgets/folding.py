"""Breaks a sentence into lines by its width in cells. Plain Python."""

from __future__ import annotations

import re

from rich.cells import cell_len, chop_cells, set_cell_size

FIGURE = re.compile(r"(?<=\d) (?:%|\[)|(?<=%) \[|(?<=\d,) (?=[\d−.]+\])|(?<==) (?=\d)| (?==)")
"""Blanks inside of a figure such as `57 % [50, 65]`, which stays on one line."""

GLUE = "\u00a0"


def fold(text: str, width: int, most: int) -> list[str]:
    """Return `text` in at most so many lines of at most so many cells, broken at blanks.

    What is left over is cut, with "…" at the end. A word longer than a line is broken; a figure with
    its unit and interval is one word.
    """
    text = FIGURE.sub(lambda found: found.group().replace(" ", GLUE), text)
    return [line.replace(GLUE, " ") for line in _fold(text, width, most)]


def _fold(text: str, width: int, most: int) -> list[str]:
    width = max(1, width)
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if cell_len(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        *whole, line = chop_cells(word, width) if word else [""]
        lines.extend(whole)
    lines.append(line)
    if len(lines) > most:
        last = f"{lines[most - 1]} {lines[most]}"
        lines = [*lines[: most - 1], set_cell_size(last, width - 1).rstrip() + "…"]
    return lines
