"""`config.toml`: defaults of the user's own, each with where it comes from; a wrong file hinders nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.sessions import make_session
from valtui.cli.main import main
from valtui.keys import KEYS, bindings, user_keymap
from valtui.widgets.colours import OTHERS, SERIES, other_css
from valtui_trainer.session.config import config_path, read_config
from valtui_trainer.session.layout import home as home_folder

SCREENS = {key.where for key in KEYS}


def write(text: str | bytes) -> Path:
    """Write the file, and return where it is."""
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_without_a_file_all_is_as_it_comes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["settings"]["home"] == {"value": str(home), "from": "$VALTUI_HOME"}
    assert found["settings"]["notify.bell"] == {"value": False, "from": "default"}
    assert main(["config", "--path"]) == 0
    assert capsys.readouterr().out == f"{config_path()}\n"
    assert not config_path().exists()


def test_the_home_of_the_file_yields_to_environment_and_option(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(f'home = "{tmp_path / "mine"}"\ntheme = "nord"\n')
    assert home_folder() == home

    monkeypatch.delenv("VALTUI_HOME")
    assert home_folder() == tmp_path / "mine"
    assert home_folder(tmp_path / "other") == tmp_path / "other"
    assert main(["config"]) == 0
    out = capsys.readouterr().out
    assert "config.toml" in out
    assert '"nord"' in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("theme = 3\n", "config.toml:1: theme = 3 is not possible: it must be text in quotes"),
        ("\nthem = 'x'\n", "config.toml:2: no setting is called 'them' (did you mean 'theme'?)"),
        ("[notify]\nbel = true\n", "config.toml:2: no setting is called 'notify.bel' (did you mean 'notify.bell'?)"),
        ("[notify]\nvolatility = 0\n", "config.toml:2: notify.volatility = 0 is not possible"),
        ("[notify]\non = ['never']\n", "notify.on"),
        ("palette = 'pink'\n", "config.toml:1: palette = 'pink' is not possible"),
        ("theme\n", "is not valid TOML"),
        (b"\xff\xfe", "is not UTF-8 text"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_a_sentence_and_everything_works_without_it(
    home: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, words: str
) -> None:
    make_session(home)
    write(text)

    assert main(["sessions"]) == 0
    out, err = capsys.readouterr()
    assert "batch-size" in out
    assert err.startswith("valtui: note: ")
    assert words in err
    assert "None of its settings are used." in err
    assert main(["config"]) == 2
    out, err = capsys.readouterr()
    assert words in err
    assert "notify.bell" in out


def test_a_folder_in_its_place_is_a_sentence(home: Path) -> None:
    del home
    config_path().mkdir(parents=True)

    config, problem = read_config()

    assert config.mouse
    assert "cannot be read" in problem


def test_keys_stand_in_either_file_and_keys_toml_wins(home: Path) -> None:
    del home
    path = write('[keys]\n"live.stop" = "f4"\n"live.pause" = "p"\n')
    (path.parent / "keys.toml").write_text('"live.pause" = "f5"\n')

    assert user_keymap() == ({"live.stop": "f4", "live.pause": "f5"}, "")
    write('[keys]\n"live.stopp" = "x"\n')
    assert "'live.stopp' is no key of valtui" in user_keymap()[1]


@pytest.mark.parametrize(
    ("keys", "kept", "words"),
    [
        ({"live.stop": "x"}, {}, "live.stop stays as it was, for x is the key of live.axis"),
        ({"live.stop": "?"}, {}, "question_mark is the key of app.help"),
        ({"app.quit": "f"}, {}, "app.quit stays as it was, for f is the key of live.picture"),
        ({"live.stop": "f9", "live.pause": "f9"}, {"live.stop": "f9"}, "the key of live.stop"),
        ({"live.stop": "x", "live.pause": "s"}, {}, "stays as it was"),
        ({"live.stop": "r", "live.resume": "s"}, {"live.stop": "r", "live.resume": "s"}, ""),
        ({"live.stop": "d"}, {"live.stop": "d"}, ""),
    ],
)
def test_no_key_is_taken_from_another_without_a_word(
    home: Path, keys: dict[str, str], kept: dict[str, str], words: str
) -> None:
    del home
    write("[keys]\n" + "".join(f'"{name}" = "{key}"\n' for name, key in keys.items()))

    keymap, problem = user_keymap()

    assert keymap == kept
    assert words in problem
    assert bool(words) == bool(problem)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('theme = "nope"', "there is no theme 'nope'; there are"),
        ('[keys]\n"live.stpo" = "f9"', "'live.stpo' is no key of valtui"),
        ('[keys]\n"live.stop" = "x"', "x is the key of live.axis"),
    ],
)
def test_what_the_screen_would_not_use_is_told_by_the_command_too(
    home: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    del home
    write(text)

    assert main(["config"]) == 2

    assert words in capsys.readouterr().err


def test_every_key_is_listed_by_the_name_that_the_file_takes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del home
    write('[keys]\n"live.stop" = "f9"\n')

    assert main(["config", "--keys", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)["keys"]
    assert set(found) == {one.id for where in SCREENS for one in bindings(where)}
    assert found["live.stop"]["keys"] == "f9"
    assert found["live.focus-3"]["keys"] == "3"
    assert main(["config", "--keys"]) == 0
    assert "live.stop" in capsys.readouterr().out


def test_every_palette_has_nine_colours_on_each_ground() -> None:
    for palette, grounds in OTHERS.items():
        assert all(len(set(colours)) == 9 for colours in grounds.values())
        assert other_css(palette).count("chart--series-") == 9 * 2 * len(grounds)
    assert other_css("okabe-ito") == ""
    assert all(len(set(colours)) == 9 for ground, colours in SERIES.items() if "ansi" not in ground)
