"""The real app in a real terminal, on a session in which everything is hostile."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.folders import hostile_session
from hostile.witness import ATTACKS, MARKUP, stray
from support.commands import VALTUI
from support.terminal import Terminal

FOLDERS = (
    "acc[⁄val]", "[@click=app.quit]", "red\x1b[31m", "clip\x1b]52;c;UFdORUQ=\x07", "bidi\u202egnp",
    "line\r\nfeed", "c1\x9b?25l", "zero\u200bwidth", "\udcff\udc9d0;PWNED\udc9c",
)  # fmt: skip
SHOWN = (
    "acc[⁄val]", "[@click=app.quit]", "red␛[31m", "clip␛]52;c;UFdORUQ=\\x07", "bidi\\u202egnp",
    "line␍␊feed", "c1\\x9b?25l", "zero\\u200bwidth", "\\udcff\\udc9d0;PWNED\\udc9c",
)  # fmt: skip
OURS = re.compile(
    "\x1b\\[[0-9;?<>=$ ]*[A-Za-z]|\x1b\\]22;[a-z-]*\x07|\x1b[()][A-Z0-9]|\x1b[=>78M]|\x0f|[\r\n]"
)
"""What Textual itself sends: control sequences, the pointer's shape (OSC 22), line ends."""
MODES = frozenset(
    ["7", "25", "1000", "1003", "1004", "1006", "1015", "1016", "1049", "2004", "2026", "2048"]
)
SEQUENCES = re.compile("\x1b\\[([?<>=]?)([0-9;]*)\\$?([A-Za-z])")


@contextlib.contextmanager
def opened(*arguments: str) -> Iterator[tuple[Terminal, list[bytes]]]:
    """`valtui ARGUMENTS` in a terminal, and all bytes it has sent so far."""
    terminal = Terminal([*VALTUI, *arguments], 170, 60, VALTUI_HOME=os.environ["VALTUI_HOME"])
    try:
        yield terminal, []
    finally:
        terminal.close()


def sees(terminal: Terminal, sent: list[bytes], *words: str) -> None:
    """Wait until the screen shows all `words`; keep what was sent until then."""
    sent.append(terminal.read_until(lambda: all(word in terminal.text for word in words)))


def modes(sent: str) -> set[str]:
    """Return the private modes that were set or reset."""
    return {
        number
        for private, numbers, last in SEQUENCES.findall(sent)
        if private == "?" and last in "hl"
        for number in numbers.split(";")
    }


def assert_nothing_got_through(sent: list[bytes]) -> None:
    """Fail if more reached the terminal than characters that show and what Textual itself sends."""
    text = b"".join(sent).decode()
    rest = OURS.sub("", text)
    assert [
        ascii(rest[max(0, at - 8) : at + 30]) for at, one in enumerate(rest) if stray(one)
    ] == []
    assert [attack for attack in ATTACKS if len(attack) > 2 and f"x{attack}" in text] == []
    assert [folder for folder in FOLDERS if "\x1b" in folder and folder in text] == []
    assert modes(text) <= MODES


@pytest.fixture
def session(home: Path) -> str:
    """The id of a session of nine runs."""
    found = itertools.cycle([f"x{attack}y" for attack in (*MARKUP, *ATTACKS)])
    return hostile_session(home, lambda: next(found), FOLDERS, steps=80).id


def test_every_screen_shows_hostile_text_literally_and_the_app_lives(session: str) -> None:
    with opened("open", session) as (terminal, sent):
        sees(terminal, sent, *SHOWN, "failed: ")
        title = terminal.screen.title
        terminal.press("v")
        sees(terminal, sent, "compare", "vol. %", *SHOWN[:5])
        terminal.press("\x1b")
        sees(terminal, sent, "presets", "validation loss")
        for number in (4, 9):
            terminal.press(str(number))
            sees(terminal, sent, f"▸{number} ")
            terminal.press("o")
            sees(terminal, sent, f"{SHOWN[number - 1]}, attempt 0")
            terminal.press("o")
            sees(terminal, sent, "validation loss")
        terminal.press("?")
        sees(terminal, sent, "What the panels mean")
        terminal.press("\x1b")
        sees(terminal, sent, "validation loss")
        terminal.press("\x1b")
        sees(terminal, sent, "sessions, newest first", "FAILED")
        terminal.press("s")
        sees(terminal, sent, "started (UTC)", "acc[⁄val]")
        terminal.press("q")
        sent.append(terminal.read_until(lambda: terminal.process.poll() is not None))
        sent.append(terminal.read(0.1))

        assert terminal.process.returncode == 0
        assert terminal.screen.title == title
        assert terminal.screen.cursor.hidden is False
        assert "PWNED" not in terminal.screen.title + terminal.screen.icon_name
        assert_nothing_got_through(sent)


def test_what_an_app_says_when_it_fails_is_harmless(session: str, tmp_path: Path) -> None:
    program = (
        "from valtui.screens.live import LiveScreen\n"
        "from valtui.cli.main import main\n"
        "def fail(screen): raise RuntimeError('not \\x1b]0;PWNED\\x07 \\x9b31m thought of')\n"
        "LiveScreen._redraw = fail\n"
        f"raise SystemExit(main(['open', {session!r}]))\n"
    )
    (tmp_path / "failing.py").write_text(program)
    terminal = Terminal(
        [str(tmp_path / "failing.py")], 120, 40, VALTUI_HOME=os.environ["VALTUI_HOME"]
    )
    try:
        sent = terminal.read_until(lambda: terminal.process.poll() is not None)
        sent += terminal.read(0.2)
    finally:
        terminal.close()

    said = sent[sent.rindex(b"\x1b[?1049l") :]  # before that Textual rings its bell
    assert_nothing_got_through([said])
    assert "not ␛" in terminal.text
    assert "thought of" in terminal.text
