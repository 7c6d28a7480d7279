"""Make text from outside harmless for a terminal: what would not show as itself becomes visible."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

LONGEST = 4_000
MOST_MARKS = 4
"""Marks that share one character's cell: scripts in use need no more, and more would paint over lines."""

KNOWN = {"\n": "␊", "\r": "␍", "\t": " ", "\x1b": "␛"}
# Printable to Unicode, yet nothing is seen of them: joiners, fillers, variation selectors.
HIDDEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U000e0100-\U000e01ef]"
)
# Vowels and ends of Korean syllables, which are letters but share the first one's cell.
JAMO = "[\u1161-\u11ff\ud7b0-\ud7fb]"
# Where marks can be too many: apart from those, no letter or digit is one, nor anything below U+0300.
CANDIDATE = f"(?:[^\\w\x00-\u02ff]|{JAMO})"
SUSPECT = re.compile(f"^{CANDIDATE}+|{CANDIDATE}{{{MOST_MARKS + 1},}}")
# In JSON everything outside ASCII is looked at one by one.
UNUSUAL = re.compile("[^\n -~]")


class Spellings(dict[int, str]):
    """How each character is shown, found once for each; `str.translate` asks by code point."""

    MOST = 20_000

    def __missing__(self, code: int) -> str:
        """Find out how a character is shown."""
        shown = spelling(chr(code))
        if len(self) < self.MOST:
            self[code] = shown
        return shown


def spelling(character: str) -> str:
    """Return `character`, a blank for any kind of space, or an escape where it would not be seen."""
    if character.isprintable() and not HIDDEN.match(character):
        return character
    return " " if unicodedata.category(character) == "Zs" else escape(character)


SPELLINGS = Spellings()


def safe(text: str, longest: int = LONGEST) -> str:
    """Return `text` on one line with every harmful character escaped, at most `longest` of them."""
    shown = text[: longest + 1]
    if not (shown.isascii() and shown.isprintable()):
        shown = SUSPECT.sub(without_floods, shown.translate(SPELLINGS))
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def without_floods(match: re.Match[str]) -> str:
    """Escape the marks that have no character to stand on, or of which it has enough."""
    marks = MOST_MARKS if match.start() == 0 else 0
    shown = []
    for character in match.group():
        marks = marks + 1 if is_mark(character) else 0
        shown.append(escape(character) if marks > MOST_MARKS else character)
    return "".join(shown)


def is_mark(character: str) -> bool:
    """Tell whether a character takes no cell of its own but shares that of the one before."""
    return unicodedata.category(character)[0] == "M" or bool(re.match(JAMO, character))


def escape(character: str) -> str:
    """Return a visible spelling of one character."""
    code = ord(character)
    wide = f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"
    return KNOWN.get(character) or (f"\\x{code:02x}" if code < 256 else wide)


def safe_json(document: str) -> str:
    """Return a JSON document that says the same with every harmful character as a JSON escape."""
    return UNUSUAL.sub(lambda match: json_spelling(match.group()), document)


def json_spelling(character: str) -> str:
    """Return `character`, or its escape in JSON where it would not show as itself."""
    code = ord(character)
    if SPELLINGS[code] == character and not is_mark(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def encodable(content: Any) -> Any:
    """Return `content` with names that are not UTF-8, as files can have, spelled so that JSON holds them."""
    if isinstance(content, str):
        return content.encode(errors="backslashreplace").decode()
    if isinstance(content, dict):
        return {encodable(key): encodable(value) for key, value in content.items()}
    return [encodable(one) for one in content] if isinstance(content, list | tuple) else content
