"""`valtui sessions --prune`: shows, asks, deletes, tells; and what `valtui sessions` says of the disk."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from session.test_locks import first_word, holding
from support.commands import valtui
from support.sessions import make_session, new_session
from support.terminal import Terminal
from valtui.cli import prune as prune_command
from valtui.cli.main import main
from valtui.texts import size
from valtui_trainer.session import layout
from valtui_trainer.session import prune as pruning
from valtui_trainer.session.layout import ID_TIME, SessionPaths
from valtui_trainer.session.listing import session_names, session_size

OLD = "20200101T000000Z-old-00000a"
OLDER = "20190101T000000Z-older-00000b"


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the documents say nothing of when a session began, so that its id does."""
    monkeypatch.setattr("support.sessions.utc_now", lambda: "2019-01-01T00:00:00Z")


def ended(home: Path, identity: str) -> SessionPaths:
    """A session whose runs are done."""
    return make_session(home, steps=10, identity=identity)[0]


def new(home: Path) -> SessionPaths:
    """A session that began a moment ago."""
    return ended(home, f"{time.strftime(ID_TIME, time.gmtime())}-new-00000c")


@pytest.fixture
def ask(home: Path) -> Iterator[Callable[[], Terminal]]:
    """A person asks, at a terminal, to delete what is older than 30 days."""
    arguments = ["-m", "valtui.cli.main", "sessions", "--prune", "30d"]
    with ExitStack() as stack:

        def ask_now() -> Terminal:
            terminal = Terminal(arguments, 100, 24, VALTUI_HOME=str(home))
            stack.callback(terminal.close)
            return terminal

        yield ask_now


