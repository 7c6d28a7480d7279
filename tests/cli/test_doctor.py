"""`doctor`: each thing fine or with what to do; exit 1 only where valtui cannot work."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from valtui.cli import doctor
from valtui.cli.doctor import Finding
from valtui.cli.main import main
from valtui_trainer.supervise import logout

FINE = {
    "torch": "2.9", "torchvision": "0.24", "cuda": None, "cuda_available": False, "threads": 2,
    "devices": [], "problem": None,
}  # fmt: skip


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the child with torch answers; a test may change it."""
    answer: dict[str, object] = dict(FINE)
    monkeypatch.setattr(doctor, "ask_child", lambda: answer)
    return answer


def findings(capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, dict[str, str]]:
    assert main(["doctor", "--json"]) == code
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == 1
    return {one["what"]: one for one in found["findings"]}


def test_a_healthy_machine_is_fine(
    home: Path, child: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    del home, child

    found = findings(capsys)

    assert {"python", "terminal", "home", "file system", "locks", "disk", "log-out", "mnist5k",
            "driver", "torch"} <= set(found)  # fmt: skip
    assert found["locks"]["state"] == "ok"
    assert found["home"]["state"] == "ok"


def test_the_real_child_answers(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    del home

    assert main(["doctor"]) == 0
    assert "ok   torch" in capsys.readouterr().out


def test_torch_that_does_not_load_is_bad_and_exit_1(
    home: Path, child: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    del home
    child.update(torch=None, problem="libcudart is missing")

    found = findings(capsys, code=1)

    assert (found["torch"]["state"], found["torch"]["found"]) == ("bad", "libcudart is missing")


def test_a_device_that_cannot_compute_is_bad(
    home: Path, child: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    del home
    device = {"index": 0, "name": "Old", "memory": 8 << 30, "problem": "no kernel image"}
    child.update(cuda="13.0", cuda_available=True, devices=[device])

    assert "no kernel image" in findings(capsys, code=1)["cuda:0"]["found"]


def test_a_home_that_others_can_look_into_is_a_warning(
    home: Path, child: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    del child
    home.mkdir(mode=0o755)
    home.chmod(0o755)

    found = findings(capsys)["home"]

    assert (found["state"], found["advice"]) == ("warn", f"chmod 700 {home}")


def test_a_home_that_cannot_be_made_is_bad(
    tmp_path: Path, child: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    del child
    (tmp_path / "file").write_text("")

    assert main(["doctor", "--home", str(tmp_path / "file")]) == 1
    assert "bad  home" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TERM": "dumb"}, "no screen here"),
        ({"TERM": ""}, "no screen here"),
        ({"TERM": "xterm-256color"}, "256 colours"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "true colour"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "no colours"),
        ({"TERM": "linux"}, "16 colours"),
    ],
)
def test_the_terminal_is_judged_by_what_it_says(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: str
) -> None:
    for name in ("TERM", "COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert words in doctor.terminal().found


@pytest.mark.parametrize(
    ("place", "linger", "state", "part"),
    [
        ("/user.slice/user-1000.slice/session-3.scope", "no", "warn",
         "session-3.scope, KillUserProcesses=yes, no linger"),
        ("/user.slice/user-1000.slice/user@1000.service/run-1.scope", "no", "warn",
         "user@1000.service, no linger"),
        ("/user.slice/user-1000.slice/user@1000.service/run-1.scope", "yes", "ok",
         "user@1000.service, lingers"),
        ("/system.slice/cron.service", "no", "ok", "in no log-in session"),
    ],
)  # fmt: skip
def test_a_log_out_that_ends_runs_is_warned_about_with_the_part_that_does(
    tmp_path: Path,
    home: Path,
    child: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
    linger: str,
    state: str,
    part: str,
) -> None:
    del home, child
    (tmp_path / "cgroup").write_text(f"0::{place}\n")
    monkeypatch.setattr(logout, "CGROUP", tmp_path / "cgroup")
    tool = tmp_path / "loginctl"
    tool.write_text(f"#!/bin/sh\necho KillUserProcesses=yes\necho Linger={linger}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    found = findings(capsys)["log-out"]

    assert found["state"] == state
    assert part in found["found"]
    assert ("enable-linger" in found["advice"]) == (state == "warn")


def test_a_child_that_says_nothing_useful_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.sys, "executable", "/bin/false")

    (found,) = doctor.torch_and_cuda()

    assert (found.what, found.state) == ("torch", "bad")


@pytest.mark.parametrize(
    ("answer", "seen", "words"),
    [
        ({"cuda": None}, True, "built for the CPU"),
        ({"cuda": "13.0"}, True, "built for CUDA 13.0, finds no device"),
        ({"cuda": "13.0"}, False, "none; 2 CPU threads"),
    ],
)
def test_why_there_is_no_cuda_is_said(
    home: Path,
    child: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: dict[str, object],
    seen: bool,
    words: str,
) -> None:
    del home
    child.update(answer)
    driver = Finding("driver", "ok", "NVIDIA 580, 1 device(s)" if seen else "no NVIDIA driver")
    monkeypatch.setattr(doctor, "driver", lambda: driver)

    assert words in findings(capsys)["cuda"]["found"]


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        ("ext4", "ok", "ext4"),
        ("nfs4", "warn", "locks depend on the server"),
        ("tmpfs", "warn", "lost at reboot"),
        ("overlay", "warn", "lost with the container"),
    ],
)
def test_the_file_system_of_the_home_is_said_with_what_it_means(
    home: Path,
    child: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    state: str,
    words: str,
) -> None:
    del child
    mounts = f"/dev/sda / ext4 rw 0 0\nserver:/x {home.resolve()} {kind} rw 0 0\n"
    real = Path.read_text
    monkeypatch.setattr(
        Path,
        "read_text",
        lambda path, *rest, **named: (
            mounts if str(path) == "/proc/self/mounts" else real(path, *rest, **named)
        ),
    )

    assert main(["doctor"]) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "file system" in one]

    assert line.startswith(state)
    assert words in line
    assert len(line) <= 80


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "the file system is read-only"),
        (errno.EDQUOT, "your disk quota is used up"),
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "you may not write there"),
    ],
)
def test_a_home_that_takes_nothing_is_bad_and_says_why(
    home: Path,
    child: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
    words: str,
) -> None:
    del home, child

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refuse)

    found = findings(capsys, code=1)["home"]

    assert found["state"] == "bad"
    assert words in found["found"]
    assert "--home" in found["advice"]


