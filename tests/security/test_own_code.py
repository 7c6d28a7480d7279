"""A preset that names code of the user's own is only text until `--allow-code` is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from textual.widgets import OptionList

from screens.conftest import sees
from security.conftest import SCRIPT
from valtui.app import ValtuiApp
from valtui.cli import doctor
from valtui.cli.main import main

MODULE = """
from pathlib import Path
Path(__file__).with_name("executed").touch()
from torch import nn

class Net(nn.Module):
    def __init__(self, channels, height, width, classes):
        super().__init__()
        self.layer = nn.Linear(channels * height * width, classes)

    def forward(self, images):
        return self.layer(images.flatten(1))
"""


@pytest.fixture
def evil(tmp_path: Path, home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a preset that names a module which anybody here could import."""
    del home
    (tmp_path / "presets" / "studies").mkdir(parents=True)
    (tmp_path / "evil.py").write_text(MODULE)
    (tmp_path / "presets" / "evil.toml").write_text(
        f'data = "{digits}"\nepochs = 0.25\neval_every = 0.25\n[model]\nname = "evil:Net"\n'
    )
    (tmp_path / "presets" / "studies" / "evils.toml").write_text(
        'question = "Is it run?"\npresets = ["evil", "seed-cnn"]\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def command(place: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the real command line."""
    done = subprocess.run(
        [sys.executable, *SCRIPT, *words],
        cwd=place,
        env=os.environ.copy(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_listing_presets_imports_nothing(evil: Path) -> None:
    text = command(evil, "presets").stdout
    listed = json.loads(command(evil, "presets", "--json").stdout)

    assert "evil:Net" in text
    assert "evil" in [one["name"] for one in listed["presets"]]
    assert not (evil / "executed").exists()


@pytest.mark.parametrize("name", ["evil", "evils"])
def test_a_run_without_the_word_is_refused_and_imports_nothing(evil: Path, name: str) -> None:
    done = command(evil, "run", name, "--plain", code=2)

    assert "--allow-code" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (evil / "executed").exists()
    assert not list((evil / "home").glob("sessions/*"))


def test_the_doctor_imports_nothing(evil: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(evil)
    monkeypatch.setattr(doctor, "ask_child", lambda: {"torch": None})

    main(["doctor"])

    assert "evil" not in sys.modules
    assert not (evil / "executed").exists()


async def test_the_home_screen_lists_it_and_refuses_to_start_it_without_an_import(
    evil: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(evil)
    (evil / "home").mkdir(mode=0o700)

    async with ValtuiApp(evil / "home").run_test(size=(140, 50), notifications=True) as pilot:
        await sees(pilot, "Is it run?")
        presets = pilot.app.screen.query_one("#presets", OptionList)
        presets.focus()
        presets.highlighted = presets.get_option_index("preset:evil")
        await sees(pilot, "evil:Net")
        await pilot.press("enter")
        await sees(pilot, "--allow-code")

    assert "evil" not in sys.modules
    assert not (evil / "executed").exists()


@pytest.mark.slow
def test_with_the_word_a_module_of_the_current_folder_is_imported_and_trained(
    evil: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH")

    done = command(evil, "run", "evil", "--allow-code", "--plain")

    assert "done" in done.stdout
    assert (evil / "executed").exists()
