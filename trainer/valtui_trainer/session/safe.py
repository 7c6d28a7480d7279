"""Make text from outside harmless for a terminal: control and bidi characters become visible."""

from __future__ import annotations

import re

# C0 and C1 controls, zero-width and bidirectional controls, line separators, lone surrogates, BOM.
HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
LONGEST = 4_000


def safe(text: str, longest: int = LONGEST) -> str:
    """Return `text` on one line with every harmful character escaped, cut after `longest`."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return HARMFUL.sub(lambda match: escape(match.group()), cut)


def escape(character: str) -> str:
    """Return a visible spelling of one character."""
    known = {"\n": "␊", "\r": "␍", "\t": " ", "\x1b": "␛"}
    code = ord(character)
    return known.get(character) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
