"""The font of a picture: one that has every character of it, or else characters that the font has."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

FACES = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf")
"""Looked for in the system's folders where Pillow's own font lacks a character; it knows Latin and digits."""

NO_CHARACTER = "\uffff"
"""Drawn as whatever stands for what a font has not."""

PLAIN = {
    "–": "-", "—": "-", "−": "-", "×": "x", "≥": ">=", "≤": "<=", "≈": "~", "→": "->", "ß": "ss",
    "▲": "^", "△": "^", "▼": "v", "▽": "v", "◆": "*", "◇": "*", "★": "*", "☆": "*", "✕": "x",
    "✚": "+", "●": "o", "○": "o", "■": "#", "□": "#",
}  # fmt: skip
"""How characters are told in ASCII, beside those that lose their accents."""


def face_for(texts: Iterable[str]) -> str:
    """Return the file of the font that has most characters of `texts`; empty: Pillow's own, if none has more."""
    characters = frozenset("".join(texts))
    return min(("", *FACES), key=lambda face: len(lacking(face, characters)))


@functools.lru_cache(maxsize=64)
def font_of(face: str, size: float) -> Font:
    """Return a font in a size.

    Raises:
        OSError: there is no such file in the system's folders.
    """
    return ImageFont.truetype(face, size) if face else ImageFont.load_default(size)


def lacking(face: str, characters: frozenset[str]) -> frozenset[str]:
    """Return the characters that a font has not; all of them where there is no such font."""
    try:
        font = font_of(face, 24)
    except OSError:
        return characters
    box = bytes(font.getmask(NO_CHARACTER))
    return frozenset(one for one in characters if one != " " and bytes(font.getmask(one)) == box)


def legible(text: str, face: str) -> str:
    """Return `text` with what the font lacks told in ASCII, `?` where nothing else tells it."""
    missing = lacking(face, frozenset(text))
    return "".join(in_ascii(one) if one in missing else one for one in text)


def in_ascii(character: str) -> str:
    """Return a character in ASCII, such as `x` for `×` and `o` for `ö`."""
    if character in PLAIN:
        return PLAIN[character]
    taken_apart = unicodedata.normalize("NFKD", character)
    return taken_apart.encode("ascii", "ignore").decode() or "?"
