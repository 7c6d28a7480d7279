"""Preset files with hostile names and contents: listed as they are spelled, and no crash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from hostile.test_command_line import QUICK, numbers, valtui
from hostile.witness import as_folder, shows, texts
from screens.conftest import sees
from valtui.app import ValtuiApp
from valtui_trainer.supervise import validate

NAMES = {
    "aa-red\x1b[31m": "aa-red␛[31m",
    "ab-line\nfeed": "ab-line␊feed",
    "ac[⁄val]": "ac[⁄val]",
    "ad[@click=app.quit]": "ad[@click=app.quit]",
    "ae\u202egnp": "ae\\u202egnp",
    "af\udcff": "af\\udcff",
}
DESCRIPTION = "[@click=app.quit]why[/] \x1b]52;c;UFdORUQ=\x07\x9b\u200b"
SPELLED = "[@click=app.quit]why[/] ␛]52;c;UFdORUQ=\\x07\\x9b\\u200b"


def write_preset(folder: Path, name: str, **values: str) -> None:
    """Write a preset file; JSON's strings are TOML's too."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in values.items()]
    (folder / f"{name}.toml").write_text("".join(lines))


@pytest.fixture
def presets(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of presets and studies with hostile names."""
    for name in NAMES:
        write_preset(
            tmp_path / "presets", name, description=DESCRIPTION, data=f"{name[:2]}{DESCRIPTION}"
        )
    write_preset(
        tmp_path / "presets", "ag-broken\x1b[2J", **{"description": "x", "data\\u001b": "y"}
    )
    (tmp_path / "presets" / "studies").mkdir()
    (tmp_path / "presets" / "studies" / "aa\x1bstudy.toml").write_text(
        f"question = {json.dumps(DESCRIPTION)}\npresets = [{json.dumps('aa-red' + chr(27) + '[31m')}]\n"
    )
    monkeypatch.chdir(tmp_path)
    home.mkdir(mode=0o700)
    return tmp_path / "presets"


def test_presets_lists_hostile_files_escaped(presets: Path) -> None:
    code, shown = valtui("presets")

    assert code == 0
    assert json.loads(valtui("presets", "--json")[1])["schema"] == 1
    for name in (*NAMES.values(), "ag-broken␛[2J", "aa␛study", SPELLED):
        assert name in shown


@given(texts)
@settings(QUICK, max_examples=8)
def test_whatever_a_preset_holds_is_listed_harmlessly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    place = tmp_path / str(next(numbers))
    write_preset(place / "presets", as_folder(text), description=text, data=text)
    with monkeypatch.context() as patched:
        patched.chdir(place)
        assert valtui("presets")[0] == 0
        assert valtui("presets", "--json")[0] == 0


async def test_the_home_screen_shows_hostile_files_escaped(presets: Path, home: Path) -> None:
    async with ValtuiApp(home).run_test(size=(200, 60), notifications=True) as pilot:
        await sees(pilot, "aa␛study", *NAMES.values(), "ag-broken␛[2J")
        await pilot.press("end")
        shown = await sees(pilot, f"{SPELLED}", "compares aa-red␛[31m")
        await pilot.press("tab", "end", "up")
        shown += await sees(pilot, "af\\udcff.toml: the name of the file is not UTF-8; rename it.")
        await pilot.press("up")
        shown += await sees(pilot, "from ./presets: data ae" + SPELLED)

        assert all(map(shows, shown.replace("\n", " ")))
        assert pilot.app.is_running


async def test_what_keeps_a_hostile_study_from_starting_is_shown_escaped(
    presets: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = validate.Answer(problems=[f"No {DESCRIPTION}", "second"])
    monkeypatch.setattr(validate, "validate", lambda runs, home: answer)

    async with ValtuiApp(home).run_test(size=(200, 60), notifications=True) as pilot:
        await sees(pilot, "aa␛study")
        await pilot.press("end", "enter")
        shown = await sees(pilot, f"No {SPELLED}", "second", "Nothing was started", "aa-red␛[31m")

        assert all(map(shows, shown.replace("\n", " ")))
