"""What the screen's process loads, and when: the first frame waits for nothing heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from screens.conftest import Recorded

HEAVY = ("torch", "numpy", "scipy", "torchvision", "PIL")

FIRST_FRAME = """
import asyncio, json, sys
from pathlib import Path
from valtui.app import ValtuiApp
from valtui.screens.home import HomeScreen

loaded = []

def fill(self):
    loaded.extend(name for name in sys.modules if "." not in name)
    self.app.exit()

HomeScreen._fill = fill  # what follows the first paint

async def main():
    async with ValtuiApp(Path(sys.argv[1])).run_test(size=(120, 40)) as pilot:
        while not loaded:
            await pilot.pause()

asyncio.run(main())
print(json.dumps(loaded))
"""

OPEN_AND_COMPARE = """
import asyncio, json, sys
from pathlib import Path
from valtui.app import ValtuiApp
from valtui_trainer.session.layout import SessionPaths

async def main():
    app = ValtuiApp(Path(sys.argv[1]), SessionPaths(Path(sys.argv[2])))
    async with app.run_test(size=(120, 40)) as pilot:
        while type(app.screen).__name__ != "LiveScreen" or not app.screen.figures:
            await pilot.pause(0.02)
        await pilot.press("v")
        while not getattr(app.screen, "_shown", None):
            await pilot.pause(0.02)

asyncio.run(main())
print(json.dumps([name for name in sys.modules if "." not in name]))
"""


def loaded_by(script: str, *arguments: Path) -> set[str]:
    """Run `script` in a process of its own and return the modules it names."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True, text=True, timeout=60, env=os.environ.copy(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_first_frame_loads_nothing_heavy(home: Path) -> None:
    home.mkdir(mode=0o700)

    loaded = loaded_by(FIRST_FRAME, home)

    assert "textual" in loaded
    assert not loaded & set(HEAVY)


def test_after_a_session_and_a_comparison_there_is_still_no_torch(
    home: Path, ended: Recorded
) -> None:
    loaded = loaded_by(OPEN_AND_COMPARE, home, ended.paths.folder)

    assert "numpy" in loaded
    assert not loaded & {"torch", "torchvision"}
