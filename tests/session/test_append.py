"""Writing the log: one whole line a record, a full disk waits and loses nothing."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from support.sessions import train_record
from valtui_trainer.session import append, patience
from valtui_trainer.session.append import Appender, Records
from valtui_trainer.session.patience import NO_ROOM, Patience
from valtui_trainer.session.records import Train
from valtui_trainer.session.tail import Tail


def test_a_file_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Records(tmp_path / "log").close()
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


def test_what_was_appended_is_there_before_append_returns(tmp_path: Path) -> None:
    records = Records(tmp_path / "log")

    for step in range(1, 4):
        records.append(train_record(step))
        assert len(Tail(tmp_path / "log", Train).read()) == step


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
def test_a_full_disk_blocks_in_the_middle_of_a_line_and_goes_on_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    heard: list[str] = []
    real_write, failures = os.write, [True, True]

    def write(descriptor: int, content: memoryview) -> int:
        if len(content) < 20 and failures:
            failures.pop()
            raise OSError(number, os.strerror(number))
        return real_write(descriptor, content[: max(1, len(content) // 2)])

    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(append.os, "write", write)
    records = Records(tmp_path / "log", Patience(heard.append))
    records.append(train_record(1))
    monkeypatch.undo()
    records.append(train_record(2))

    assert heard == [NO_ROOM[number], ""]
    assert [record.step for record in Tail(tmp_path / "log", Train).read()] == [1, 2]


def test_another_failure_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: object) -> int:
        raise OSError(errno.EIO, "broken")

    appender = Appender(tmp_path / "log")
    monkeypatch.setattr(append.os, "write", write)

    with pytest.raises(OSError, match="broken"):
        appender.write(b"x")


def test_a_real_size_limit_blocks_until_it_is_lifted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.02)
    path = tmp_path / "log"
    blocked, lifted = threading.Event(), threading.Event()
    records = Records(path, Patience(lambda why: (blocked if why else lifted).set()))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
        writer = threading.Thread(
            target=lambda: [records.append(train_record(step)) for step in range(1, 6)]
        )
        writer.start()
        assert blocked.wait(10)
        assert path.stat().st_size == 500
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    writer.join(10)

    assert lifted.is_set()
    found = Tail(path, Train).read()
    assert [(record.n, record.step) for record in found] == [(n, n + 1) for n in range(5)]


@pytest.mark.parametrize("lines", [1, 57, 300])
def test_a_writer_killed_at_any_moment_loses_no_acknowledged_record(
    tmp_path: Path, lines: int
) -> None:
    path = tmp_path / "log"
    program = (
        "import sys; sys.path.insert(0, 'tests'); from pathlib import Path;"
        "from support.sessions import train_record; from valtui_trainer.session.append import Records\n"
        "records = Records(Path(sys.argv[1]))\n"
        "for step in range(1, 10**9):\n"
        "    records.append(train_record(step)); sys.stdout.write(f'{step}\\n'); sys.stdout.flush()\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert writer.stdout is not None
    for _ in range(lines):
        acknowledged = int(writer.stdout.readline())
    writer.kill()
    rest = writer.stdout.read().split("\n")
    writer.wait()
    acknowledged = max([acknowledged, *(int(word) for word in rest[:-1] if word)])

    found = [record.step for record in Tail(path, Train).read()]

    assert found[:acknowledged] == list(range(1, acknowledged + 1))
    assert len(found) <= acknowledged + 1
