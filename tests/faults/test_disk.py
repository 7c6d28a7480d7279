"""No room, for real: training waits, says so, and goes on by itself on the same line."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import valtui, wait_until
from support.faults import begin, begin_obeying_rights, can_mount, fill, small, unmount
from support.real_runs import Point, kill_all, points, state_of, status_of, train_points
from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.locks import holder

Curves = tuple[list[Point], list[tuple[object, ...]]]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    folder = tmp_path / "disk"
    if not can_mount(folder, "size=8m"):
        pytest.skip("this user may not mount a tmpfs; the limit on file sizes is tested instead")
    yield folder
    kill_all(folder / "home")
    unmount(folder)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Curves:
    """What the same run logs where there is room."""
    session = begin(tmp_path_factory.mktemp("undisturbed"), {"tiny": small(digits)})
    wait_until(lambda: state_of(session, "tiny") == "DONE", what="the end", seconds=120)
    return curves(session.run("tiny"))


def curves(run: RunPaths) -> Curves:
    return points(run), train_points(run)


def wait_for_block(session: SessionPaths, why: str) -> None:
    wait_until(lambda: state_of(session, "tiny") == "BLOCKED", what="BLOCKED")
    status = status_of(session, "tiny")
    assert status.phase == f"blocked: {why}"
    assert status.health == "ok", "a blocked loop has no deadline"


def test_a_full_disk_blocks_the_run_and_room_lets_it_go_on_without_loss_or_double(
    place: Path, disk: Path, digits: Path, undisturbed: Curves
) -> None:
    session = begin(disk / "home", {"tiny": small(digits)})
    run = session.run("tiny")
    wait_until(lambda: points(run), what="points")

    filler = fill(disk)
    wait_for_block(session, "the disk is full")
    held = curves(run)
    listing = valtui("sessions", "--json", "--home", str(disk / "home"), cwd=place).stdout
    shown = json.loads(listing)["sessions"][0]
    assert (shown["state"], shown["live"]) == ("BLOCKED", True)
    filler.unlink()
    wait_until(lambda: state_of(session, "tiny") == "DONE", what="the end", seconds=120)

    assert curves(run) == undisturbed
    assert held[0] == undisturbed[0][: len(held[0])]
    assert read_history(run).skipped == 0


def test_a_limit_on_file_sizes_blocks_alike(
    home: Path, place: Path, digits: Path, undisturbed: Curves
) -> None:
    session = begin(home, {"tiny": small(digits)})
    run = session.run("tiny")
    wait_until(lambda: points(run), what="points")
    pid = holder(run.lock)
    assert pid is not None
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    resource.prlimit(pid, resource.RLIMIT_FSIZE, (run.attempt(0).train.stat().st_size + 99, hard))
    wait_for_block(session, "the file-size limit is reached")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    wait_until(lambda: state_of(session, "tiny") == "DONE", what="the end", seconds=120)

    assert curves(run) == undisturbed


def test_a_read_only_log_blocks_and_read_only_checkpoints_only_warn(
    home: Path, place: Path, digits: Path, undisturbed: Curves
) -> None:
    session = begin_obeying_rights(home, {"tiny": small(digits)})
    run = session.run("tiny")
    wait_until(lambda: points(run), what="points")

    run.checkpoints.chmod(0o500)
    run.attempt(0).folder.chmod(0o500)
    wait_for_block(session, "the folder is read-only")
    warnings = [e.message for _, e in read_history(run).events if e.kind == "warning"]
    assert any("No checkpoint could be written (Permission denied)" in text for text in warnings)
    assert curves(run) == undisturbed, "training went on without checkpoints"
    run.attempt(0).folder.chmod(0o700)

    wait_until(lambda: state_of(session, "tiny") == "DONE", what="the end")


def test_a_blocked_run_stops_when_there_is_room_and_is_killed_when_it_is_told_twice(
    home: Path, place: Path, digits: Path, undisturbed: Curves
) -> None:
    session = begin(home, {"tiny": small(digits)})
    run = session.run("tiny")
    wait_until(lambda: points(run), what="points")
    pid = holder(run.lock)
    assert pid is not None
    limit = run.attempt(0).train.stat().st_size + 99
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    wait_for_block(session, "the file-size limit is reached")
    seen = points(run)

    first = valtui("stop", cwd=place, check=1).stdout
    assert "it stops when there is room; the same command again kills it" in first
    assert "killed: there is no room for a checkpoint" in valtui("stop", cwd=place).stdout
    wait_until(lambda: state_of(session, "tiny") == "KILLED", what="KILLED")
    assert points(run) == seen

    valtui("resume", cwd=place)
    wait_until(lambda: state_of(session, "tiny") == "DONE", what="the end", seconds=120)
    assert curves(run) == undisturbed
