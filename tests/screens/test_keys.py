"""The keys: each does something, each can be rebound, all are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from screens.conftest import Recorded, arrives, sees, shown, until
from screens.test_live import live_screen
from valtui.app import ValtuiApp
from valtui.keys import KEYS, Key, bindings, user_keymap
from valtui.screens.causes import CausesScreen
from valtui.screens.compare import CompareScreen
from valtui.screens.help import HelpScreen
from valtui.screens.home import HomeScreen
from valtui.screens.live import LiveScreen
from valtui.screens.sessions import SessionsScreen
from valtui.widgets.key_line import KeyLine

AppMaker = Callable[..., ValtuiApp]
SCREENS = {
    "app": ValtuiApp,
    "home": HomeScreen,
    "live": LiveScreen,
    "causes": CausesScreen,
    "compare": CompareScreen,
    "sessions": SessionsScreen,
}


def write_keys(tmp_path: Path, text: str) -> None:
    """Write the user's `keys.toml`."""
    folder = tmp_path / "config" / "valtui"
    folder.mkdir(parents=True)
    (folder / "keys.toml").write_text(text)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.where}.{key.id}")
def test_every_keys_action_exists(key: Key) -> None:
    name = key.action.split("(")[0]

    owner = ValtuiApp if name.startswith("app.") else SCREENS[key.where]

    assert hasattr(owner, f"action_{name.removeprefix('app.')}")


def test_ids_are_unique() -> None:
    ids = [(key.where, key.id) for key in KEYS]

    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("where", SCREENS)
def test_no_key_means_two_things_on_a_screen(where: str) -> None:
    keys = [single for key in KEYS if key.where == where for single in key.keys.split(",")]

    assert len(set(keys)) == len(keys)


def test_every_binding_has_an_id_that_a_keymap_can_name() -> None:
    found = [binding.id for where in SCREENS for binding in bindings(where)]  # type: ignore[union-attr]

    assert None not in found


async def test_a_key_can_be_rebound(app: AppMaker, running: Recorded, tmp_path: Path) -> None:
    write_keys(tmp_path, '"live.compare" = "w"\n"live.focus-2" = "b"\n')

    async with app(running).run_test(size=(120, 40), notifications=True) as pilot:
        await live_screen(pilot)
        await pilot.press("v", "2")
        await sees(pilot, "▸1")
        await pilot.press("b")
        await sees(pilot, "▸2")
        await pilot.press("w")

        await sees(pilot, "compare", "ratio")


async def test_help_tells_the_rebound_key(app: AppMaker, tmp_path: Path) -> None:
    write_keys(tmp_path, '"live.compare" = "f5"\n')

    async with app().run_test(size=(120, 120)) as pilot:
        await sees(pilot, "studies")
        await pilot.press("question_mark")

        text = await sees(pilot, "The presets side by side")
        line = next(line for line in text.splitlines() if "The presets side by side" in line)
        assert "f5" in line


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('"live.nonsense" = "w"', "'live.nonsense' is no key of valtui"),
        ('"live.focus" = "w"', "'live.focus' is no key of valtui"),
        ('"live.stop" = 3', "live.stop must be the name of a key"),
        ('"live.stop" = ""', "live.stop must be the name of a key"),
        ('"live.stop = ', "is not used"),
    ],
)
def test_what_cannot_be_rebound_is_told_by_a_sentence(
    home: Path, tmp_path: Path, text: str, sentence: str
) -> None:
    write_keys(tmp_path, text + '\n"live.log" = "L"\n' if "is not" not in sentence else text)

    keymap, problem = user_keymap()

    assert sentence in problem
    assert keymap in ({"live.log": "L"}, {})


def toasts(pilot: Pilot[Any]) -> str:
    """What is drawn where the toasts are, its lines joined."""
    lines = shown(pilot.app).split("\n")
    drawn = [
        line[toast.region.x : toast.region.right].strip(" ▌")
        for toast in pilot.app.screen.query(Toast)
        for line in lines[toast.region.y : toast.region.bottom]
    ]
    return " ".join(" ".join(drawn).split())


async def test_an_unknown_id_is_told_on_the_screen(app: AppMaker, tmp_path: Path) -> None:
    write_keys(tmp_path, '"live.nonsense" = "w"\n')

    async with app().run_test(size=(160, 40), notifications=True) as pilot:
        await until(pilot, lambda: "'live.nonsense' is no key of valtui" in toasts(pilot))


async def test_help_lists_every_key(app: AppMaker) -> None:
    async with app().run_test(size=(120, 120)) as pilot:
        await sees(pilot, "studies")
        await pilot.press("question_mark")
        await arrives(pilot, HelpScreen)

        text = "".join(
            str(static.content)
            for static in pilot.app.screen.query("Static").results()  # type: ignore[attr-defined]
        )
        for key in KEYS:
            assert key.help in text


@pytest.mark.parametrize("size", [(120, 40), (100, 30), (80, 24)])
async def test_the_footer_is_never_cut(
    app: AppMaker, running: Recorded, size: tuple[int, int]
) -> None:
    async with app(running).run_test(size=size, notifications=True) as pilot:
        await live_screen(pilot)
        for screen, key in (("live", "v"), ("compare", "v"), ("live", "c"), ("causes", "c")):
            await sees(pilot, "quit (runs go on)")
            assert 0 < pilot.app.screen.query_one(KeyLine).width_needed <= size[0], screen
            await pilot.press(key)
        await sees(pilot, "quit (runs go on)")


async def test_the_palette_offers_the_keys_of_the_screen(app: AppMaker, running: Recorded) -> None:
    async with app(running).run_test(size=(120, 40)) as pilot:
        await live_screen(pilot)

        titles = [command.title for command in pilot.app.get_system_commands(pilot.app.screen)]

        assert {"compare", "stop", "pause", "resume", "output"} <= set(titles)
