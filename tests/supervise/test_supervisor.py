"""The real supervisor with stub trainers: queues, watches, says how each ended, may die at any time."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from support.sessions import new_session
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.commands import send
from valtui_trainer.session.create import add_attempt
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import statuses
from valtui_trainer.session.locks import holder
from valtui_trainer.session.machine import boot_id, start_ticks
from valtui_trainer.session.records import Event, RunSpec, SessionSpec
from valtui_trainer.session.state import RunStatus, run_status
from valtui_trainer.session.tail import Tail
from valtui_trainer.supervise import supervisor as supervisor_module
from valtui_trainer.supervise.processes import kill_group, send_signal
from valtui_trainer.supervise.supervisor import make_supervisor

PROGRAM = Path(__file__).parents[1] / "support" / "stub_supervisor.py"

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start supervisors; they and their trainers are gone after the test."""
    started: list[tuple[subprocess.Popen[bytes], SessionPaths]] = []

    def start_one(session: SessionPaths, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, str(PROGRAM), str(session.folder), *arguments])
        started.append((process, session))
        return process

    yield start_one
    for process, session in started:
        process.kill()
        process.wait()
        for name in session.run_ids():
            pid = holder(session.run(name).lock)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)


def session_of(home: Path, *names: str, parallel: int = 2) -> tuple[SessionPaths, list[RunSpec]]:
    session, specs = new_session(home, {name: Preset() for name in names})
    spec = msgspec.json.decode(session.spec.read_bytes(), type=SessionSpec)
    session.spec.write_bytes(msgspec.json.encode(msgspec.structs.replace(spec, parallel=parallel)))
    return session, specs


def await_that(truth: Callable[[], bool], seconds: float = 20.0) -> None:
    pause, until = threading.Event(), time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < until, "it did not come about"
        pause.wait(0.05)


def status(session: SessionPaths, run: str) -> RunStatus:
    return run_status(session.run(run), supervised=False)


def order(session: SessionPaths) -> list[str]:
    path = session.folder / "order.log"
    return path.read_text().splitlines() if path.exists() else []


def answers(session: SessionPaths) -> dict[str, str]:
    return {str(event.data["id"]): event.message for event in Tail(session.events, Event).read()}


def test_all_runs_are_trained_and_the_supervisor_goes(home: Path, start: Start) -> None:
    session, _ = session_of(home, "done-a", "done-b", "done-c")

    assert start(session).wait(20) == 0

    assert {run: status(session, run).state for run in session.run_ids()} == {
        "done-a": "DONE", "done-b": "DONE", "done-c": "DONE",
    }  # fmt: skip
    assert holder(session.supervisor_lock) is None


def test_no_more_runs_than_asked_for_train_at_once_and_in_order(home: Path, start: Start) -> None:
    session, _ = session_of(home, "done-a", "done-b", "done-c", parallel=1)

    start(session).wait(20)

    assert order(session) == [
        f"{word} done-{letter}" for letter in "abc" for word in ("begin", "end")
    ]


@pytest.mark.parametrize(
    ("run", "state", "words"),
    [
        ("crash", "FAILED", "exit code 3"),
        ("mute", "FAILED", "exit code 0"),
        ("killed", "KILLED", "killed by signal 9 (SIGKILL)"),
        ("starved", "KILLED", "out of memory: the kernel killed it"),
    ],
)
def test_how_a_process_ended_is_said_in_words_and_its_neighbour_goes_on(
    home: Path, start: Start, run: str, state: str, words: str
) -> None:
    session, _ = session_of(home, run, "done")

    start(session).wait(20)

    assert status(session, run).state == state
    assert words in status(session, run).reason
    assert status(session, "done").state == "DONE"


def test_what_a_trainer_leaves_behind_is_swept(home: Path, start: Start) -> None:
    session, _ = session_of(home, "forker")

    start(session).wait(20)

    child = int((session.run("forker").attempt(0).folder / "child").read_text())
    await_that(lambda: start_ticks(child) == 0 or process_state(child) == "Z")


def process_state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_second_supervisor_goes_at_once(home: Path, start: Start) -> None:
    session, _ = session_of(home, "waits")
    start(session)
    await_that(lambda: order(session) == ["begin waits"])

    assert start(session).wait(10) == 0
    assert order(session) == ["begin waits"]


