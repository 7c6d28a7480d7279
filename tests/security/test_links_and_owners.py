"""A session folder that is a link or somebody else's is refused in words, and never written through."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from screens.conftest import sees, shown
from support.sessions import make_session
from valtui.app import ValtuiApp
from valtui.cli.main import main
from valtui_trainer.session.append import Records
from valtui_trainer.session.documents import write_bytes
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.heartbeat import HeartbeatFile
from valtui_trainer.session.layout import SessionPaths, prepare_home
from valtui_trainer.session.listing import session_size
from valtui_trainer.session.locks import acquire
from valtui_trainer.session.records import Heartbeat
from valtui_trainer.supervise import begin, launch
from valtui_trainer.supervise.launch import detached
from valtui_trainer.training.data import cache

COMMANDS = ["show", "open", "stop", "pause", "resume", "compare"]
EXPORTS = [["export", "--to", "csv"], ["export", "--to", "weights"]]
OTHER, US = 4242, 4243

# Loads all that a command may load while it still may read it, then becomes an ordinary user.
BECOME = """
import importlib, os, pkgutil, sys, encodings.idna, traceback
import valtui, valtui.cli, valtui.export, valtui_trainer, valtui_trainer.session
import valtui_trainer.presets, valtui_trainer.supervise, valtui_trainer.measure
for package in (valtui, valtui.cli, valtui.export, valtui_trainer.session, valtui_trainer.presets,
                valtui_trainer.supervise, valtui_trainer.measure):
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if not found.ispkg and "__main__" not in found.name:
            importlib.import_module(found.name)
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
sys.exit(valtui.cli.main.main(sys.argv[2:]))
"""


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of all that lies in `folder`."""
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")
    }


def words_for(command: list[str], session: str, out: Path) -> list[str]:
    return [command[0], session, *command[1:], *([str(out)] if command[0] == "export" else [])]


@pytest.fixture
def linked(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionPaths:
    """A session that is only a link to one elsewhere; a guard that fails starts nothing."""
    monkeypatch.setattr(begin, "ensure_supervisor", lambda session: None)
    monkeypatch.setattr(launch, "ensure_supervisor", lambda session: None)
    real, _ = make_session(tmp_path / "elsewhere", steps=20, status="stopped")
    prepare_home(home)
    (home / "sessions" / real.id).symlink_to(real.folder)
    return real


@pytest.mark.parametrize("command", [*([name] for name in COMMANDS), *EXPORTS], ids=" ".join)
def test_a_session_that_is_a_link_is_refused_by_every_command_and_not_touched(
    linked: SessionPaths,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
) -> None:
    before = tree(linked.folder)

    code = main(words_for(command, linked.id, tmp_path / "out"))

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "is a symbolic link" in err
    assert tree(linked.folder) == before
    assert not (tmp_path / "out").exists()


def test_a_session_that_is_a_link_is_listed_only_as_refused(
    linked: SessionPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sessions"]) == 0

    out, err = capsys.readouterr()
    assert linked.id not in out
    assert f"{linked.id}: " in err
    assert "is a symbolic link" in err


async def test_the_home_screen_does_not_offer_a_session_that_is_a_link(
    linked: SessionPaths, home: Path
) -> None:
    async with ValtuiApp(home).run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "none yet")

        assert linked.id[:8] not in shown(pilot.app)


def open_log(path: Path) -> None:
    process = detached(["-c", "print('written')"], path)
    process.wait()


def beat(path: Path) -> None:
    HeartbeatFile(path).write(Heartbeat(beat=1, loop=1, phase="", step=1, total=1, rate=1.0))


def write_cache(path: Path) -> None:
    cache.write(path, {"a": np.zeros(1)})


WRITERS: dict[str, Callable[[Path], object]] = {
    "val.jsonl": Records,
    "heartbeat": beat,
    "run.lock": acquire,
    "trainer.log": open_log,
    "session.json": lambda path: write_bytes(path, b"{}"),
    "cache.npz": write_cache,
}


@pytest.mark.parametrize("name", WRITERS)
def test_no_file_of_ours_is_written_through_a_link(tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    precious.chmod(0o640)
    link = tmp_path / "folder" / name
    link.parent.mkdir()
    link.symlink_to(precious)

    try:
        WRITERS[name](link)
    except (OSError, SessionError):
        assert link.is_symlink()

    assert precious.read_text() == "precious"
    assert precious.stat().st_mode & 0o777 == 0o640


def test_the_temporary_name_of_a_document_is_not_written_through_a_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / f".run.json.{os.getpid()}").symlink_to(precious)

    with pytest.raises(OSError, match="symbolic links"):
        write_bytes(tmp_path / "run.json", b"{}")

    assert precious.read_text() == "precious"


def test_the_size_of_a_session_does_not_count_what_lies_behind_links(
    home: Path, tmp_path: Path
) -> None:
    session, _ = make_session(home, steps=20)
    before = session_size(session)
    (tmp_path / "large").write_bytes(b"x" * 1_000_000)
    (session.folder / "link").symlink_to(tmp_path)
    (session.folder / "file").symlink_to(tmp_path / "large")

    assert session_size(session) - before < 10_000


@pytest.fixture
def theirs() -> Iterator[SessionPaths]:
    """A session of another user, readable for all, in a home of ours."""
    if os.geteuid() != 0:
        pytest.skip("only root can make files of another user")
    place = Path(tempfile.mkdtemp(prefix="valtui-test-"))
    try:
        session, _ = make_session(place / "home", steps=20, status="stopped")
        for path in [place, *place.rglob("*")]:
            path.chmod(0o777 if path.is_dir() else 0o666)
            os.chown(path, US, US)
        for path in [session.folder, *session.folder.rglob("*")]:
            os.chown(path, OTHER, OTHER)
        yield session
    finally:
        shutil.rmtree(place)


def as_user(session: SessionPaths, uid: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as the user `uid`."""
    home = session.folder.parents[1]
    return subprocess.run(
        [sys.executable, "-P", "-c", BECOME, str(uid), *words],
        cwd=home,
        env=os.environ | {"VALTUI_HOME": str(home), "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("command", [["show"], ["stop"]], ids=" ".join)
def test_somebody_elses_session_is_refused_though_its_files_could_be_read(
    theirs: SessionPaths, command: list[str]
) -> None:
    before = tree(theirs.folder)
    words = words_for(command, theirs.id, theirs.folder.parents[1] / "out")

    done = as_user(theirs, US, *words)

    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "belongs to another user" in done.stderr
    assert tree(theirs.folder) == before


def test_somebody_elses_session_is_listed_only_as_refused(theirs: SessionPaths) -> None:
    done = as_user(theirs, US, "sessions")

    assert done.returncode == 0, done.stderr
    assert theirs.id not in done.stdout
    assert "belongs to another user" in done.stderr


@pytest.mark.parametrize("uid", [0, OTHER])
def test_its_owner_and_root_may_look(theirs: SessionPaths, uid: int) -> None:
    done = as_user(theirs, uid, "show", theirs.id)

    assert done.returncode == 0, done.stderr
    assert "batch-32" in done.stdout