class Disk:
    """What `statvfs` says of a disk."""

    def __init__(self, free: int, files: int, free_files: int) -> None:
        self.f_frsize, self.f_bavail, self.f_files, self.f_favail = 1, free, files, free_files


@pytest.mark.parametrize(
    ("disk", "state", "words"),
    [
        (Disk(10**12, 10**6, 0), "bad", "no inodes left"),
        (Disk(10**12, 10**6, 9), "warn", "room for 9 files"),
        (Disk(10**6, 10**6, 10**5), "warn", "1.0 MB free"),
        (Disk(10**12, 0, 0), "ok", "free"),
    ],
)
def test_a_disk_is_judged_by_its_bytes_and_by_its_inodes(
    home: Path,
    child: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    disk: Disk,
    state: str,
    words: str,
) -> None:
    del home, child
    monkeypatch.setattr(os, "statvfs", lambda _: disk)

    found = findings(capsys, code=int(state == "bad"))["disk"]

    assert found["state"] == state
    assert words in found["found"]


def test_a_home_that_takes_no_file_for_want_of_inodes_says_so(
    home: Path,
    child: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del home, child

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    monkeypatch.setattr(os, "statvfs", lambda _: Disk(10**12, 10**6, 0))

    assert "no inodes left" in findings(capsys, code=1)["home"]["found"]
