"""News: the user's command is run once for each, with or without a screen; the bell rings where it is wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.commands import valtui, wait_until
from support.sessions import RunWriter, make_session, new_session
from valtui.causes.types import OverfittingSince
from valtui.feed import RunFeed, SessionFeed
from valtui.notify import task
from valtui.notify.news import News, Watcher
from valtui.notify.task import main as task_main
from valtui.notify.task import run_command
from valtui_trainer.session import locks
from valtui_trainer.session.config import Notify, config_path
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.locks import acquire, holder
from valtui_trainer.session.records import RunSpec


def follow(folder: str) -> int:
    """Follow a session within this process, which nobody asks to end."""
    return task_main(folder, threading.Event())


DONE = News("end", "batch-32", "batch-32 is done")

TELL = """\
import json, os, sys
with open(sys.argv[1], "a") as file:
    file.write(json.dumps({k: v for k, v in os.environ.items() if k.startswith("VALTUI_")}) + "\\n")
"""


@pytest.fixture
def told(tmp_path: Path, home: Path) -> Callable[[], list[dict[str, Any]]]:
    """A command of the user's that writes down what it was told."""
    del home
    script, log = tmp_path / "tell me.py", tmp_path / "told.jsonl"
    script.write_text(TELL)
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"[notify]\ncommand = \"{sys.executable} '{script}' '{log}'\"\nvolatility = 0.001\n"
    )

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    return read


@pytest.mark.slow
def test_a_detached_run_tells_its_end_once(
    place: Path, home: Path, told: Callable[[], list[dict[str, Any]]]
) -> None:
    valtui("run", "tiny", "--epochs", "3", "--detach", cwd=place)
    wait_until(lambda: [one for one in told() if one["VALTUI_EVENT"] == "end"], 120, "the news")

    (end,) = [one for one in told() if one["VALTUI_EVENT"] == "end"]
    assert end["VALTUI_RUN"] == "tiny"
    assert end["VALTUI_MESSAGE"] == "tiny is done"
    assert (home / "sessions" / end["VALTUI_SESSION"]).is_dir()
    (folder,) = (home / "sessions").iterdir()
    wait_until(lambda: "tiny is done" in (folder / "notify.log").read_text(), 30)


@pytest.mark.parametrize(
    ("command", "words"),
    [("no-such-program --x", "exit 127"), ("'unclosed", "exit 2"), ("false", "exit 1"), ("a\0b", "could not be run")],
)  # fmt: skip
def test_a_command_that_fails_is_told_in_a_log_of_its_own(
    home: Path, command: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, steps=20)

    run_command(command, DONE, session)

    assert words in capsys.readouterr().err


def test_a_command_is_what_a_shell_takes_and_no_shell_reads_what_is_told(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = make_session(home, steps=20)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "tell").write_text('#!/bin/sh\nprintf "%s|" "$@" > "$HOME/told"\n')
    (tmp_path / "tell").chmod(0o700)

    run_command(
        '~/tell box "$VALTUI_MESSAGE" | cat', News("end", "x", "$(id) `id` is done"), session
    )

    assert (tmp_path / "told").read_text() == "box|$(id) `id` is done|"


def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, steps=20)
    monkeypatch.setattr(task, "COMMAND_SECONDS", 0.5)
    read, write = os.pipe()
    os.set_inheritable(write, True)
    real = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *words, **how: real(*words, **how, pass_fds=(write,))
    )

    run_command("sleep 600 | cat; true", DONE, session)
    os.close(write)

    assert "ended after 0.5 s" in capsys.readouterr().err
    assert os.read(read, 1) == b""  # nobody holds the other end any more
    os.close(read)


