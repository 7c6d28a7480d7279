"""Pruning: a rule takes what is old, and nothing that is live, linked or foreign ever goes."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session.test_locks import first_word, holding
from support.sessions import make_session, new_session
from valtui_trainer.session import prune as pruning
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import (
    ID_TIME,
    UTC_TIME,
    SessionPaths,
    session_id,
    session_time,
    utc_time,
)
from valtui_trainer.session.listing import session_names
from valtui_trainer.session.locks import holder
from valtui_trainer.session.prune import (
    UNITS,
    AllButNewest,
    OlderThan,
    SessionInUseError,
    choose,
    delete,
    parse_rule,
    prune,
    remove_leftovers,
)
from valtui_trainer.session.records import SessionSpec

NOW = 1_800_000_000.0
DAY = 86_400.0
MONTH = OlderThan(30 * DAY)


def identity(days: float, name: str = "a") -> str:
    """The id of a session that began so many days before NOW."""
    return f"{time.strftime(ID_TIME, time.gmtime(NOW - days * DAY))}-{name}-0123ab"


def session_of(home: Path, days: float, status: str | None = "done") -> SessionPaths:
    """A session that began so many days before NOW, in its id and in its document."""
    session, _ = make_session(home, steps=10, status=status, identity=identity(days))
    write_created(session, time.strftime(UTC_TIME, time.gmtime(NOW - days * DAY)))
    return session


def write_created(session: SessionPaths, created: str) -> None:
    """Let the session's document say that it began then."""
    spec = read_document(session.spec, SessionSpec)
    assert spec is not None
    write_document(session.spec, msgspec.structs.replace(spec, created=created))


def unreadable(home: Path, days: float) -> SessionPaths:
    """A session of that age whose session.json is damaged."""
    session = session_of(home, days)
    session.spec.write_text("{")
    return session


def going(home: Path, rule: OlderThan | AllButNewest) -> list[str]:
    """The ids of what the rule takes at NOW."""
    return [one.paths.id for one in choose(home, rule, NOW).going]


def kept(home: Path, rule: OlderThan | AllButNewest = MONTH) -> dict[str, str]:
    """Why what the rule takes at NOW must stay, by id."""
    return {one.id: one.why for one in choose(home, rule, NOW).kept}


@contextmanager
def held_by_another(path: Path) -> Iterator[int]:
    """A real process that holds the lock at `path`; its pid."""
    with holding(path) as process:
        assert first_word(process) == "held"
        yield process.pid


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("30d", OlderThan(30 * DAY)),
        ("1.5d", OlderThan(1.5 * DAY)),
        ("12h", OlderThan(12 * 3600)),
        ("2w", OlderThan(14 * DAY)),
        ("20", AllButNewest(20)),
        ("1", AllButNewest(1)),
    ],
)
def test_a_rule_is_an_age_or_a_number_to_keep(text: str, rule: OlderThan | AllButNewest) -> None:
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    "text",
    ["banana", "", " ", "-3", "-3d", "0", "0d", "0.0w", "1e999d", "1e3", "nan", "infd", "1.5",
     "30m", "30 d", "d", "1.d", "３d", "9" * 5000, "9" * 400 + "d", "30d\n", "1_0d"],
)  # fmt: skip
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(SessionError, match=r"write --prune 30d .* or --prune 20"):
        parse_rule(text)


@given(st.text(alphabet="0123456789.hdwe+-_ ٣", max_size=12) | st.text(max_size=8))
def test_whatever_is_typed_is_a_finite_rule_above_0_or_refused_in_words(text: str) -> None:
    try:
        rule = parse_rule(text)
    except SessionError:
        return

    if isinstance(rule, OlderThan):
        assert 0 < rule.seconds < float("inf")
        assert rule.seconds == float(text[:-1]) * UNITS[text[-1]]
    else:
        assert rule.count == int(text) > 0


def test_the_time_in_an_id_is_the_time_it_was_made() -> None:
    before = int(time.time())

    made = session_time(session_id("Batch Size"))

    assert made is not None
    assert before <= made <= time.time()
    assert utc_time("2026-01-02T03:04:05Z") == session_time("20260102T030405Z-a-abcdef")