def test_a_killed_supervisor_leaves_trainers_alone_and_the_next_one_adopts_them(
    home: Path, start: Start
) -> None:
    session, _ = session_of(home, "waits", "done", parallel=1)
    first = start(session)
    await_that(lambda: order(session) == ["begin waits"])
    pid = holder(session.run("waits").lock)
    first.kill()
    first.wait()

    second = start(session)
    await_that(lambda: holder(session.supervisor_lock) == second.pid)
    assert holder(session.run("waits").lock) == pid
    send(session, "stop", "waits")

    assert second.wait(20) == 0
    assert status(session, "waits").state == "STOPPED"
    assert status(session, "done").state == "DONE"
    assert session.run("waits").attempt_numbers() == [0]


def test_a_trainer_that_died_unseen_is_lost_and_can_be_resumed(home: Path, start: Start) -> None:
    session, _ = session_of(home, "waits")
    first = start(session)
    await_that(lambda: order(session) == ["begin waits"])
    pid = holder(session.run("waits").lock)
    assert pid is not None
    first.kill()
    first.wait()
    os.kill(pid, signal.SIGKILL)
    await_that(lambda: holder(session.run("waits").lock) is None)

    assert status(session, "waits").state == "LOST"
    send(session, "resume", "waits")


def test_a_stopped_run_is_resumed_as_its_next_attempt(home: Path, start: Start) -> None:
    session, _ = session_of(home, "waits")
    first = start(session)
    await_that(lambda: order(session) == ["begin waits"])
    send(session, "stop", "waits")
    first.wait(20)

    asked = send(session, "resume", "waits")
    start(session).wait(20)

    assert answers(session)[asked] == "resumed as attempt 1"
    assert status(session, "waits").state == "DONE"
    assert session.run("waits").attempt_numbers() == [0, 1]


def test_a_queued_run_is_stopped_before_it_begins(home: Path, start: Start) -> None:
    session, _ = session_of(home, "waits", "done", parallel=1)
    supervisor = start(session)
    await_that(lambda: order(session) == ["begin waits"])

    asked = send(session, "stop", "done")
    await_that(lambda: asked in answers(session))
    send(session, "stop", "waits")
    supervisor.wait(20)

    assert status(session, "done").state == "STOPPED"
    assert order(session) == ["begin waits", "end waits"]


def test_a_trainer_that_does_not_hear_is_killed_in_the_end(home: Path, start: Start) -> None:
    session, _ = session_of(home, "deaf")
    supervisor = start(session, "0.5")
    await_that(lambda: order(session) == ["begin deaf"])

    send(session, "stop", "deaf")
    supervisor.wait(20)

    assert status(session, "deaf").state == "KILLED"


def test_commands_that_cannot_be_done_are_refused_in_words(home: Path, start: Start) -> None:
    session, _ = session_of(home, "done")
    start(session).wait(20)

    asked = [
        send(session, "stop", "done"),
        send(session, "resume", "done"),
        send(session, "stop", "x"),
    ]
    start(session).wait(20)

    assert [answers(session)[one] for one in asked] == [
        "refused: the run is DONE", "refused: the run is DONE", "refused: there is no such run",
    ]  # fmt: skip


def test_a_further_run_is_added_and_trained(home: Path, start: Start) -> None:
    session, (spec,) = session_of(home, "done")
    send(session, "start", None, msgspec.structs.replace(spec, id="done-2", position=1))

    start(session).wait(20)

    assert status(session, "done-2").state == "DONE"


def test_a_run_that_is_in_the_session_already_is_not_added_again(home: Path, start: Start) -> None:
    """As two apps would ask for when both start the same preset."""
    session, (spec,) = session_of(home, "done")
    further = msgspec.structs.replace(spec, id="done-2", position=1)
    asked = [send(session, "start", None, further) for _ in range(2)]

    start(session).wait(20)

    assert [answers(session)[one] for one in asked] == [
        "queued done-2", "refused: done-2 is in the session already",
    ]  # fmt: skip
    assert session.run("done-2").attempt_numbers() == [0]


