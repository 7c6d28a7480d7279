"""`config.toml`: defaults of the user's own, each with where it comes from; a wrong file hinders nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.sessions import make_session
from valtui.cli.main import main
from valtui.keys import user_keymap
from valtui.widgets.colours import OTHERS, SERIES, other_css
from valtui_trainer.session.config import config_path, read_config
from valtui_trainer.session.layout import home as home_folder


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
    path = write('[keys]\n"live.stop" = "x"\n"live.pause" = "p"\n')
    (path.parent / "keys.toml").write_text('"live.pause" = "f5"\n')

    assert user_keymap() == ({"live.stop": "x", "live.pause": "f5"}, "")
    write('[keys]\n"live.stopp" = "x"\n')
    assert "'live.stopp' is no key of valtui" in user_keymap()[1]


def test_every_palette_has_nine_colours_on_each_ground() -> None:
    for palette, grounds in OTHERS.items():
        assert all(len(set(colours)) == 9 for colours in grounds.values())
        assert other_css(palette).count("chart--series-") == 9 * 2 * len(grounds)
    assert other_css("okabe-ito") == ""
    assert all(len(set(colours)) == 9 for ground, colours in SERIES.items() if "ansi" not in ground)