def document(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """Run with --json and return the one document on stdout."""
    assert main(["sessions", *arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_on_a_terminal_it_shows_what_would_go_and_deletes_it_after_a_yes(
    home: Path, ask: Callable[[], Terminal]
) -> None:
    sessions = [ended(home, OLD), ended(home, OLDER)]
    kept = new(home)
    total = size(sum(session_size(one) for one in sessions))

    terminal = ask()
    terminal.read_until(lambda: "[y/N]" in terminal.text)
    for one in sessions:
        (line,) = (line for line in terminal.screen.display if one.id in line)
        assert "done" in line
        assert " d " in line
        assert size(session_size(one)) in line
    assert f"Delete 2 sessions, {total}? [y/N]" in terminal.text
    assert kept.id not in terminal.text
    terminal.press("y\r")
    terminal.read_until(lambda: f"Deleted 2 sessions, {total}." in terminal.text)

    assert terminal.process.wait(20) == 0
    assert session_names(home) == [kept.id]


@pytest.mark.parametrize("answer", ["\r", "n\r", "yess\r", "\x04", "\xff\r"])
def test_anything_but_a_yes_deletes_nothing(
    home: Path, ask: Callable[[], Terminal], answer: str
) -> None:
    session = ended(home, OLD)

    terminal = ask()
    terminal.read_until(lambda: "Delete 1 session, " in terminal.text)
    terminal.press(answer)
    terminal.read_until(lambda: "Nothing was deleted." in terminal.text)

    assert terminal.process.wait(20) == 0
    assert session.spec.is_file()


def test_an_interrupt_at_the_question_deletes_nothing(
    home: Path, ask: Callable[[], Terminal]
) -> None:
    session = ended(home, OLD)

    terminal = ask()
    terminal.read_until(lambda: "[y/N]" in terminal.text)
    terminal.press("\x03")

    assert terminal.process.wait(20) == 130
    assert session.spec.is_file()


def test_without_a_terminal_it_needs_yes(home: Path, tmp_path: Path) -> None:
    session = ended(home, OLD)

    refused = valtui("sessions", "--prune", "30d", cwd=tmp_path, check=2)
    assert refused.stdout == ""
    assert "no terminal to ask on: write --yes" in refused.stderr
    assert session.spec.is_file()

    done = valtui("sessions", "--prune", "30d", "--yes", cwd=tmp_path)
    assert session.id in done.stdout
    assert "Deleted 1 session, " in done.stdout
    assert session_names(home) == []


def test_a_number_keeps_the_newest(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = [new(home).id, ended(home, OLD).id]
    ended(home, OLDER)

    assert main(["sessions", "--prune", "2", "--yes"]) == 0

    assert session_names(home) == kept
    assert "Deleted 1 session, " in capsys.readouterr().out


def test_a_live_session_stays_and_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queued, _ = new_session(home, identity=OLDER)
    held = ended(home, OLD)

    with holding(held.supervisor_lock) as process:
        assert first_word(process) == "held"
        assert main(["sessions", "--prune", "1h", "--yes"]) == 0

        out = capsys.readouterr().out
        assert f"{held.id} stays: process {process.pid} holds its supervisor.lock" in out
        assert f"{queued.id} stays: batch-32 is queued, batch-128 is queued" in out
        assert "There is nothing to prune." in out
    assert session_names(home) == [held.id, queued.id]


def test_json_tells_what_was_deleted_kept_and_freed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queued, _ = new_session(home, identity=OLDER)
    session = ended(home, OLD)
    taken = session_size(session)

    found = document(capsys, "--prune", "30d", "--yes")

    (deleted,) = found["deleted"]
    assert (deleted["id"], deleted["state"], deleted["bytes"]) == (OLD, "DONE", taken)
    assert deleted["age_seconds"] > 5 * 365 * 86_400
    (kept,) = found["kept"]
    assert kept["id"] == queued.id
    assert f"batch-128 is queued (`valtui stop {queued.id}` ends" in kept["why"]
    assert (found["failed"], found["bytes_freed"]) == ([], taken)
    assert (found["schema"], found["home"]) == (1, str(home))
    assert session_names(home) == [OLDER]


def test_json_needs_yes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = ended(home, OLD)

    assert main(["sessions", "--prune", "30d", "--json"]) == 2

    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "write --yes as well" in err
    assert session.spec.is_file()


def test_nothing_to_prune_says_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions", "--prune", "30d", "--yes"]) == 0
    assert capsys.readouterr().out == "There is nothing to prune.\n"
    assert not home.exists()

    session = new(home)

    assert main(["sessions", "--prune", "30d", "--yes"]) == 0
    assert capsys.readouterr().out == "There is nothing to prune.\n"
    assert session.spec.is_file()


@pytest.mark.parametrize("rule", ["banana", "-3", "0", "0d", "1e999d", "30m", ""])
def test_nonsense_is_refused_with_what_to_write(
    home: Path, capsys: pytest.CaptureFixture[str], rule: str
) -> None:
    session = ended(home, OLD)

    for options in ([], ["--yes"], ["--yes", "--json"]):
        assert main(["sessions", "--prune", rule, *options]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "write --prune 30d" in err
    assert session.spec.is_file()


def test_yes_alone_and_prune_alone_are_refused(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sessions", "--yes"]) == 2
    assert "--yes answers what --prune asks" in capsys.readouterr().err
    assert main(["sessions", "--prune"]) == 2
    assert "--prune needs a value" in capsys.readouterr().err


def test_what_cannot_be_deleted_is_a_sentence_and_exit_1_and_the_others_go(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(home, OLD), ended(home, OLDER)
    remove = shutil.rmtree

    def stuck(folder: Path) -> None:
        if OLD in str(folder):
            raise OSError(16, "Device or resource busy", "a\x1b[2Jb")
        remove(folder)

    with monkeypatch.context() as patched:
        patched.setattr(pruning.shutil, "rmtree", stuck)
        assert main(["sessions", "--prune", "30d", "--yes"]) == 1
    out, err = capsys.readouterr()
    assert "Deleted 1 session, " in out
    assert err.startswith(f"valtui: {OLD}: it could not be removed wholly (Device or resource busy")
    assert "\x1b" not in err
    assert session_names(home) == []

    assert main(["sessions", "--prune", "30d", "--yes"]) == 0
    assert "Removed what a broken-off removal had left: " in capsys.readouterr().out
    assert list((home / "sessions").iterdir()) == []


def test_json_tells_what_failed(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(home, OLD)

    def stuck(folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pruning.shutil, "rmtree", stuck)
    found = document(capsys, "--prune", "30d", "--yes", code=1)

    assert (found["deleted"], found["bytes_freed"]) == ([], 0)
    (failed,) = found["failed"]
    assert failed["id"] == OLD
    assert "Permission denied" in failed["why"]


def test_one_that_came_to_life_while_the_question_stood_stays(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = ended(home, OLD)

    with ExitStack() as until_the_end:

        def resumed_meanwhile(going: object) -> bool:
            process = until_the_end.enter_context(holding(session.supervisor_lock))
            assert first_word(process) == "held"
            return True

        monkeypatch.setattr(prune_command, "agreed", resumed_meanwhile)
        monkeypatch.setattr(prune_command, "on_terminal", lambda: True)
        assert main(["sessions", "--prune", "30d"]) == 0

    out = capsys.readouterr().out
    assert f"{OLD} stays: process" in out
    assert "Deleted 0 sessions, 0 B." in out
    assert session.spec.is_file()


def test_an_old_damaged_session_goes_by_age(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = ended(home, OLD)
    session.spec.write_text("{")

    assert main(["sessions", "--prune", "30d", "--yes"]) == 0

    assert "unreadable" in capsys.readouterr().out
    assert session_names(home) == []


def test_the_list_ends_with_number_and_total_size(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions = [ended(home, OLD), ended(home, OLDER)]
    total = sum(session_size(one) for one in sessions)

    assert main(["sessions"]) == 0

    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"2 sessions: {size(total)}")


def test_what_cannot_be_read_counts_too(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sessions = [ended(home, OLD), ended(home, OLDER)]
    sessions[0].spec.write_text("{")
    total = sum(session_size(one) for one in sessions)

    found = document(capsys)

    assert found["bytes"] == total
    assert found["unreadable"][0]["bytes"] == session_size(sessions[0])
    main(["sessions"])
    assert f"1 session and 1 that cannot be read: {size(total)}" in capsys.readouterr().out


@pytest.mark.parametrize(("free", "told"), [(1_999_000_000, True), (2_000_000_000, False)])
def test_a_disk_that_is_nearly_full_is_told_with_what_to_do(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    free: int,
    told: bool,
) -> None:
    ended(home, OLD)
    monkeypatch.setattr(layout.shutil, "disk_usage", lambda place: Usage(0, 0, free))

    main(["sessions"])
    text = capsys.readouterr().out

    assert ("only 2.0 GB free on this disk: `valtui sessions --prune 30d`" in text) is told
    assert document(capsys)["free_bytes"] == free


def test_the_free_disk_of_a_home_that_is_not_made_yet_is_that_of_its_place(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = document(capsys)

    assert found["bytes"] == 0
    assert found["free_bytes"] > 0
    assert not home.exists()


def test_the_help_says_what_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions", "--help"]) == 0

    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "30d deletes all older than 30 days",
        "20 deletes all but the newest 20",
        "--yes",
    ):
        assert words in text
