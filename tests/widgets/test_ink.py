"""What a terminal shows of styles that are told by their changes: the same as of each told whole."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from valtui.widgets.ink import Ink

COLOURS = st.none() | st.sampled_from(
    ["default", "red", "bright_blue", "color(42)", "#56b4e9", "#121212"]
)
SWITCH = st.none() | st.booleans()
STYLES = st.none() | st.builds(
    Style, color=COLOURS, bgcolor=COLOURS, bold=SWITCH, italic=SWITCH, underline=SWITCH,
    reverse=SWITCH, strike=SWITCH,
)  # fmt: skip
SEGMENTS = st.lists(
    st.builds(Segment, st.text("ab ⣿", min_size=1, max_size=4), STYLES), max_size=12
)
SYSTEMS = st.sampled_from([ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD])


def shown(text: str) -> list[object]:
    """The cells of a terminal after `text` and a plain x, which shows what was left set."""
    screen = pyte.Screen(60, 1)
    pyte.Stream(screen).feed(text + "x")
    return [screen.buffer[0][column] for column in range(60)]


@given(SEGMENTS, SYSTEMS)
def test_the_terminal_shows_what_styles_told_whole_would(
    segments: list[Segment], system: ColorSystem
) -> None:
    ink = Ink(system)
    console = Console()
    console._color_system = system
    whole = "".join(Strip([segment]).render(console) for segment in map(renewed, segments))

    assert shown(ink.write(segments) + ink.end()) == shown(whole)


def renewed(segment: Segment) -> Segment:
    """A segment whose style has not kept the sequence of another terminal."""
    return Segment(segment.text, segment.style and segment.style.copy())


def test_nothing_is_said_where_nothing_changes() -> None:
    ink = Ink(ColorSystem.TRUECOLOR)
    style = Style(color="#56b4e9", bgcolor="#121212")

    assert ink.write([Segment("a", style), Segment("b", style.copy())]).count("\x1b") == 1
    assert ink.write([Segment("c", style + Style(bold=True))]) == "\x1b[1mc"
    assert ink.end() == "\x1b[0m"
    assert ink.end() == ""


@pytest.mark.parametrize("system", [None, ColorSystem.TRUECOLOR])
def test_a_link_is_written_whole(system: ColorSystem | None) -> None:
    ink = Ink(system)
    text = ink.write([Segment("a", Style(bold=True)), Segment("b", Style(link="https://x.org"))])

    assert "\x1b]8;" in text
    assert text.index("\x1b[0m") < text.index("\x1b]8;")