@pytest.mark.parametrize(
    "name", ["notes", "20260102T030405-a-abcdef", "20261332T000000Z-a-abcdef", "..", "x" * 200]
)
def test_a_name_that_is_no_session_id_has_no_time(name: str) -> None:
    assert session_time(name) is None


def test_an_age_takes_all_older_ones_and_no_other(home: Path) -> None:
    session_of(home, 1)
    session_of(home, 29.9)
    old, older = session_of(home, 30.1), session_of(home, 400)

    assert going(home, MONTH) == [old.id, older.id]


def test_a_number_keeps_the_newest_and_takes_the_rest(home: Path) -> None:
    ids = [session_of(home, days).id for days in (1, 2, 3, 4)]

    assert going(home, AllButNewest(2)) == ids[2:]
    assert going(home, AllButNewest(4)) == []


def test_what_would_go_is_told_with_state_age_and_size(home: Path) -> None:
    session = session_of(home, 40, status="stopped")

    (one,) = choose(home, MONTH, NOW).going

    assert (one.state, one.age) == ("STOPPED", pytest.approx(40 * DAY, abs=1))
    assert one.bytes == sum(p.lstat().st_size for p in session.folder.rglob("*") if p.is_file())


def test_an_id_from_the_future_counts_as_new(home: Path) -> None:
    ahead, old = session_of(home, -9000), session_of(home, 2)

    assert going(home, OlderThan(1)) == [old.id]
    assert going(home, AllButNewest(1)) == [old.id]
    assert ahead.folder.is_dir()


@pytest.mark.parametrize("created", ["2099-01-01T00:00:00Z", "2027-01-14T00:00:00Z"])
def test_where_id_and_document_disagree_the_younger_counts(home: Path, created: str) -> None:
    session = session_of(home, 400)
    write_created(session, created)

    assert going(home, MONTH) == []


@pytest.mark.parametrize("created", ["", "yesterday", "0001-01-01T00:00:00Z"])
def test_a_time_in_the_document_that_is_nonsense_makes_no_session_older(
    home: Path, created: str
) -> None:
    session = session_of(home, 1)
    write_created(session, created)

    assert going(home, MONTH) == []


def test_a_session_with_a_run_that_has_not_ended_is_kept_and_says_which(home: Path) -> None:
    queued, _ = new_session(home, identity=identity(50))

    why = kept(home)[queued.id]
    assert why.startswith("batch-32 is queued, batch-128 is queued (`valtui stop ")
    with pytest.raises(SessionInUseError, match="batch-128 is queued"):
        delete(queued)
    assert queued.spec.is_file()


@pytest.mark.parametrize("lock", ["supervisor.lock", "runs/batch-128/run.lock"])
def test_a_session_whose_lock_a_real_process_holds_is_kept_and_named(home: Path, lock: str) -> None:
    session = session_of(home, 50)

    with held_by_another(session.folder / lock) as pid:
        assert kept(home) == {session.id: f"process {pid} holds its {lock}"}
        with pytest.raises(SessionInUseError, match=f"process {pid} holds its {lock}"):
            delete(session)
        assert session_names(home) == [session.id]

    assert going(home, MONTH) == [session.id]  # the lock went with its holder


def test_one_that_came_to_life_after_it_was_chosen_stays_and_the_others_go(home: Path) -> None:
    first, second = session_of(home, 50), session_of(home, 60)
    chosen = choose(home, MONTH, NOW).going

    with held_by_another(first.runs / "batch-32" / "run.lock"):
        done = prune(chosen)

    assert [one.id for one in done.kept] == [first.id]
    assert [one.paths.id for one in done.deleted] == [second.id]
    assert session_names(home) == [first.id]


def test_a_run_that_began_again_after_it_was_chosen_stays(home: Path) -> None:
    session, writers = make_session(home, steps=10, identity=identity(50))
    chosen = choose(home, OlderThan(1), NOW + 99 * DAY).going
    assert len(chosen) == 1

    writers[0].attempt.final.unlink()
    with held_by_another(writers[0].run.lock):
        done = prune(chosen)

    assert [one.id for one in done.kept] == [session.id]
    assert session.spec.is_file()


