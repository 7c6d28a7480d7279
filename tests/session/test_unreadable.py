"""A log whose disk or server is gone: the command line says a sentence and ends, without a traceback."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from support.broken_reads import BrokenReads
from support.sessions import make_session
from valtui.cli import plain
from valtui.cli.main import main
from valtui.feed import SessionFeed
from valtui_trainer.session.errors import SessionError

FILES = ("train", "val", "events", "start")


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("command", ["show", "compare"])
def test_a_command_says_which_file_cannot_be_read(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    file: str,
    number: int,
) -> None:
    session, (writer, *_) = make_session(home, steps=40)
    BrokenReads(monkeypatch).at_open(getattr(writer.attempt, file), number)

    code = main([command, session.id])

    said = capsys.readouterr().err
    assert code == 2
    assert said.startswith("valtui: ")
    assert f"{file}.json" in said
    assert "cannot be read" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("file", FILES)
def test_following_in_plain_lines_ends_with_a_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, file: str, number: int
) -> None:
    session, (writer, *_) = make_session(home, steps=40)
    BrokenReads(monkeypatch).at_open(getattr(writer.attempt, file), number)

    with pytest.raises(SessionError, match=rf"{file}\.jsonl?: cannot be read") as refused:
        plain.follow(session)  # `main` makes a sentence and exit code 2 of it, as above

    assert len(str(refused.value).splitlines()) == 1


def test_following_a_session_that_is_deleted_meanwhile_ends_with_a_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, steps=40, status=None)
    monkeypatch.setattr(plain, "STATUS_SECONDS", 0.0)
    monkeypatch.setattr(plain, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(SessionFeed, "ended", False)
    monkeypatch.setattr(SessionFeed, "drain", lambda feed: shutil.rmtree(feed.paths.folder))

    code = plain.follow(session)

    assert code == 1
    assert "somebody deleted the session" in capsys.readouterr().err
