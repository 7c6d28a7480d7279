"""`f` saves pictures of what is shown, `y` copies the command that repeats a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from screens.conftest import Recorded, arrives, sees, until
from support.fluctuating import losses_of, write_run
from valtui.app import ValtuiApp
from valtui.screens.live import LiveScreen
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import find_session

MakeApp = Callable[..., ValtuiApp]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def sound(folder: Path, count: int) -> list[str]:
    """Return the texts of all SVG pictures of a folder, whose PNG twins must show something."""
    said = []
    for path in sorted(folder.glob("*.svg")):
        root = ElementTree.parse(path).getroot()
        said.append(" ".join(element.text or "" for element in root.iter()))
        with Image.open(path.with_suffix(".png")) as image:
            assert image.format == "PNG"
            colours = image.getcolors(1 << 24)
            assert colours is not None
            assert len(colours) > 10
    assert len(said) == count == len(list(folder.glob("*.png")))
    return said


async def test_f_draws_the_panels_of_the_live_screen(
    app: MakeApp, ended: Recorded, here: Path
) -> None:
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await arrives(pilot, LiveScreen)
        await pilot.press("f")
        await sees(pilot, "Pictures in", "batch-size-val-loss.svg, .png")
        said = sound(here, 3)
        assert all("1 batch-32" in text and "3 batch-512" in text for text in said)
        await pilot.press("f")
        await sees(pilot, "batch-size-val-loss-2.svg")
        sound(here, 6)


async def test_f_draws_the_comparison_and_the_causes(
    app: MakeApp, ended: Recorded, here: Path
) -> None:
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await arrives(pilot, LiveScreen)
        await pilot.press("v")
        await sees(pilot, "ratio")
        await pilot.press("f")
        await sees(pilot, "volatility-compared.svg")
        said = sound(here, 2)
        assert all("1 batch-32" in text for text in said)


async def test_f_draws_what_would_be_left_of_the_volatility(
    app: MakeApp, home: Path, here: Path, living: set[Path]
) -> None:
    del living
    write_run(home, losses_of(common=0.5, own=1.0), preset=Preset())
    session = find_session(home, None)

    class Opened:
        paths: SessionPaths = session

    async with app(Opened()).run_test(size=(120, 40), notifications=True) as pilot:
        await arrives(pilot, LiveScreen)
        await pilot.press("c")
        await sees(pilot, "with a far larger validation set", "checks, overfitting")
        await pilot.press("f")
        await sees(pilot, "batch-32-volatility-left.svg")
        (text,) = sound(here, 1)
        assert "with a far larger validation set" in text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_where_the_current_folder_is_closed_pictures_go_to_the_home(
    app: MakeApp, ended: Recorded, here: Path, home: Path
) -> None:
    here.chmod(0o500)
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await arrives(pilot, LiveScreen)
        await pilot.press("f")
        await sees(pilot, "Pictures in")
        sound(home / "pictures", 3)


async def test_where_the_current_folder_is_gone_pictures_go_to_the_home(
    app: MakeApp, ended: Recorded, here: Path, home: Path
) -> None:
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await arrives(pilot, LiveScreen)
        here.rmdir()
        await pilot.press("f")
        await sees(pilot, "Pictures in")
        sound(home / "pictures", 3)


async def test_y_copies_and_shows_the_command(app: MakeApp, ended: Recorded) -> None:
    async with app(ended).run_test(size=(120, 40), notifications=True) as pilot:
        await arrives(pilot, LiveScreen)
        await pilot.press("2", "y")
        await sees(pilot, "valtui run batch-128")
        assert pilot.app.clipboard.startswith("valtui run batch-128 --set ")
        await pilot.press("v")
        await sees(pilot, "ratio")
        await pilot.press("down", "down", "y")
        await until(pilot, lambda: "run batch-512" in pilot.app.clipboard)