def test_nobody_can_take_a_lock_while_the_session_is_deleted(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(home, 50)
    (session.runs / "batch-32" / "run.lock").touch()
    tried: list[str] = []
    remove = shutil.rmtree

    def try_first(folder: Path) -> None:
        for lock in ("supervisor.lock", "runs/batch-32/run.lock"):
            with holding(Path(folder) / lock) as process:
                tried.append(first_word(process))
        remove(folder)

    monkeypatch.setattr(pruning.shutil, "rmtree", try_first)
    delete(session)

    assert tried == ["refused", "refused"]
    assert os.listdir(home / "sessions") == []


def test_a_deleted_session_leaves_nothing_behind(home: Path) -> None:
    session, other = session_of(home, 50), session_of(home, 1)

    delete(session)

    assert os.listdir(home / "sessions") == [other.id]


def test_a_refused_session_gives_its_locks_back(home: Path) -> None:
    session, _ = new_session(home, identity=identity(50))

    with pytest.raises(SessionInUseError):
        delete(session)

    with held_by_another(session.supervisor_lock) as pid:
        assert holder(session.supervisor_lock) == pid


def test_an_unreadable_session_goes_by_the_age_in_its_id_but_never_by_number(home: Path) -> None:
    damaged = unreadable(home, 50)
    unreadable(home, 1)
    readable = session_of(home, 60)

    assert going(home, MONTH) == [damaged.id, readable.id]
    assert choose(home, MONTH, NOW).going[0].state == "UNREADABLE"
    assert going(home, AllButNewest(1)) == []


def test_an_unreadable_session_with_a_held_lock_stays(home: Path) -> None:
    damaged = unreadable(home, 50)

    with held_by_another(damaged.runs / "batch-32" / "run.lock") as pid:
        assert kept(home) == {damaged.id: f"process {pid} holds its runs/batch-32/run.lock"}
        with pytest.raises(SessionInUseError):
            delete(damaged)

    delete(damaged)
    assert session_names(home) == []


def test_a_start_that_may_be_under_way_stays_whatever_the_age_asked_for(home: Path) -> None:
    young = unreadable(home, 0.01)

    assert "start may be under way" in kept(home, OlderThan(1))[young.id]


def test_a_folder_whose_name_is_no_session_id_is_left_alone(home: Path) -> None:
    session = session_of(home, 50)
    notes = home / "sessions" / "20200101-notes"
    shutil.copytree(session.folder, notes)

    assert going(home, MONTH) == [session.id]
    with pytest.raises(SessionError, match="no session id"):
        delete(SessionPaths(notes))
    assert (notes / "session.json").is_file()


def test_a_session_that_is_a_link_is_refused_in_words_and_its_target_stays(
    home: Path, tmp_path: Path
) -> None:
    real = session_of(tmp_path / "elsewhere", 50)
    (home / "sessions").mkdir(parents=True)
    link = home / "sessions" / identity(60, "link")
    link.symlink_to(real.folder)

    assert "symbolic link" in kept(home)[link.name]
    with pytest.raises(SessionError, match="symbolic link"):
        delete(SessionPaths(link))
    assert link.is_symlink()
    assert real.spec.is_file()


def test_links_inside_a_session_go_and_what_they_point_to_stays(home: Path, tmp_path: Path) -> None:
    session = session_of(home, 50)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("years")
    (session.folder / "results").symlink_to(tmp_path / "precious")
    (session.runs / "thesis").symlink_to(tmp_path / "precious" / "thesis.tex")

    delete(session)

    assert session_names(home) == []
    assert (tmp_path / "precious" / "thesis.tex").read_text() == "years"


def test_a_lock_that_is_a_link_is_not_touched(home: Path, tmp_path: Path) -> None:
    session = session_of(home, 50)
    target = tmp_path / "shared"
    target.touch()
    target.chmod(0o644)
    (session.runs / "batch-32" / "run.lock").symlink_to(target)

    delete(session)

    assert target.stat().st_mode & 0o777 == 0o644
    assert session_names(home) == []


def test_a_file_system_that_keeps_open_files_gets_them_closed_first(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(home, 50)
    remove = shutil.rmtree

    def as_nfs_does(folder: Path) -> None:
        with holding(Path(folder) / "supervisor.lock") as process:
            if first_word(process) == "refused":
                raise OSError(errno.EBUSY, "Device or resource busy", ".nfs0001")
        remove(folder)

    monkeypatch.setattr(pruning.shutil, "rmtree", as_nfs_does)
    delete(session)

    assert os.listdir(home / "sessions") == []


def test_a_session_of_another_user_is_refused_in_words(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(home, 50)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    assert "another user" in kept(home)[session.id]
    with pytest.raises(SessionError, match="another user"):
        delete(session)
    assert session.spec.is_file()


def test_what_cannot_be_removed_is_told_and_the_others_still_go(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other = session_of(home, 50), session_of(home, 60)
    remove = shutil.rmtree

    def half_way(folder: Path) -> None:
        if stuck.id in str(folder):
            (Path(folder) / "session.json").unlink(missing_ok=True)
            raise OSError(errno.EBUSY, "Device or resource busy", "val.jsonl")
        remove(folder)

    monkeypatch.setattr(pruning.shutil, "rmtree", half_way)
    done = prune(choose(home, MONTH, NOW).going)

    assert [one.paths.id for one in done.deleted] == [other.id]
    (failed,) = done.failed
    assert failed.id == stuck.id
    assert "could not be removed wholly (Device or resource busy at val.jsonl)" in failed.why
    assert os.listdir(home / "sessions") == [f".deleted-{stuck.id}"]


def test_what_cannot_be_renamed_stays_as_it_was(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(home, 50)

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(SessionError, match=r"Permission denied.*nothing of it was removed"):
        delete(session)

    assert session.spec.is_file()
    with held_by_another(session.supervisor_lock):
        pass


def test_a_session_that_another_deleted_first_is_told(home: Path) -> None:
    session = session_of(home, 50)
    delete(session)

    with pytest.raises(SessionError, match="gone already"):
        delete(session)


def test_a_file_system_without_locks_keeps_everything(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(home, 50)
    session.supervisor_lock.touch()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(pruning.locks.fcntl, "lockf", refuse)
    monkeypatch.setattr(pruning.locks.fcntl, "fcntl", refuse)

    assert "no working locks" in kept(home)[session.id]
    with pytest.raises(SessionError, match="no working locks"):
        delete(session)
    assert session.spec.is_file()


def test_what_a_broken_off_removal_left_goes_with_the_next_prune_and_nothing_else(
    home: Path,
) -> None:
    left, session = session_of(home, 50), session_of(home, 60)
    aside = left.folder.with_name(f".deleted-{left.id}")
    left.folder.rename(aside)
    others = [home / "sessions" / ".deleted-notes", home / "sessions" / ".hidden"]
    for other in others:
        other.mkdir()
    size = sum(path.lstat().st_size for path in aside.rglob("*") if path.is_file())

    assert remove_leftovers(home) == (size, ())

    assert not aside.exists()
    assert session.spec.is_file()
    assert all(other.is_dir() for other in others)


def test_a_link_that_looks_like_something_left_is_not_followed(home: Path, tmp_path: Path) -> None:
    real = session_of(tmp_path / "elsewhere", 50)
    (home / "sessions").mkdir(parents=True)
    link = home / "sessions" / f".deleted-{real.id}"
    link.symlink_to(real.folder)

    freed, (failed,) = remove_leftovers(home)

    assert (freed, failed.id) == (0, link.name)
    assert "symbolic link" in failed.why
    assert real.spec.is_file()


def test_two_that_remove_the_same_both_come_to_an_end(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(home, 50)
    remove = shutil.rmtree
    stumbles = [1, 2]

    def quicker_other(folder: Path) -> None:
        if stumbles:
            stumbles.pop()
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        remove(folder)

    monkeypatch.setattr(pruning.shutil, "rmtree", quicker_other)
    delete(session)

    assert (stumbles, os.listdir(home / "sessions")) == ([], [])


def test_a_home_without_sessions_has_nothing_to_prune_and_is_not_made(home: Path) -> None:
    assert choose(home, MONTH, NOW) == pruning.Choice((), ())
    assert remove_leftovers(home) == (0, ())
    assert not home.exists()
