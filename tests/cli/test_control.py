"""`stop`, `pause`, `resume`: sent where they apply, answered within a while, refused in words."""

from __future__ import annotations

import errno
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from support.sessions import RunWriter, make_session, new_session
from valtui.cli import control
from valtui.cli.main import main
from valtui_trainer.session import state
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.machine import boot_id
from valtui_trainer.session.records import Command, Heartbeat
from valtui_trainer.supervise import begin, launch


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Start no supervisor; return the sessions for which one was wanted."""
    wanted: list[str] = []
    for room in (begin, launch):
        monkeypatch.setattr(room, "ensure_supervisor", lambda session: wanted.append(session.id))
    monkeypatch.setattr(control, "PATIENCE_SECONDS", 0.5)
    return wanted


@pytest.fixture
def running(home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[SessionPaths, list[RunWriter]]:
    """A session of two living runs."""
    session, writers = make_session(home, steps=20, status=None)
    monkeypatch.setattr(
        state.locks, "holder", lambda path: 4711 if path.name == "run.lock" else None
    )
    return session, writers


def sent(session: SessionPaths) -> list[Command]:
    return [
        msgspec.json.decode(path.read_bytes(), type=Command)
        for path in sorted(session.commands.glob("*.json"))
    ]


@contextmanager
def answering(session: SessionPaths, act: Callable[[Command], None]) -> Iterator[None]:
    """Act on each command once, as a trainer would."""
    over = threading.Event()

    def work() -> None:
        seen: set[str] = set()
        while not over.wait(0.01):
            for command in sent(session):
                if command.id not in seen:
                    seen.add(command.id)
                    act(command)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()


def test_a_stop_goes_to_all_runs_that_live_and_the_answers_are_said(
    running: tuple[SessionPaths, list[RunWriter]], capsys: pytest.CaptureFixture[str]
) -> None:
    session, writers = running
    by_id = {writer.run.id: writer for writer in writers}
    with answering(
        session,
        lambda command: by_id[command.run or ""].event(
            "command", "stopping after this step", id=command.id
        ),
    ):
        code = main(["stop"])

    out = capsys.readouterr().out
    assert code == 0
    assert sorted(out.splitlines()) == [
        "batch-128: stopping after this step",
        "batch-32: stopping after this step",
    ]
    assert {(command.command, command.run) for command in sent(session)} == {
        ("stop", "batch-32"), ("stop", "batch-128"),
    }  # fmt: skip


def test_a_run_that_is_named_gets_the_command_alone(
    running: tuple[SessionPaths, list[RunWriter]], capsys: pytest.CaptureFixture[str]
) -> None:
    session, (_, second) = running
    with answering(session, lambda _: second.beat(20, phase="paused")):
        code = main(["pause", session.id[-6:], "128"])

    assert (code, capsys.readouterr().out) == (0, "batch-128: paused\n")
    assert [command.run for command in sent(session)] == ["batch-128"]


def test_what_a_pause_keeps_is_said_even_where_the_pause_is_seen_before_the_answer(
    running: tuple[SessionPaths, list[RunWriter]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, (first, _) = running
    ask = control.Asked.status

    def status(asked: control.Asked) -> state.RunStatus:
        for command in sent(session):
            first.event("command", "paused; 512 MB stay taken", id=command.id, command="pause")
            first.beat(20, phase="paused")
        return ask(asked)

    monkeypatch.setattr(control.Asked, "status", status)

    assert main(["pause", session.id, "batch-32"]) == 0
    assert capsys.readouterr().out == "batch-32: paused; 512 MB stay taken\n"


def test_a_refusal_is_said_and_exit_1(
    running: tuple[SessionPaths, list[RunWriter]], capsys: pytest.CaptureFixture[str]
) -> None:
    session, (first, _) = running
    with answering(
        session, lambda command: first.event("command", "refused: not now", id=command.id)
    ):
        code = main(["pause", session.id, "batch-32"])

    assert (code, capsys.readouterr().out) == (1, "batch-32: refused: not now\n")


def test_no_answer_within_the_while_is_said_and_exit_1(
    running: tuple[SessionPaths, list[RunWriter]], capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = running

    assert main(["stop", session.id, "batch-32"]) == 1
    assert "not answered" in capsys.readouterr().out


def test_an_answer_of_the_supervisor_counts_too(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from valtui_trainer.session.append import Records
    from valtui_trainer.session.records import Event

    session, _ = make_session(home, steps=20, status="stopped")
    events = Records(session.events)

    def answer(command: Command) -> None:
        events.append(
            Event(
                n=0, time=0, kind="command", message="resumed as attempt 1", data={"id": command.id}
            )
        )

    with answering(session, answer):
        code = main(["resume", session.id, "batch-32"])

    assert (code, capsys.readouterr().out) == (0, "batch-32: resumed as attempt 1\n")


@pytest.mark.parametrize("wish", ["stop", "pause", "resume"])
def test_nothing_to_do_is_said_with_the_states_and_exit_1(
    home: Path, capsys: pytest.CaptureFixture[str], wish: str
) -> None:
    session, _ = make_session(home, steps=20)

    assert main([wish]) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert f"nothing to {wish}" in err
    assert "batch-32 is DONE" in err
    assert sent(session) == []


def test_a_run_that_is_done_is_not_resumed_with_those_that_can_be(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, writers = make_session(home, steps=20, status=None)
    writers[0].finish("done", 20)
    writers[1].finish("failed", 20)

    main(["resume"])

    assert [command.run for command in sent(session)] == ["batch-128"]
    capsys.readouterr()


def test_a_resume_that_waits_for_a_place_is_said_and_exit_0(
    running: tuple[SessionPaths, list[RunWriter]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    session, (first, _) = running
    first.end("killed", "killed by signal 9 (SIGKILL)")
    monkeypatch.setattr(control, "QUEUE_SECONDS", 0.1)
    monkeypatch.setattr(control, "supervisor_alive", lambda _: True)

    code = main(["resume", session.id, "batch-32"])

    out = capsys.readouterr().out
    assert (code, out) == (0, "batch-32: queued: it goes on when there is a place\n")


@pytest.mark.parametrize(
    ("phase", "deadline", "words"),
    [
        ("blocked: the disk is full", None,
         "it is blocked: the disk is full: it stops when there is room; the same command again"),
        ("training", 60.0, "it is running but HUNG; `kill -9 4711` ends it"),
    ],
    ids=["blocked", "hung"],
)  # fmt: skip
def test_a_run_that_does_not_answer_says_why_and_what_ends_it(
    running: tuple[SessionPaths, list[RunWriter]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    phase: str,
    deadline: float | None,
    words: str,
) -> None:
    session, (first, _) = running
    now = time.monotonic()
    first.heartbeat.write(
        Heartbeat(beat=1, loop=1, phase=phase, deadline=deadline, at=now, loop_at=now - 99,
                  boot=boot_id()[:8])
    )  # fmt: skip
    monkeypatch.setattr(control, "PATIENCE_SECONDS", 0.2)

    assert main(["stop", session.id, "batch-32"]) == 1
    assert words in capsys.readouterr().out


def test_a_command_that_cannot_be_written_says_what_stops_the_run_without_it(
    running: tuple[SessionPaths, list[RunWriter]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def no_room(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(begin, "send", no_room)
    monkeypatch.setattr(begin, "holder", lambda _: 4711)

    code = main(["stop", running[0].id, "batch-32"])

    said = capsys.readouterr().err
    assert code == 1
    assert "could not be written (No space left on device)" in said
    assert "`kill -TERM 4711` stops batch-32 without it" in said


def test_a_session_deleted_while_a_command_waits_is_told(
    running: tuple[SessionPaths, list[RunWriter]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    session, _ = running
    monkeypatch.setattr(control, "PATIENCE_SECONDS", 20.0)
    with answering(session, lambda _: shutil.rmtree(session.folder)):
        code = main(["stop", session.id, "batch-32"])

    assert code in (1, 2)
    assert "Traceback" not in (said := capsys.readouterr().err)
    assert "gone" in said or "session" in said


def test_resuming_a_queue_that_nobody_watches_starts_a_supervisor(
    home: Path, no_supervisor: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = new_session(home)

    main(["resume"])

    assert set(no_supervisor) == {session.id}
    assert sent(session) == []
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stop", "nothing"], "No session 'nothing'"),
        (["stop", "batch-size", "x"], "has no run 'x'"),
    ],
)
def test_a_session_or_run_that_is_not_there_is_exit_2(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    make_session(home, steps=10)

    assert main(arguments) == 2
    assert words in capsys.readouterr().err
