"""Names and notes: on whatever session, whatever they hold, and whatever happens to their file."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from support.sessions import make_session, new_session
from valtui.cli.main import main
from valtui_trainer.session.about import FILE, read_about, write_about
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import find_session, summaries


@pytest.fixture
def session(home: Path) -> SessionPaths:
    """A session that nobody has named."""
    found, _ = make_session(home, steps=50)
    return found


def test_a_name_and_a_note_are_kept_apart_and_taken_away_again(session: SessionPaths) -> None:
    assert (read_about(session).name, read_about(session).note) == ("", "")

    write_about(session, name="  first \n try ")
    write_about(session, note="larger batches")
    write_about(session, name="second try")

    assert (read_about(session).name, read_about(session).note) == ("second try", "larger batches")
    write_about(session, note="")
    assert read_about(session).note == ""
    assert stat.S_IMODE(os.stat(session.folder / FILE).st_mode) == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b'{"name": 3}', b'{"schema": 99}']
)
def test_a_damaged_file_is_no_name_and_the_next_writer_mends_it(
    session: SessionPaths, content: bytes
) -> None:
    (session.folder / FILE).write_bytes(content)

    assert read_about(session).name == ""
    write_about(session, name="mended")
    assert read_about(session).name == "mended"


def test_what_would_harm_a_terminal_is_shown_and_what_is_endless_is_refused(
    session: SessionPaths,
) -> None:
    write_about(session, name="a\x1b[31mb", note="\udcff")
    (long,) = (session.folder,)

    assert "\x1b" not in read_about(session).name
    with pytest.raises(SessionError, match="5,000 characters; 4,000 are the most"):
        write_about(session, note="x" * 5000)
    (long / FILE).write_text(json.dumps({"name": "n" * 1_000_000}))
    assert len(read_about(session).name) == 80


def test_a_folder_in_its_place_is_a_sentence(session: SessionPaths) -> None:
    (session.folder / FILE).mkdir()

    assert read_about(session).name == ""
    with pytest.raises(SessionError, match="cannot be written"):
        write_about(session, name="x")


def test_a_session_is_found_by_its_name_before_parts_of_ids(
    home: Path, session: SessionPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    other, _ = new_session(home, identity="20260102T030405-baseline-abcdef")
    assert main(["name", session.id, "Baseline"]) == 0

    assert find_session(home, "baseline").id == session.id
    assert find_session(home, "baseline-abc").id == other.id
    write_about(other, name="baseline")
    with pytest.raises(SessionError, match="fits 2 sessions"):
        find_session(home, "Baseline")
    capsys.readouterr()
    assert main(["name", session.id]) == 0
    assert capsys.readouterr().out == "Baseline\n"
    assert main(["note", session.id, ""]) == 0
    assert "has no note any more" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["❤️ calm", "quite  calm", " quite\tcalm ", "\x1b[31mred", "Straße", "\udcff"]
)
def test_a_session_is_found_by_its_name_as_a_person_wrote_it(
    home: Path, session: SessionPaths, name: str
) -> None:
    new_session(home, identity="20260102T030405-other-abcdef")
    write_about(session, name=name)

    assert find_session(home, name).id == session.id
    assert [one.paths.id for one in summaries(home) if one.fits(name)] == [session.id]


@pytest.mark.parametrize(
    ("words", "count"),
    [("", 2), ("calmest", 1), ("CALMEST batch-128", 1), ("dropout", 1), ("nothing", 0), ("batch-size", 2)],
)  # fmt: skip
def test_sessions_are_searched_by_words(
    home: Path, session: SessionPaths, capsys: pytest.CaptureFixture[str], words: str, count: int
) -> None:
    new_session(home, identity="20260102T030405-dropout-abcdef")
    write_about(session, name="the calmest", note="keep it")

    assert main(["sessions", "--search", words, "--json"]) == 0

    found = json.loads(capsys.readouterr().out)["sessions"]
    assert len(found) == count
    if words == "calmest":
        assert (found[0]["name"], found[0]["note"]) == ("the calmest", "keep it")
        assert main(["show", "the calmest"]) == 0
        assert "name      the calmest\nnote      keep it" in capsys.readouterr().out
        assert main(["sessions"]) == 0
        assert "the calmest" in capsys.readouterr().out