def test_two_who_resume_the_same_run_get_one_attempt(home: Path, start: Start) -> None:
    session, _ = session_of(home, "killed")
    start(session).wait(20)
    asked = [send(session, "resume", "killed") for _ in range(2)]

    start(session).wait(20)

    assert [answers(session)[one] for one in asked] == ["resumed as attempt 1"] * 2
    assert session.run("killed").attempt_numbers() == [0, 1]


def test_a_run_that_waits_to_be_resumed_is_queued_until_somebody_starts_it(
    home: Path, start: Start
) -> None:
    session, _ = session_of(home, "killed")
    start(session).wait(20)
    assert statuses(session)["killed"].state == "KILLED"

    send(session, "resume", "killed")
    waiting = statuses(session)["killed"]
    start(session).wait(20)

    assert (waiting.state, waiting.phase) == ("QUEUED", "waits to be resumed")
    assert statuses(session)["killed"].state == "KILLED"


def test_a_stop_takes_a_wish_to_resume_back(home: Path, start: Start) -> None:
    session, _ = session_of(home, "killed", "waits", parallel=1)
    supervisor = start(session)
    await_that(lambda: order(session)[-1:] == ["begin waits"])
    resume = send(session, "resume", "killed")
    await_that(lambda: statuses(session)["killed"].state == "QUEUED")

    stop = send(session, "stop", "killed")
    await_that(lambda: stop in answers(session))

    assert statuses(session)["killed"].state == "KILLED"
    send(session, "stop", "waits")
    supervisor.wait(20)
    assert answers(session)[resume] == "refused: stopped while it waited for a place"
    assert session.run("killed").attempt_numbers() == [0]


def test_a_stop_of_an_earlier_attempt_asks_nothing_of_this_one(home: Path, start: Start) -> None:
    """A new supervisor meets all old commands again; a stop of the past must not kill a living run."""
    session, _ = session_of(home, "twice")
    first = start(session, "0.5")
    await_that(lambda: order(session) == ["begin twice"])
    send(session, "stop", "twice")
    first.wait(20)
    send(session, "resume", "twice")
    second = start(session, "0.5")
    await_that(lambda: order(session)[-1] == "begin twice" and len(order(session)) == 3)
    pid = holder(session.run("twice").lock)
    second.kill()
    second.wait()

    third = start(session, "0.5")
    await_that(lambda: holder(session.supervisor_lock) == third.pid)
    seen = send(session, "stop", "nobody")  # its answer tells that a tick went by
    await_that(lambda: seen in answers(session))
    patience = time.monotonic() + 1.5  # three times what a stop is given here
    await_that(lambda: time.monotonic() > patience)

    assert holder(session.run("twice").lock) == pid
    send(session, "stop", "twice")
    assert third.wait(20) == 0
    assert status(session, "twice").state == "STOPPED"


@pytest.mark.parametrize(
    "content", [b'{"id": "\xff\xfe"}', b"[" * 100_000, b"", b"\0" * 50], ids=range(4)
)
def test_a_command_that_cannot_be_read_stops_nothing(
    home: Path, start: Start, content: bytes
) -> None:
    session, _ = session_of(home, "waits")
    (session.commands / "0-damaged.json").write_bytes(content)
    supervisor = start(session)
    await_that(lambda: order(session) == ["begin waits"])

    send(session, "stop", "waits")

    assert supervisor.wait(20) == 0
    assert status(session, "waits").state == "STOPPED"


@pytest.mark.parametrize("torn", [b'{"n":7,"time":1.0,"ki', b"\0" * 40])
def test_an_answer_after_a_torn_line_is_read(home: Path, start: Start, torn: bytes) -> None:
    session, _ = session_of(home, "done")
    session.events.write_bytes(torn)
    asked = send(session, "stop", "nobody")

    start(session).wait(20)

    assert answers(session)[asked] == "refused: there is no such run"


def test_a_resume_of_a_run_that_lives_starts_no_second_attempt(home: Path, start: Start) -> None:
    session, _ = session_of(home, "waits")
    first = start(session)
    await_that(lambda: order(session) == ["begin waits"])
    first.kill()
    first.wait()
    send(session, "resume", "waits")

    second = start(session)
    await_that(lambda: holder(session.supervisor_lock) == second.pid)
    send(session, "stop", "waits")

    await_that(lambda: len(order(session)) > 1)
    assert order(session)[:2] == ["begin waits", "end waits"]


