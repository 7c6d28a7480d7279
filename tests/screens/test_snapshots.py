"""The screens as pictures, at the sizes that people use. `pytest --snapshot-update` renews them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from screens.conftest import Recorded, sees
from screens.test_live import live_screen
from support.causes import make_causes
from support.probed import LOOKS, ProbeWriter
from valtui.app import ValtuiApp

AppMaker = Callable[..., ValtuiApp]
Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder without presets."""
    monkeypatch.chdir(tmp_path)


async def on_live(pilot: Pilot[Any]) -> None:
    """Wait until everything of an ended session is drawn."""
    await live_screen(pilot)
    await sees(pilot, "1 done, 1 failed, 1 stopped", "vol ", "batch-128 failed")


def test_home(snap_compare: Compare, app: AppMaker, ended: Recorded) -> None:
    async def ready(pilot: Pilot[Any]) -> None:
        await sees(pilot, "FAILED", "batch_size 512")

    assert snap_compare(app(), terminal_size=(120, 40), run_before=ready)


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (200, 60)], ids=lambda size: f"{size[0]}")
def test_live(snap_compare: Compare, app: AppMaker, ended: Recorded, size: tuple[int, int]) -> None:
    assert snap_compare(app(ended), terminal_size=size, run_before=on_live)


def test_causes(
    snap_compare: Compare, app: AppMaker, ended: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ready(pilot: Pilot[Any]) -> None:
        await live_screen(pilot)
        await pilot.press("c")
        await sees(pilot, "▸ 1 with a far larger", "#128", "by class", "53 % [40, 71]")

    ProbeWriter(ended.paths, "batch-32").end(looks=[LOOKS])
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("valtui.causes.causes", lambda run, *chosen: make_causes(run=run.id))

    assert snap_compare(app(ended), terminal_size=(120, 40), run_before=ready)


def test_compare(snap_compare: Compare, app: AppMaker, ended: Recorded) -> None:
    async def ready(pilot: Pilot[Any]) -> None:
        await on_live(pilot)
        await pilot.press("v")
        await sees(pilot, "(reference)", "stopped", "batch-512 stopped at epoch 6.")

    assert snap_compare(app(ended), terminal_size=(120, 40), run_before=ready)


def test_help(snap_compare: Compare, app: AppMaker) -> None:
    async def ready(pilot: Pilot[Any]) -> None:
        await sees(pilot, "none yet")
        await pilot.press("question_mark")
        await sees(pilot, "What the panels mean")

    assert snap_compare(app(), terminal_size=(120, 40), run_before=ready)
