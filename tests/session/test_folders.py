"""Session folders: private, whole or not there, found by part of a name, refused when not ours."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

import pytest

from support.sessions import make_session, make_start, new_session
from valtui_trainer.presets.types import Preset
from valtui_trainer.session import create, layout
from valtui_trainer.session.commands import Inbox, send
from valtui_trainer.session.create import add_run, run_id
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import RunPaths, SessionPaths, prepare_home, session_id, slug
from valtui_trainer.session.listing import (
    find_run,
    find_session,
    session_names,
    session_size,
    summaries,
)
from valtui_trainer.session.output import read_output
from valtui_trainer.session.records import SCHEMA, RunSpec, SessionSpec, Start

NOT_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def test_everything_is_private_even_under_umask_000(home: Path) -> None:
    before = os.umask(0)
    try:
        session, _ = make_session(home, steps=20)
        send(session, "stop", "batch-32")
    finally:
        os.umask(before)

    for path in [home, *home.rglob("*")]:
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_a_session_id_tells_when_and_what_and_is_unique() -> None:
    ids = {session_id("Batch Size / [0m") for _ in range(50)}

    assert len(ids) == 50
    assert all(re.fullmatch(r"\d{8}T\d{6}Z-batch-size-0m-[0-9a-f]{6}", one) for one in ids)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("../../etc", "etc"), ("a" * 90, "a" * 40), ("", "run"), ("...", "run"), ("é\x1b", "run")],
)
def test_a_slug_is_a_harmless_name(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_a_home_that_is_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")

    with pytest.raises(SessionError, match="is a file"):
        prepare_home(tmp_path / "home")


def test_a_home_below_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SessionError):
        prepare_home(tmp_path / "file" / "home")


@NOT_ROOT
def test_a_home_that_cannot_be_written_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o500)

    with pytest.raises(SessionError, match="--home"):
        prepare_home(tmp_path / "home")


def test_a_disk_without_room_is_refused_in_words(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(layout.os, "posix_fallocate", full)

    with pytest.raises(SessionError, match="No space left on device"):
        prepare_home(home)
    assert not list(home.glob(".write-*"))


def test_preparing_a_home_twice_leaves_nothing_behind(home: Path) -> None:
    prepare_home(home)
    prepare_home(home)

    assert [path.name for path in home.iterdir()] == ["sessions"]


def test_a_document_is_there_completely_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "start.json"
    write_document(path, make_start())

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", broken)
        with pytest.raises(OSError, match="No space"):
            write_document(path, make_start(attempt=1))

    assert [one.name for one in tmp_path.iterdir()] == ["start.json"]
    found = read_document(path, Start)
    assert found is not None
    assert found.attempt == 0


def test_a_document_of_a_newer_valtui_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "start.json"
    path.write_text(f'{{"schema": {SCHEMA + 1}, "attempt": []}}')

    with pytest.raises(SessionError, match="newer valtui"):
        read_document(path, Start)


def test_unknown_fields_of_a_document_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "start.json"
    write_document(path, make_start())
    path.write_text(path.read_text().replace("{", '{"from the future": [1],', 1))

    assert read_document(path, Start) == make_start(started=read_started(path))


def read_started(path: Path) -> str:
    found = read_document(path, Start)
    assert found is not None
    return found.started


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b'{"schema": "one"}', b"null", b"[" * 10**5]
)
def test_a_damaged_document_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "session.json"
    path.write_bytes(content)

    with pytest.raises(SessionError, match="damaged"):
        read_document(path, SessionSpec)


def test_nobody_sees_a_session_before_it_is_whole(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def look(session: SessionPaths, spec: RunSpec) -> RunPaths:
        seen.append(session_names(home))
        return add_run(session, spec)

    monkeypatch.setattr(create, "add_run", look)
    session, _ = new_session(home, {"one": Preset(), "two": Preset()})

    assert seen == [[], []]
    assert [one.paths.id for one in summaries(home)] == [session.id]


def test_nothing_is_left_of_a_session_that_cannot_be_made(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(create, "write_document", full)

    with pytest.raises(SessionError, match="No space left"):
        new_session(home)
    assert os.listdir(home / "sessions") == []


def test_sessions_are_listed_newest_first_and_damaged_ones_left_out(home: Path) -> None:
    for name in (
        "20260101T000000Z-a-000000",
        "20260103T000000Z-a-000000",
        "20260102T000000Z-a-000000",
    ):
        make_session(home, steps=10, identity=name)
    (home / "sessions" / "20260104T000000Z-a-000000").mkdir()
    broken = home / "sessions" / "20260105T000000Z-a-000000"
    broken.mkdir()
    (broken / "session.json").write_text("{")

    assert [summary.paths.id[:8] for summary in summaries(home)] == [
        "20260103",
        "20260102",
        "20260101",
    ]


def test_the_newest_session_is_meant_where_none_is_named(home: Path) -> None:
    make_session(home, steps=10, identity="20260101T000000Z-a-000000")
    make_session(home, steps=10, identity="20260102T000000Z-b-111111")

    assert find_session(home, None).id == "20260102T000000Z-b-111111"
    assert find_session(home, "-a-").id == "20260101T000000Z-a-000000"


def test_an_ambiguous_session_is_refused_naming_the_candidates(home: Path) -> None:
    make_session(home, steps=10, identity="20260101T000000Z-a-000000")
    make_session(home, steps=10, identity="20260102T000000Z-a-111111")

    with pytest.raises(SessionError, match=r"fits 2 sessions: 20260102.*20260101"):
        find_session(home, "-a-")


@pytest.mark.parametrize("wanted", ["nothing", "../..", "/etc", "."])
def test_a_session_that_does_not_exist_is_refused(home: Path, wanted: str) -> None:
    make_session(home, steps=10, identity="20260101T000000Z-a-000000")

    with pytest.raises(SessionError, match="No session"):
        find_session(home, wanted)


def test_a_home_without_sessions_says_how_to_start_one(home: Path) -> None:
    with pytest.raises(SessionError, match="valtui run"):
        find_session(home, None)


def test_a_session_that_is_a_symbolic_link_is_refused(home: Path, tmp_path: Path) -> None:
    session, _ = make_session(tmp_path / "other", steps=10)
    prepare_home(home)
    (home / "sessions" / session.id).symlink_to(session.folder)

    with pytest.raises(SessionError, match="symbolic link"):
        find_session(home, session.id)
    assert summaries(home) == []


def test_somebody_elses_session_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, _ = make_session(home, steps=10)
    monkeypatch.setattr(layout.os, "geteuid", lambda: os.getuid() + 4242)

    with pytest.raises(SessionError, match="another user"):
        layout.check_own(session.folder)


def test_a_run_is_found_by_part_of_its_id(home: Path) -> None:
    session, _ = make_session(home, steps=10)

    assert find_run(session, "128").id == "batch-128"
    assert find_run(session, "batch-32").id == "batch-32"
    for wanted in ("batch", "nothing"):
        with pytest.raises(SessionError, match="batch-128, batch-32"):
            find_run(session, wanted)


def test_a_run_that_is_there_is_left_as_it_is(home: Path) -> None:
    session, (spec, *_) = new_session(home)
    before = session.run(spec.id).spec.read_bytes()

    add_run(session, spec)

    assert session.run(spec.id).spec.read_bytes() == before


def test_run_ids_say_how_they_came_to_be_and_never_collide() -> None:
    taken: set[str] = set()
    for _ in range(4):
        taken.add(run_id("batch-32", taken, [0, 1]))

    assert taken == {"batch-32", "batch-32+seeds-2", "batch-32+seeds-2-2", "batch-32+seeds-2-3"}


def test_a_size_counts_all_files(home: Path) -> None:
    session, _ = make_session(home, steps=10)

    assert session_size(session) == sum(
        path.stat().st_size for path in session.folder.rglob("*") if path.is_file()
    )


def test_commands_are_taken_once_in_the_order_they_came(home: Path) -> None:
    session, _ = new_session(home)
    inbox = Inbox(session, set())
    sent = [send(session, "pause", "batch-32"), send(session, "resume", "batch-32")]
    (session.commands / "99999999999999999999-zzzzzz.json").write_text("garbage")

    assert [command.id for command in inbox.take()] == sent
    assert inbox.take() == []
    assert [command.id for command in Inbox(session, {sent[0]}).take()] == [sent[1]]


def test_what_a_trainer_printed_is_shown_harmless_and_progress_bars_by_their_last_state(
    tmp_path: Path,
) -> None:
    path = tmp_path / "trainer.log"
    path.write_bytes(b"one\r\n10%\r50%\r100%\nthree \x1b]52;c;!\x07\xff\n\n")

    lines = read_output(path)

    assert lines[:2] == ["one", "100%"]
    assert "\x1b" not in lines[2]
    assert read_output(tmp_path / "nothing.log") == []


def test_paths_of_a_session_lie_within_it(home: Path) -> None:
    session = SessionPaths(home / "sessions" / "one")

    assert session.run("r").attempt(3).train == session.folder / "runs/r/attempts/3/train.jsonl"
