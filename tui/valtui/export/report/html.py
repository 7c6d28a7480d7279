"""Pieces of HTML: text from outside is text and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import msgspec

from valtui.export.picture import svg
from valtui.export.picture.scene import Scene
from valtui_trainer.session.safe import encodable, safe, safe_json

LONGEST = 20_000
FOLDERS = re.compile(r"(?<![^\s=,:;\"'(\[])(?:~[\w.-]*)?/(?:[^\s=,:;\"'()\[\]/]+/)+")
"""The folders before a name, as a path of this machine has them."""

PATH = re.compile(r"(?P<key>[\w.-]+=)?(?:~[\w.-]*)?/[^:\n]*?(?P<last>[^/:\n]+)/?")
"""A text that is one path and nothing else, spaces and all, or one that a key is set to."""

WRITTEN = frozenset({"name", "note"})
BREAKS = re.compile("[<>&\u2028\u2029]")


def text(words: str) -> str:
    """Return `words` to be shown, of paths the last name alone: a page is handed on."""
    return as_written(last_names(words))


def last_names(words: str) -> str:
    """Return `words` with the last names alone of the paths in them."""
    whole = PATH.fullmatch(words)
    return f"{whole['key'] or ''}{whole['last']}" if whole else FOLDERS.sub("", words)


def as_written(words: str) -> str:
    """Return `words`, which a person wrote for those who read the page, to be shown as they are."""
    return escape(safe(words, LONGEST))


def without_folders(content: Any) -> Any:
    """Return a document whose texts tell of paths the last name alone; a person's own stay as they are."""
    if isinstance(content, str):
        return last_names(content)
    if isinstance(content, dict):
        return {
            key: value if key in WRITTEN else without_folders(value)
            for key, value in content.items()
        }
    return [without_folders(one) for one in content] if isinstance(content, list) else content


def figure(words: str, value: float | None, what: str) -> str:
    """Return a figure as people read it, with the number itself and what it is beside it."""
    exact = "" if value is None or value != value else repr(float(value))
    return (
        f'<span class="figure" data-what="{text(what)}" data-value="{exact}">{text(words)}</span>'
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]], classes: str = "") -> str:
    """Return a table of cells that are HTML already; the first column names the row."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return (
        f'<div class="wide"><table class="{classes}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def listed(sentences: Iterable[str]) -> str:
    """Return sentences, HTML already, as a list."""
    found = "".join(f"<li>{one}</li>" for one in sentences)
    return f"<ul>{found}</ul>" if found else ""


def details(summary: str, inside: str) -> str:
    """Return something that opens when it is asked for."""
    return f"<details><summary>{summary}</summary>{inside}</details>"


def drawing(wide: Scene, narrow: Scene, caption: str = "") -> str:
    """Return a drawing twice: for a desk and for a phone; style shows one of them."""
    said = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    return (
        f"<figure>{svg.part_of_page(wide, 'at-a-desk')}{svg.part_of_page(narrow, 'on-a-phone')}"
        f"{said}</figure>"
    )


def json_block(identity: str, content: Any) -> str:
    """Return a document for programs; nothing in it can end the element it stands in."""
    content = without_folders(encodable(msgspec.to_builtins(content)))
    encoded = msgspec.json.encode(content).decode()
    closed = BREAKS.sub(lambda one: f"\\u{ord(one.group()):04x}", safe_json(encoded))
    return f'<script type="application/json" id="{identity}">{closed}</script>'