def test_a_supervisor_that_cannot_say_anything_still_says_how_a_run_ended(
    home: Path, start: Start
) -> None:
    """The session's events find no room; `exit.json` does."""
    session, _ = session_of(home, "waits")
    supervisor = start(session)
    await_that(lambda: order(session) == ["begin waits"])
    size = session.events.stat().st_size if session.events.exists() else 0
    resource.prlimit(
        supervisor.pid, resource.RLIMIT_FSIZE, (max(size, 300), resource.RLIM_INFINITY)
    )
    asked = [send(session, "stop", "nobody") for _ in range(5)]
    await_that(lambda: 0 < len(answers(session)) < len(asked))
    pid = holder(session.run("waits").lock)
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    await_that(lambda: status(session, "waits").state == "KILLED")
    resource.prlimit(supervisor.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

    assert supervisor.wait(20) == 0
    assert set(asked) <= set(answers(session)), "what could not be said is said later"


def test_a_run_that_cannot_be_started_says_so_and_can_be_resumed(home: Path) -> None:
    session, _ = session_of(home, "done")
    made = make_supervisor(session)
    assert made is not None
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(supervisor_module, "detached", no_process)
        made.tick()
        assert status(session, "done").state == "FAILED"
        asked = send(session, "resume", "done")
        made.tick()

    assert answers(session)[asked].startswith("refused: it could not be started")
    assert not made.tick(), "nothing is left to do"
    made.notes.close()


def no_process(*_: object) -> None:
    raise OSError(errno.EAGAIN, "Resource temporarily unavailable")


def test_a_run_whose_lock_cannot_be_looked_at_holds_up_no_other(home: Path, start: Start) -> None:
    session, _ = session_of(home, "waits", "done", parallel=1)
    session.run("waits").lock.mkdir()
    add_attempt(session.run("waits"))

    start(session).wait(20)
    session.run("waits").lock.rmdir()

    assert order(session) == ["begin done", "end done"]


def test_a_run_whose_log_finds_no_room_waits_and_starts_when_there_is_some(
    home: Path, start: Start
) -> None:
    session, _ = session_of(home, "done")
    attempts = session.run("done").attempts
    attempts.rmdir()
    attempts.write_text("a file where the folder should be")
    supervisor = start(session)
    log = session.events
    await_that(lambda: log.exists() and "Not a directory" in log.read_text())

    attempts.unlink()
    attempts.mkdir()

    assert supervisor.wait(20) == 0
    assert status(session, "done").state == "DONE"
    assert log.read_text().count("Not a directory") == 1, "said once"


def test_a_supervisor_ends_when_its_session_is_deleted(home: Path, start: Start) -> None:
    session, _ = session_of(home, "deaf")
    supervisor = start(session)
    await_that(lambda: order(session) == ["begin deaf"])
    pid = holder(session.run("deaf").lock)
    assert pid is not None

    shutil.rmtree(session.folder)

    assert supervisor.wait(20) == 0
    os.kill(pid, signal.SIGKILL)


def test_a_group_whose_number_went_to_another_process_is_left_alone() -> None:
    stranger = subprocess.Popen(["sleep", "30"], start_new_session=True)
    try:
        ticks = start_ticks(stranger.pid)
        kill_group(stranger.pid, ticks - 1)
        assert stranger.poll() is None
        kill_group(stranger.pid, ticks)
        assert stranger.wait(10) == -signal.SIGKILL
    finally:
        stranger.kill()
        stranger.wait()


def test_a_pid_that_was_reused_is_never_signalled() -> None:
    process = subprocess.Popen(["sleep", "30"])
    try:
        ticks = start_ticks(process.pid)
        assert ticks > 0
        assert not send_signal(process.pid, ticks + 1, signal.SIGKILL)
        assert process.poll() is None
        assert send_signal(process.pid, ticks, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    assert start_ticks(process.pid) == 0
    assert boot_id()
