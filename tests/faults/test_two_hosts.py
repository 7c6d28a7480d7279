"""One home on two hosts: there only the session's own host starts processes, the other writes commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import VALTUI
from support.sessions import make_session, new_session
from valtui.feed import SessionFeed
from valtui_trainer.session import machine
from valtui_trainer.session.commands import Inbox
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.locks import holder
from valtui_trainer.supervise.begin import command
from valtui_trainer.supervise.launch import ensure_supervisor

OTHER = "another-host"


def on_another_host(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `valtui ARGUMENTS` where the machine has another name and `home` lies on NFS, as it sees it.

    A real name-space of host names and mounts; only the list of mounts is written by this test.
    """
    mounts = home.parent / "mounts"
    mounts.write_text(f"server:/export {home} nfs4 rw 0 0\n")
    script = (
        f"hostname {OTHER} && mount --bind {mounts} /proc/$$/mounts && "
        'exec "$@"'
    )  # fmt: skip
    return subprocess.run(
        ["unshare", "--map-root-user", "--user", "--mount", "--uts", "sh", "-c", script, "sh",
         sys.executable, *VALTUI, *arguments, "--home", str(home)],
        capture_output=True, text=True, timeout=60, env=os.environ.copy(),
    )  # fmt: skip


@pytest.fixture
def elsewhere(home: Path) -> SessionPaths:
    """A session of this host whose runs wait, and nobody supervises it."""
    session, _ = new_session(home, host=machine.host())
    probe = on_another_host(home, "sessions")
    if probe.returncode != 0:
        pytest.skip(f"this user may not have name-spaces of its own: {probe.stderr.strip()[:80]}")
    return session


def test_another_host_writes_the_command_and_starts_nothing(
    home: Path, elsewhere: SessionPaths
) -> None:
    asked = on_another_host(home, "stop")

    assert f"it is trained on {machine.host()}, and valtui there carries it out" in asked.stdout
    assert {one.command for one in Inbox(elsewhere, set()).take()} == {"stop"}
    assert holder(elsewhere.supervisor_lock) is None
    assert not elsewhere.supervisor_log.exists(), "no supervisor was started"


def test_the_same_command_on_the_sessions_own_host_is_carried_out(
    home: Path, elsewhere: SessionPaths
) -> None:
    done = subprocess.run(
        [sys.executable, *VALTUI, "stop"], capture_output=True, text=True, timeout=60
    )

    assert "stopped before it began" in done.stdout
    assert elsewhere.supervisor_log.exists()


def test_another_name_on_a_local_disk_is_still_this_host(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines are renamed, and each start of a container brings a new name."""
    session, _ = new_session(home, host="a-name-it-once-had")

    assert not machine.lives_elsewhere(session.folder, "a-name-it-once-had")
    monkeypatch.setattr(machine, "file_system", lambda _: "nfs4")
    assert machine.lives_elsewhere(session.folder, "a-name-it-once-had")
    assert not machine.lives_elsewhere(session.folder, machine.host())


def test_the_screen_on_another_host_says_where_a_session_is_trained(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = make_session(home)  # of the host `here`
    monkeypatch.setattr(machine, "file_system", lambda _: "nfs4")

    assert SessionFeed(session).elsewhere == "here"
    command(session, "resume", "batch-32")
    ensure_supervisor(session)
    assert not session.supervisor_log.exists()