def test_a_session_that_ended_at_once_is_told_and_one_of_old_is_not(
    home: Path, told: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = make_session(home)
    assert follow(str(session.folder)) == 0
    assert sorted(one["VALTUI_RUN"] for one in told() if one["VALTUI_EVENT"] == "end") == [
        "batch-128", "batch-32"
    ]  # fmt: skip
    before = len(told())
    monkeypatch.setattr(task, "YOUNG_SECONDS", -1.0)

    assert follow(str(session.folder)) == 0
    assert len(told()) == before
    assert follow(str(home / "nothing")) == 1


@pytest.mark.usefixtures("told")
def test_a_process_that_is_asked_to_end_does_so_at_once(home: Path) -> None:
    session, (writer, _) = make_session(home, steps=20, status=None)
    held = acquire(writer.run.lock)  # the run lives, so there is something to wait for
    assert held is not None
    process = subprocess.Popen(
        [sys.executable, "-m", "valtui.notify.task", str(session.folder)], stderr=subprocess.PIPE
    )
    try:
        wait_until(lambda: holder(session.folder / "notify.lock"), 60, "the process that follows")
        process.terminate()

        assert process.wait(30) == 0
    finally:
        process.kill()
        held.release()


def test_a_program_that_records_is_followed_as_long_as_it_lives(
    home: Path, told: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "ALONE_SECONDS", 0.0)
    monkeypatch.setattr(task, "LOOK_SECONDS", 0.01)
    session, (writer, other) = make_session(home, steps=20, status=None)
    other.finish()
    looks: list[int] = []

    def held_by(path: Path) -> int | None:
        looks.append(1)
        if len(looks) == 50:
            writer.finish()
        return None if path != writer.run.lock else 4242

    monkeypatch.setattr(locks, "holder", held_by)

    assert follow(str(session.folder)) == 0

    assert len(looks) >= 50
    assert {one["VALTUI_MESSAGE"] for one in told() if one["VALTUI_EVENT"] == "end"} == {
        "batch-32 is done", "batch-128 is done"
    }  # fmt: skip


# --- what is news ---------------------------------------------------------------------------------


class Followed:
    """A session that a test lets go on, and what its watcher says."""

    def __init__(self, session: SessionPaths, writers: list[RunWriter], wanted: Notify) -> None:
        self.session = session
        self.writers = writers
        self.overfits: OverfittingSince | None = None
        self._feed = SessionFeed(session)
        self._watcher = Watcher(self._feed, wanted, self._overfitting)

    def _overfitting(self, run: RunFeed) -> OverfittingSince | None:
        return self.overfits if run.id == "batch-32" else None

    def look(self) -> list[tuple[str, str]]:
        self._feed.poll_status()
        self._feed.drain()
        return [(news.kind, news.message) for news in self._watcher.look()]


@pytest.fixture
def following(home: Path) -> Callable[..., Followed]:
    """Follow a session of two runs that have begun."""

    def begin(**wanted: Any) -> Followed:
        session, writers = make_session(home, steps=200, status=None)
        return Followed(session, writers, Notify(**wanted))

    return begin


def test_what_was_so_at_the_first_look_is_no_news(following: Callable[..., Followed]) -> None:
    followed = following()
    followed.writers[0].finish()

    assert followed.look() == []
    assert followed.look() == []


def test_ends_and_failures_are_told_once_with_their_reason(
    following: Callable[..., Followed],
) -> None:
    followed = following(on=["end", "failure"])
    lost = followed.look()
    assert lost == []  # neither lives, which was so at the first look
    followed.writers[0].finish()
    followed.writers[1].finish("failed", reason="The loss is not finite.")

    assert sorted(followed.look()) == [
        ("end", "batch-32 is done"),
        ("failure", "batch-128 is failed: The loss is not finite."),
    ]
    assert followed.look() == []


def test_of_a_watched_log_nobody_knows_whether_its_program_ended(
    home: Path, following: Callable[..., Followed]
) -> None:
    followed = following()
    for writer in followed.writers:
        spec = msgspec.json.decode(writer.run.spec.read_bytes(), type=RunSpec)
        as_log = msgspec.structs.replace(spec, source="watch")
        writer.run.spec.write_bytes(msgspec.json.encode(as_log))
    followed = Followed(followed.session, followed.writers, Notify())
    followed.look()
    followed.writers[0].finish("stopped")
    followed.overfits = OverfittingSince(step=120, epoch=3.0, rise=0.1, p=0.01)

    assert followed.look() == [("overfitting", "batch-32 overfits since epoch 3")]


def test_overfitting_is_told_once(following: Callable[..., Followed]) -> None:
    followed = following()
    followed.look()
    followed.overfits = OverfittingSince(step=120, epoch=3.0, rise=0.1, p=0.01)

    assert followed.look() == [("overfitting", "batch-32 overfits since epoch 3")]
    assert followed.look() == []


def test_volatility_above_the_threshold_is_told_again_only_after_it_fell(
    following: Callable[..., Followed],
) -> None:
    followed = following(volatility=8.0)
    writer = followed.writers[0]
    followed.look()

    writer.curves(range(201, 401), noise=0.3)
    (kind, said) = followed.look()[0]
    assert kind == "volatility"
    assert said.startswith("batch-32 jumps by")
    assert said.endswith("% of its loss (limit 8 %)")
    writer.curves(range(401, 501), noise=0.3)
    assert followed.look() == []
    writer.curves(range(501, 801), noise=0.001)
    assert followed.look() == []
    writer.curves(range(801, 1001), noise=0.3)
    assert [kind for kind, _ in followed.look()] == ["volatility"]


def test_what_is_not_wanted_is_not_told(following: Callable[..., Followed]) -> None:
    followed = following(on=["failure"], volatility=0.001)
    followed.look()
    followed.overfits = OverfittingSince(step=120, epoch=3.0, rise=0.1, p=0.01)
    followed.writers[0].finish()

    assert followed.look() == []


def test_a_queued_session_has_no_news(home: Path) -> None:
    session, _ = new_session(home)

    assert Followed(session, [], Notify(volatility=1.0)).look() == []
