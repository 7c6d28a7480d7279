"""Pictures for the README, drawn by the app itself: python -m bench.pictures SESSION_FOLDER [INTO]."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from valtui.app import ValtuiApp
from valtui.screens.causes import CausesScreen
from valtui.screens.compare import CompareScreen
from valtui.screens.home import HomeScreen
from valtui.screens.live import LiveScreen
from valtui_trainer.session.layout import SessionPaths

SIZE = (120, 40)
SECONDS = 30.0


async def until(pilot: Pilot[str], condition: Callable[[], object]) -> None:
    """Let the app work until `condition` holds, and what it then drew is on the screen.

    Raises:
        TimeoutError: it does not in time.
    """
    async with asyncio.timeout(SECONDS):
        while not condition():
            await pilot.pause(0.05)
    await pilot.pause(0.5)


async def draw(session: Path, into: Path) -> list[Path]:
    """Draw the live, causes, compare and home screens of the session's home, and return the files."""
    home = session.parents[1]
    into.mkdir(parents=True, exist_ok=True)
    app = ValtuiApp(home, SessionPaths(session))
    files = []

    def save(name: str) -> None:
        path = into / f"{name}.svg"
        path.write_text(app.export_screenshot(title="valtui"), encoding="utf-8")
        files.append(path)

    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LiveScreen) and app.screen.figures)
        save("live")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CausesScreen) and app.screen._shown)
        save("causes")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, LiveScreen))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and app.screen._shown)
        save("compare")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen) and app.screen._shown)
        save("home")
    return files


def main(arguments: list[str]) -> int:
    """Draw the pictures of the session folder in `arguments`."""
    if len(arguments) not in (1, 2) or not Path(arguments[0], "session.json").exists():
        print(__doc__, file=sys.stderr)
        return 2
    into = Path(arguments[1] if len(arguments) == 2 else "docs")
    for path in asyncio.run(draw(Path(arguments[0]).resolve(), into)):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
