"""Hostile text, and a terminal that tells whether any of it got through."""

from __future__ import annotations

import unicodedata
from typing import Any

import pyte
from hypothesis import strategies as st
from wcwidth import wcwidth

MARKUP = ("acc[/val]", "[@click=app.quit]", "[red]x[/red]", "[b", "[/]", "\\[x]", "$primary")
ATTACKS = (
    "\x1b[31m", "\x1b]0;PWNED\x07", "\x1b]52;c;UFdORUQ=\x07", "\x1b]52;c;UFdORUQ=\x1b\\", "\x1bc",
    "\x1b[?1049l", "\x1b[?25l", "\x1b[2J", "\x1b[H", "\x1b[6n", "\x1bP+q544e\x1b\\", "\x1b", "\x9b31m",
    "\x9d0;PWNED\x9c", "\x90q\x9c", "\x00", "\x07", "\x08", "\x7f", "\r", "\n", "\r\n", "\t", "\x0b",
    "\x0c", "\x0e", "\x1c", "\x85", "\xad", "\u061c", "\u180e", "\u200b", "\u200d", "\u200f", "\u2028",
    "\u2029", "\u202e", "\u2066", "\u2069", "\u206a", "\ufeff", "\ufe0f", "\ufff9", "\u3164", "\u034f",
    "\U000e0041", "\U000e0100", "\ue000", "\U0010fffd", "\u1100" + "\u1163" * 40, "e" + "\u0301" * 40, "a" + "\u0489" * 40,
)  # fmt: skip
INVISIBLE = frozenset("\u034f\u115f\u1160\u180b\u180c\u180d\u180f\u3164\uffa0").union(
    map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)

COMMANDS = pyte.Stream.events | {"set_title", "set_icon_name"}

lone_surrogates = st.characters(categories=["Cs"])
texts = st.lists(
    st.one_of(
        st.sampled_from(ATTACKS),
        st.sampled_from(MARKUP),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    ),
    max_size=6,
).map("".join)
"""Text as a JSON document can carry it."""

any_text = st.lists(st.one_of(texts, lone_surrogates), max_size=4).map("".join)
"""Text as Python can carry it."""


def as_argument(text: str) -> str:
    """Return as much of `text` as an argument of a command or a file's name can hold: bytes but NUL."""
    as_bytes = text.replace("\x00", "").encode(errors="surrogatepass")
    return as_bytes.decode(errors="surrogateescape")


def as_folder(text: str) -> str:
    """Return as much of `text` as a folder's name can hold."""
    kept = as_argument(text).replace("/", "⁄").encode(errors="surrogateescape")[:120]
    return kept.decode(errors="surrogateescape").lstrip(".") or "run"


arguments = any_text.map(as_argument)
folder_names = any_text.map(as_folder)


def stray(text: str) -> list[str]:
    """Return the characters of a command's output that a terminal may not be sent."""
    return [character for character in text if character != "\n" and not shows(character)]


def shows(character: str) -> bool:
    """Tell whether a character is seen, alone or as a mark on the one before."""
    if character == " ":
        return True
    mark = unicodedata.category(character)[0] == "M" or "\u1161" <= character <= "\u11ff"
    return (
        character.isprintable()
        and character not in INVISIBLE
        and (mark or "\ud7b0" <= character <= "\ud7fb" or wcwidth(character) > 0)
    )


class Witness:
    """A terminal that writes down whatever it is told to do besides showing characters."""

    def __init__(self, columns: int) -> None:
        self.screen = pyte.Screen(columns, 5)
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.screen, name)
        if name in ("draw", "carriage_return", "linefeed") or name not in COMMANDS:
            return method

        def noted(*arguments: Any, **options: Any) -> Any:
            self.told.append(name)
            return method(*arguments, **options)

        return noted


def watch(output: bytes, columns: int = 200) -> Witness:
    """Return a terminal that was sent `output`."""
    witness = Witness(columns)
    pyte.ByteStream(witness).feed(output.replace(b"\n", b"\r\n"))
    return witness


def assert_harmless(output: bytes) -> None:
    """Fail if anything in a command's output does more than show a character or end a line."""
    assert stray(output.decode()) == []
    witness = watch(output)
    fresh = pyte.Screen(200, 5)
    assert witness.told == []
    assert (witness.screen.title, witness.screen.icon_name) == ("", "")
    assert witness.screen.mode == fresh.mode
    assert witness.screen.cursor.attrs == fresh.cursor.attrs
    assert witness.screen.cursor.hidden is False
