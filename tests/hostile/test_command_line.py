"""The command line on hostile sessions: not one byte that does more than show."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostile.folders import hostile_session
from hostile.witness import ATTACKS, MARKUP, arguments, assert_harmless, folder_names, texts
from support.open_files import close_all
from valtui.cli.main import main
from valtui_trainer.session.layout import SessionPaths

QUICK = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
numbers = itertools.count()


def valtui(*arguments: str) -> tuple[int, str]:
    """Run `valtui ARGUMENTS`; return its exit code and stdout, after a look at every byte of both streams."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2)]
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        code = main(list(arguments))
    written = []
    for stream in streams:
        stream.flush()
        written.append(stream.buffer.getvalue())  # type: ignore[attr-defined]
        assert_harmless(written[-1])
    assert b"Traceback" not in written[1]
    return code, written[0].decode()


def in_turn(found: list[str]) -> itertools.cycle[str]:
    """Return the texts again and again, so that each comes to stand in several places."""
    return itertools.cycle(found or ["x"])


@pytest.fixture
def everywhere(home: Path) -> SessionPaths:
    """A session in which each attack stands somewhere."""
    found = [f"x{attack}y" for attack in (*ATTACKS, *MARKUP)]
    cycle = in_turn(found)
    folders = ["red\x1b[31m", "title\x1b]0;PWNED\x07", "acc[⁄val]", "[@click=app.quit]", "bidi\u202egnp",
               "line\nfeed", "c1\x9b?25l", "zero\u200bwidth", "\udcff\udc9b31m"]  # fmt: skip
    return hostile_session(home, lambda: next(cycle), folders, steps=40)


@given(
    st.lists(texts, min_size=1, max_size=12),
    st.lists(folder_names, min_size=1, max_size=3, unique=True),
)
@QUICK
def test_no_text_of_a_session_reaches_the_terminal_raw(
    tmp_path: Path, found: list[str], folders: list[str]
) -> None:
    home = tmp_path / str(next(numbers))
    cycle = in_turn(found)
    hostile_session(home, lambda: next(cycle), folders, folders[0], steps=20)
    close_all()

    for command in ("show", "compare", "sessions"):
        assert valtui(command, "--home", str(home))[0] == 0
        code, document = valtui(command, "--home", str(home), "--json")
        assert code == 0
        assert json.loads(document)["schema"] == 1


@given(arguments.filter(lambda text: text.strip() and not text.startswith("-")))
@QUICK
def test_no_argument_comes_back_raw(tmp_path: Path, word: str) -> None:
    home = str(tmp_path / "home")
    if not (tmp_path / "home").exists():
        hostile_session(Path(home), lambda: "x", ["one", "two"])

    for words in (
        ["show", word], ["show", "hostile", word], ["compare", word], ["open", word], ["stop", word],
        ["run", word, "--plain"], ["run", "batch-32", "--set", word], ["run", "--epochs", word],
        ["run", "--device", word, "--seeds", word], ["sessions", word], [word], ["presets", f"--{word}"],
        ["export", word, "x", "--to", "csv"], ["export", "hostile", "x", "--to", word],
        ["export", "hostile", str(tmp_path / "w"), "--to", "weights", "--run", word],
    ):  # fmt: skip
        valtui(*words, "--home", home)


@pytest.mark.parametrize("command", ["show", "compare", "sessions"])
def test_every_attack_in_every_place_is_shown_escaped(
    everywhere: SessionPaths, command: str
) -> None:
    code, shown = valtui(command)
    assert code == 0
    assert json.loads(valtui(command, "--json")[1])["schema"] == 1

    for name in ("red␛[31m", "title␛]0;PWNED\\x07", "acc[⁄val]", "[@click=app.quit]", "line␊feed",
                 "bidi\\u202egnp", "c1\\x9b?25l", "zero\\u200bwidth", "\\udcff\\udc9b31m"):  # fmt: skip
        assert name in shown


def test_an_escape_in_a_run_id_is_shown_escaped(home: Path) -> None:
    hostile_session(home, lambda: "x", ["red\x1b[31m"])

    assert "red␛[31m  FAILED" in valtui("show")[1]


def test_an_escape_in_a_reason_is_shown_escaped(home: Path) -> None:
    hostile_session(home, lambda: "why\x1b]52;c;UFdORUQ=\x07", ["one"])

    assert "reason      why␛]52;c;UFdORUQ=\\x07" in valtui("show")[1]


def test_an_exported_log_holds_no_escape_either(everywhere: SessionPaths, tmp_path: Path) -> None:
    assert valtui("export", everywhere.id, str(tmp_path / "csv"), "--to", "csv")[0] == 0

    for name in ("train.csv", "val.csv", "events.csv"):
        content = (tmp_path / "csv" / name).read_bytes()
        assert_harmless(content)
        assert "red␛[31m" in content.decode()


def test_a_damaged_session_is_named_harmlessly(everywhere: SessionPaths, home: Path) -> None:
    attempt = everywhere.run("red\x1b[31m").attempt(0)
    attempt.final.write_text('{"status": "\x1b[31m"')
    other = home / "sessions" / "99991231T000000Z-\x1b]0;PWNED\x07-ffffff"
    os.mkdir(other, 0o700)
    (other / "session.json").write_text('{"id": "\x1b[31m')

    for words in (["sessions"], ["sessions", "--json"], ["show"], ["compare"], ["open"]):
        valtui(*words)


def test_a_mistake_of_our_own_says_nothing_raw(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from valtui.cli import presets

    def fail(arguments: object) -> int:
        raise RuntimeError("not \x1b[31m thought of")

    monkeypatch.setattr(presets, "execute", fail)
    error = io.StringIO()
    with contextlib.redirect_stderr(error):
        assert main(["presets"]) == 1

    assert "RuntimeError: not ␛[31m thought of" in error.getvalue()
    assert_harmless(error.getvalue().encode())
