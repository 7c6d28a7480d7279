"""What is started on the terminals: valtui, and the least that Python and Textual take."""

from __future__ import annotations

from pathlib import Path

VALTUI = ["-m", "valtui.cli.main"]
SIZES = ((200, 50), (80, 24))
BARE = """
from textual.app import App
from textual.widgets import Static


class Bare(App):
    def compose(self):
        yield Static("bare")


Bare().run()
"""


def bare_app(folder: Path) -> list[str]:
    """Return what starts a Textual app of one text; its program lies in `folder`."""
    program = folder / "bare.py"
    program.write_text(BARE)
    return [str(program)]


def open_session(home: Path, session: str) -> list[str]:
    """Return what opens a session live."""
    return [*VALTUI, "open", session, "--home", str(home)]


def words(size: tuple[int, int]) -> str:
    """Return a size as people write it."""
    return f"{size[0]}x{size[1]}"
