"""Styled text as a terminal takes it, where each change of style is said in as few bytes as it takes.

Textual sets every colour and resets all after each piece; most neighbours share a ground, or all.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

PLAIN = Style()
RESET = "\x1b[0m"


class Ink:
    """Writes segments one after another, knowing what was set before."""

    def __init__(self, system: ColorSystem | None) -> None:
        """Write for a terminal of the colours `system`, in no style at first."""
        self._system = system or ColorSystem.TRUECOLOR
        self._set = PLAIN

    def write(self, segments: Iterable[Segment]) -> str:
        """Return `segments` as text and control sequences."""
        written: list[str] = []
        for text, given, _ in segments:
            style = given or PLAIN
            if style.link:
                written += [self.end(), Strip.render_style(style, text, self._system)]
                continue
            if style is not self._set:
                written.append(change(self._set, style, self._system))
                self._set = style
            written.append(text)
        return "".join(written)

    def end(self) -> str:
        """Return what takes the last style away."""
        before, self._set = self._set, PLAIN
        return change(before, PLAIN, self._system)


@lru_cache(maxsize=4096)
def change(before: Style, after: Style, system: ColorSystem) -> str:
    """Return the sequence that takes a terminal from one style to another; empty where they look alike."""
    worn, wanted = attributes(before), attributes(after)
    colours = (before.color, before.bgcolor), (after.color, after.bgcolor)
    old, new = (
        [code(colour, system, ground) for ground, colour in enumerate(pair)] for pair in colours
    )
    if worn & ~wanted or any(
        there and not following for there, following in zip(old, new, strict=True)
    ):
        worn, old = 0, ["", ""]
        codes = ["0"]
    else:
        codes = []
    codes += [sign for bit, sign in Style._style_map.items() if wanted & ~worn & 1 << bit]
    codes += [following for there, following in zip(old, new, strict=True) if following != there]
    if codes == ["0"]:
        return RESET
    return f"\x1b[{';'.join(codes)}m" if codes else ""


def attributes(style: Style) -> int:
    """Return what is set of bold, dim, italic, …, as bits."""
    return style._attributes & style._set_attributes


def code(colour: Color | None, system: ColorSystem, ground: int) -> str:
    """Return what sets a colour, of the ink or (1) the ground; empty for none."""
    if colour is None:
        return ""
    return ";".join(colour.downgrade(system).get_ansi_codes(foreground=not ground))
