"""`doctor`: each thing fine or with what to do; exit 1 only where valtui cannot work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from valtui.cli import doctor
from valtui.cli.main import main

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


def test_a_log_in_manager_that_kills_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda _: "/usr/bin/loginctl")
    answers = {"KillUserProcesses": "yes", "Linger": "no"}
    monkeypatch.setattr(
        doctor, "answer_of", lambda command: answers[command[-2].removeprefix("--property=")]
    )

    assert doctor.logout().state == "warn"
    answers["Linger"] = "yes"
    assert doctor.logout().state == "ok"
