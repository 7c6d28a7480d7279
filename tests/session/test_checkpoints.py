"""Which checkpoint something starts from: the newest sound one, linked so that it stays."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import msgspec
import pytest

from support.sessions import RunWriter, begin_attempt, new_session
from valtui_trainer.presets.types import Preset, Schedule
from valtui_trainer.session.checkpoints import (
    evaluations_after,
    file_name,
    fork,
    link,
)
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import RunPaths
from valtui_trainer.session.records import RunSpec


def begun(home: Path, preset: Preset | None = None) -> RunWriter:
    """Return the writer of a run of 400 steps, 40 to an epoch, evaluated every 10."""
    session, (spec,) = new_session(home, {"tiny": preset or Preset()})
    return begin_attempt(session.run(spec.id), spec)


def keep(writer: RunWriter, step: int, told: bool = True) -> bytes:
    """Write a checkpoint of `step` and, unless not `told`, the event that names its digest."""
    content = f"weights of step {step}".encode()
    path = writer.run.checkpoints / file_name(step)
    path.write_bytes(content)
    if told:
        digest = hashlib.sha256(content).hexdigest()
        writer.event("checkpoint", file=path.name, sha256=digest, size=len(content))
    return content


def begin(writer: RunWriter, target: Path, step: int | None = None) -> tuple[int, bytes]:
    """Fork; return the step that was chosen and what was linked."""
    found = fork(writer.run, writer.spec, target, step)
    assert found.file == file_name(found.step)
    assert found.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    return found.step, target.read_bytes()


def damage(run: RunPaths, step: int) -> None:
    (run.checkpoints / file_name(step)).write_bytes(b"torn")


def test_the_newest_is_taken_with_its_place_in_the_run(home: Path, tmp_path: Path) -> None:
    writer = begun(home, Preset(epochs=12))
    for step in (20, 50):
        keep(writer, step)

    found = fork(writer.run, writer.spec, tmp_path / "start.pt")

    assert (found.run, found.step, found.epoch, found.epochs) == ("tiny", 50, 1.25, 12)
    assert (tmp_path / "start.pt").read_bytes() == b"weights of step 50"


def test_a_damaged_newest_is_passed_over(home: Path, tmp_path: Path) -> None:
    writer = begun(home)
    for step in (20, 50):
        keep(writer, step)
    damage(writer.run, 50)

    assert begin(writer, tmp_path / "start.pt") == (20, b"weights of step 20")


def test_one_that_the_log_does_not_tell_of_is_taken_as_it_is(home: Path, tmp_path: Path) -> None:
    writer = begun(home)
    keep(writer, 20)
    keep(writer, 50, told=False)

    assert begin(writer, tmp_path / "start.pt")[0] == 50


def test_where_all_are_damaged_it_is_said_and_nothing_stays(home: Path, tmp_path: Path) -> None:
    writer = begun(home)
    for step in (20, 50):
        keep(writer, step)
        damage(writer.run, step)

    with pytest.raises(
        SessionError, match=r"No checkpoint of tiny is sound: .*000000050.*000000020"
    ):
        fork(writer.run, writer.spec, tmp_path / "start.pt")
    assert not (tmp_path / "start.pt").exists()


def test_a_step_can_be_asked_for_and_those_there_are_named(home: Path, tmp_path: Path) -> None:
    writer = begun(home)
    for step in (20, 50):
        keep(writer, step)

    assert begin(writer, tmp_path / "start.pt", 20)[0] == 20
    with pytest.raises(
        SessionError, match=r"no checkpoint of step 1,000\. There are those of 20, 50"
    ):
        fork(writer.run, writer.spec, tmp_path / "start.pt", 1000)


def test_a_damaged_one_that_was_asked_for_is_not_exchanged_for_another(
    home: Path, tmp_path: Path
) -> None:
    writer = begun(home)
    for step in (20, 50):
        keep(writer, step)
    damage(writer.run, 50)

    with pytest.raises(SessionError, match=r"No checkpoint of tiny is sound: step-000000050\.pt"):
        fork(writer.run, writer.spec, tmp_path / "start.pt", 50)


def test_before_the_first_checkpoint_it_is_said_when_one_comes(home: Path, tmp_path: Path) -> None:
    writer = begun(home)

    with pytest.raises(SessionError, match="has no checkpoint yet; one comes with an evaluation"):
        fork(writer.run, writer.spec, tmp_path / "start.pt")
    with pytest.raises(SessionError, match=r"no checkpoint of step 10\. It has none yet"):
        fork(writer.run, writer.spec, tmp_path / "start.pt", 10)


def test_a_run_that_has_not_begun_is_refused(home: Path, tmp_path: Path) -> None:
    session, (spec,) = new_session(home, {"tiny": Preset()})

    with pytest.raises(SessionError, match="has not begun to train yet"):
        fork(session.run("tiny"), spec, tmp_path / "start.pt")


@pytest.mark.parametrize(
    ("schedule", "steps", "chosen"),
    [
        ("constant", (100, 300, 400), 400),
        ("cosine", (100, 300, 400), 300),
        ("one-cycle", (100, 290, 400), 290),
        ("step", (100, 310, 400), 310),
        ("cosine", (100, 320, 400), 100),
        ("cosine", (390, 400), 400),
    ],
    ids=[
        "constant: the newest", "three quarters", "before them", "the evaluation at or past them",
        "past them", "none but past them",
    ],
)  # fmt: skip
def test_where_the_rate_is_scheduled_it_is_of_the_first_three_quarters(
    home: Path, tmp_path: Path, schedule: str, steps: tuple[int, ...], chosen: int
) -> None:
    writer = begun(home, Preset(epochs=10, schedule=Schedule(name=schedule)))  # type: ignore[arg-type]
    for step in steps:
        keep(writer, step)

    assert begin(writer, tmp_path / "start.pt")[0] == chosen


def test_a_continuation_keeps_the_span_of_the_first_run(home: Path, tmp_path: Path) -> None:
    writer = begun(home, Preset(epochs=10))
    keep(writer, 20)
    first = fork(writer.run, writer.spec, tmp_path / "first.pt")
    longer = msgspec.structs.replace(writer.spec.preset, epochs=20)
    child: RunSpec = msgspec.structs.replace(writer.spec, preset=longer, fork=first)

    assert fork(writer.run, child, tmp_path / "second.pt").epochs == 10


def test_the_link_stays_when_the_run_drops_its_file(home: Path, tmp_path: Path) -> None:
    writer = begun(home)
    keep(writer, 20)
    target = tmp_path / "start.pt"
    begin(writer, target)
    own = writer.run.checkpoints / file_name(20)
    assert target.stat().st_ino == own.stat().st_ino, "no byte was copied"

    own.unlink()
    keep(writer, 30)

    assert target.read_bytes() == b"weights of step 20"


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def test_where_there_are_no_hard_links_it_is_copied_for_this_user_alone(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    writer = begun(home)
    keep(writer, 20)

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "start.pt"

    assert begin(writer, target)[0] == 20
    assert target.stat().st_ino != (writer.run.checkpoints / file_name(20)).stat().st_ino
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_copy_that_finds_no_room_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").write_bytes(b"weights")

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "")

    def full(_: Path, target: Path) -> None:
        target.write_bytes(b"wei")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("shutil.copyfile", full)

    with pytest.raises(OSError, match="No space"):
        link(tmp_path / "source", tmp_path / "start.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_file_that_goes_meanwhile_is_passed_over(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = begun(home)
    for step in (20, 50):
        keep(writer, step)
    real = os.link

    def drop_first(source: Path, target: Path) -> None:
        if source.name == file_name(50):
            source.unlink()
        real(source, target)

    monkeypatch.setattr(os, "link", drop_first)

    assert begin(writer, tmp_path / "start.pt")[0] == 20


def test_where_it_is_to_lie_must_be_there(home: Path, tmp_path: Path) -> None:
    writer = begun(home)
    keep(writer, 20)

    with pytest.raises(FileNotFoundError):
        fork(writer.run, writer.spec, tmp_path / "nowhere" / "start.pt")


def test_later_evaluations_are_those_that_every_seed_has_and_that_count(home: Path) -> None:
    session, (spec,) = new_session(home, {"tiny": Preset()}, seeds=(0, 1))
    first = begin_attempt(session.run("tiny"), spec)
    for step in (10, 20, 30, 40):
        for seed in (0, 1):
            first.evaluate(step, seed, 1.0)
    second = begin_attempt(session.run("tiny"), spec, from_step=20)
    second.evaluate(30, 0, 1.0)

    run = session.run("tiny")
    assert evaluations_after(run, 0) == 2, "30 and 40 of attempt 0 no longer count"
    second.evaluate(30, 1, 1.0)
    assert (evaluations_after(run, 0), evaluations_after(run, 20), evaluations_after(run, 30)) == (
        3, 1, 0,
    )  # fmt: skip
