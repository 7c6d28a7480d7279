"""Liveness by POSIX locks: they name their holder and go with it, whatever it left behind."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from valtui_trainer.session import locks
from valtui_trainer.session.errors import SessionError

HOLD = (
    "import sys, os; from pathlib import Path; from valtui_trainer.session.locks import acquire\n"
    "lock = acquire(Path(sys.argv[1])); print('held' if lock else 'refused', flush=True)\n"
    "{}\n"
    "sys.stdin.read()\n"
)
FORK = "import subprocess; subprocess.Popen(['sleep', '5'], close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)"


@contextmanager
def holding(path: Path, also: str = "") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds, or tries to hold, the lock at `path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(also), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_word(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_nobody_holds_a_lock_that_was_never_made(tmp_path: Path) -> None:
    assert locks.holder(tmp_path / "run.lock") is None


def test_the_holder_is_named_by_its_pid(tmp_path: Path) -> None:
    with holding(tmp_path / "run.lock") as process:
        assert first_word(process) == "held"

        assert locks.holder(tmp_path / "run.lock") == process.pid


def test_a_second_one_is_refused(tmp_path: Path) -> None:
    with holding(tmp_path / "run.lock") as first:
        assert first_word(first) == "held"

        assert locks.acquire(tmp_path / "run.lock") is None
        with holding(tmp_path / "run.lock") as second:
            assert first_word(second) == "refused"


def test_looking_does_not_take_or_drop_the_lock(tmp_path: Path) -> None:
    with holding(tmp_path / "run.lock") as process:
        first_word(process)
        for _ in range(3):
            assert locks.holder(tmp_path / "run.lock") == process.pid


def test_a_killed_holder_holds_no_more_even_when_a_child_of_it_lives(tmp_path: Path) -> None:
    with holding(tmp_path / "run.lock", FORK) as process:
        assert first_word(process) == "held"
        process.kill()
        process.wait()

        assert locks.holder(tmp_path / "run.lock") is None
        lock = locks.acquire(tmp_path / "run.lock")
        assert lock is not None
        lock.release()


def test_a_released_lock_can_be_taken(tmp_path: Path) -> None:
    lock = locks.acquire(tmp_path / "run.lock")
    assert lock is not None
    lock.release()

    with holding(tmp_path / "run.lock") as process:
        assert first_word(process) == "held"


def test_the_lock_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        lock = locks.acquire(tmp_path / "run.lock")
    finally:
        os.umask(before)

    assert lock is not None
    assert (tmp_path / "run.lock").stat().st_mode & 0o777 == 0o600
    lock.release()


def test_a_file_system_without_locks_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    (tmp_path / "run.lock").touch()
    monkeypatch.setattr(locks.fcntl, "lockf", refuse)
    monkeypatch.setattr(locks.fcntl, "fcntl", refuse)

    for ask in (locks.acquire, locks.holder):
        with pytest.raises(SessionError, match="no working locks"):
            ask(tmp_path / "run.lock")
