"""A log-out that ends runs is seen from the cgroup and the log-in manager, and said with its remedy."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from screens.conftest import sees
from support.sessions import make_session, new_session
from valtui.app import ValtuiApp
from valtui.cli import control
from valtui.cli.main import main
from valtui_trainer.presets.library import Library
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.supervise import begin, launch, logout, validate
from valtui_trainer.supervise.logout import log_out_kills
from valtui_trainer.supervise.plan import Request, make_plan
from valtui_trainer.supervise.validate import Answer

SESSION = "/user.slice/user-1000.slice/session-3.scope"
MANAGER = "/user.slice/user-1000.slice/user@1000.service/app.slice/tmux-1.scope"
KILLS = {"KillUserProcesses": "yes", "KillExcludeUsers": "root", "KillOnlyUsers": ""}
SCRIPT = """#!/bin/sh
echo "$@" >> {asked}
for word in "$@"; do
  case $word in
{answers}
  esac
done
"""

LogIn = Callable[..., Path]


@pytest.fixture
def log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LogIn:
    """Lie in a cgroup, with a log-in manager that answers; gives the file of what it was asked."""

    def lie_in(place: str, linger: str | None = "no", version: int = 2, **said: str) -> Path:
        lines = f"0::{place}\n" if version == 2 else f"12:pids:{place}\n1:name=systemd:{place}\n"
        (tmp_path / "cgroup").write_text(lines)
        monkeypatch.setattr(logout, "CGROUP", tmp_path / "cgroup")
        known = {**KILLS, **said} | ({} if linger is None else {"Linger": linger})
        answers = "\n".join(f"    --property={k}) echo '{k}={v}';;" for k, v in known.items())
        asked = tmp_path / "asked"
        tool = tmp_path / "bin" / "loginctl"
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(SCRIPT.format(asked=asked, answers=answers))
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
        return asked

    return lie_in


@pytest.mark.parametrize("version", [1, 2])
def test_a_session_whose_processes_are_killed_is_a_threat_with_its_remedy(
    log_in: LogIn, version: int
) -> None:
    log_in(SESSION, version=version)

    sentence = log_out_kills()

    assert sentence is not None
    for words in ("session-3.scope", "KillUserProcesses=yes", "systemd-run --user --scope",
                  "loginctl enable-linger"):  # fmt: skip
        assert words in sentence


def test_lingering_does_not_save_a_session_scope_but_need_not_be_asked_for_again(
    log_in: LogIn,
) -> None:
    log_in(SESSION, linger="yes")

    sentence = log_out_kills()

    assert sentence is not None
    assert "systemd-run --user --scope" in sentence
    assert "enable-linger" not in sentence


def test_a_session_whose_processes_are_left_alone_is_no_threat(log_in: LogIn) -> None:
    log_in(SESSION, KillUserProcesses="no")

    assert log_out_kills() is None


@pytest.mark.parametrize(
    ("said", "threat"),
    [
        ({"KillExcludeUsers": "root 1000"}, False),
        ({"KillOnlyUsers": "somebody"}, False),
        ({"KillOnlyUsers": "somebody 1000"}, True),
        ({"KillUserProcesses": "no", "KillOnlyUsers": "1000"}, True),
        ({"KillExcludeUsers": "1000", "KillOnlyUsers": "1000"}, False),
    ],
)
def test_the_lists_of_users_decide_as_logind_does(
    log_in: LogIn, monkeypatch: pytest.MonkeyPatch, said: dict[str, str], threat: bool
) -> None:
    monkeypatch.setattr(logout, "name_of", str)
    log_in(SESSION, **said)

    assert (log_out_kills() is not None) is threat


def test_root_is_spared_where_nobody_is_excluded_by_name(
    log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logout, "name_of", lambda uid: "root")
    log_in(SESSION, KillExcludeUsers="")

    assert log_out_kills() is None


@pytest.mark.parametrize("kill", ["yes", "no"])
def test_what_lies_under_the_user_manager_ends_with_it_unless_it_lingers(
    log_in: LogIn, kill: str
) -> None:
    log_in(MANAGER, KillUserProcesses=kill)
    sentence = log_out_kills()
    log_in(MANAGER, linger="yes", KillUserProcesses=kill)

    assert sentence is not None
    assert "user@1000.service" in sentence
    assert "loginctl enable-linger" in sentence
    assert log_out_kills() is None


@pytest.mark.parametrize(
    "place", ["/", "/system.slice/ssh.service", "/docker/abc", "/user.slice/session-3.scoped/x"]
)
def test_outside_a_log_in_session_nobody_is_asked(log_in: LogIn, place: str) -> None:
    asked = log_in(place)

    assert log_out_kills() is None
    assert not asked.exists()


@pytest.mark.parametrize("place", [SESSION, MANAGER])
def test_a_log_in_manager_that_does_not_know_is_no_threat(
    log_in: LogIn, tmp_path: Path, place: str
) -> None:
    log_in(place)
    (tmp_path / "bin" / "loginctl").write_text("#!/bin/sh\nexit 1\n")

    assert log_out_kills() is None


@pytest.mark.parametrize("place", [SESSION, MANAGER])
def test_a_log_in_manager_that_does_not_answer_is_given_up(
    log_in: LogIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(logout, "PATIENCE_SECONDS", 0.1)
    log_in(place)
    (tmp_path / "bin" / "loginctl").write_text("#!/bin/sh\nexec sleep 60\n")
    began = time.monotonic()

    assert log_out_kills() is None
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("place", [SESSION, MANAGER])
def test_without_a_log_in_manager_nothing_is_said(
    log_in: LogIn, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    log_in(place)
    monkeypatch.setenv("PATH", "/nowhere")

    assert log_out_kills() is None


def test_without_cgroups_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logout, "CGROUP", tmp_path / "nothing")

    assert log_out_kills() is None


@pytest.fixture
def started(home: Path, monkeypatch: pytest.MonkeyPatch) -> SessionPaths:
    """A session that `run` gets instead of starting one."""
    session, _ = new_session(home)
    monkeypatch.setattr(validate, "validate", lambda *_: Answer())
    monkeypatch.setattr(begin, "begin", lambda *_: session)
    monkeypatch.setattr("valtui.cli.plain.follow", lambda _: 0)
    return session


@pytest.mark.parametrize("way", ["--plain", "--detach"])
def test_a_start_says_it_once_on_stderr(
    log_in: LogIn, started: SessionPaths, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    del started
    log_in(SESSION)

    assert main(["run", "batch-32", way]) == 0

    out, err = capsys.readouterr()
    assert err.count("valtui: note: Runs end when you log out") == 1
    assert "log out" not in out


def test_a_start_outside_a_log_in_session_says_nothing(
    log_in: LogIn, started: SessionPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    del started
    log_in("/")

    assert main(["run", "batch-32", "--detach"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("supervised", [True, False])
def test_a_resume_says_it_where_the_run_will_be_started_from_here(
    log_in: LogIn,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    supervised: bool,
) -> None:
    make_session(home, steps=10, status="stopped")
    monkeypatch.setattr(begin, "ensure_supervisor", lambda session: None)
    monkeypatch.setattr(launch, "ensure_supervisor", lambda session: None)
    monkeypatch.setattr(control, "supervisor_alive", lambda session: supervised)
    monkeypatch.setattr(control, "PATIENCE_SECONDS", 0.0)
    log_in(SESSION)

    main(["resume"])

    assert capsys.readouterr().err.count("note: Runs end when you log out") == (not supervised)


async def test_the_app_says_it_when_a_session_is_started(
    log_in: LogIn, started: SessionPaths, home: Path
) -> None:
    del started
    log_in(SESSION)
    plan = make_plan(Request(names=("batch-32",)), Library.open())

    async with ValtuiApp(home, plan=plan).run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "Runs end when you log out", "systemd-run --user --scope")

        said = [note for note in pilot.app._notifications if "log out" in note.message]
        assert len(said) == 1
