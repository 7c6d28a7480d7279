"""`wandb leet`: runs as wandb writes them offline, and its screen on a pty of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.screen.recorded import Recorded, shows_curves
from bench.screen.streaming import Seen

ROOT = Path(__file__).parents[2]
DOWN, UP = "\x1b[B", "\x1b[A"


@contextmanager
def written(folder: Path, runs: int, points: int) -> Iterator[Path]:
    """Have wandb write runs that go on growing inside; yield the folder that its screen takes."""
    folder.mkdir()
    for name, value in (("CONFIG", "config"), ("CACHE", "cache"), ("DATA", "data")):
        os.environ[f"WANDB_{name}_DIR"] = str(folder / value)
    os.environ.update(WANDB_ERROR_REPORTING="false", WANDB_MODE="offline")  # nothing is sent
    writer = subprocess.Popen(
        [sys.executable, "-m", "bench.screen.leet_data", str(folder), str(runs), str(points)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    try:
        if writer.stdout.readline().strip() != "ready":
            raise RuntimeError("wandb wrote no runs")
        yield folder / "wandb"
    finally:
        writer.stdin.close()
        writer.wait()


def through_python(place: Path) -> list[str]:
    """Return what starts the screen as its command does."""
    return ["-m", "wandb", "leet", str(place)]


def overlay_all(terminal: Recorded, runs: int) -> None:
    """Show the curves of all runs; it begins with the newest one's."""
    terminal.record_until(shows_curves)
    terminal.record_for(1.0)
    terminal.look()
    for _ in range(runs):
        terminal.press(DOWN)
        terminal.record_for(0.3)
        terminal.look()
        marks = [line.split()[0] for line in terminal.text.splitlines() if "offline-run" in line]
        selected = next(
            index
            for index in range(len(marks))
            if terminal.screen.buffer[index + 1][3].bg != "default"
        )
        if marks[selected] == "○":
            terminal.press(" ")
            terminal.record_for(0.5)
            terminal.look()


def run_keys(terminal: Recorded, times: int) -> Iterable[tuple[str, Seen]]:
    """Yield keys that go to another run, and what tells that its name is shown."""
    for _ in range(times):
        name = shown_name(terminal)
        key = DOWN if terminal.screen.buffer[1][3].bg != "default" else UP
        yield key, lambda name=name: shown_name(terminal) not in ("", name)


def shown_name(terminal: Recorded) -> str:
    """Return the name of the run that is described."""
    _, found, rest = terminal.text.partition("Name: ")
    return rest.split()[0] if found else ""
