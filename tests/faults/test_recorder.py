"""Fault 35: logging fails in the Recorder, for real, and the user's training loop never sees it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from support.faults import can_mount, unmount
from support.recorded import Loop, recording
from valtui_trainer import Recorder
from valtui_trainer.session import guest
from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import runs_of


def history_of(folder: Path) -> list[int]:
    """Return the steps of the evaluations that can be read of the one run in a session."""
    ((run, _),) = runs_of(SessionPaths(folder))
    return [record.step for _, record in read_history(run).val]


def test_where_nothing_can_be_written_the_loop_trains_on_and_it_is_said_once(
    tmp_path: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    loop = Loop(digits)

    with Recorder("nowhere", home=tmp_path / "file") as recorder:
        losses = loop.run(1, recording(recorder))

    assert len(losses) == 10
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("valtui: nothing is recorded: ")
    assert said.endswith("The training goes on.")


@pytest.mark.parametrize("fails", ["add_attempt", "Records", "Heart"])
def test_where_no_attempt_can_begin_no_file_of_the_programs_is_written_or_closed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    recorder = Recorder("restarts")
    recorder.log_train(5, 1.0)
    recorder.log_val(5, 1.0)
    with monkeypatch.context() as patched:
        patched.setattr(guest, fails, no_room)
        recorder.log_train(3, 1.0)
    theirs = [(tmp_path / f"{number}.txt").open("w") for number in range(8)]
    for file in theirs:
        file.write("theirs")
    recorder.log_train(6, 1.0)
    recorder.log_val(6, 0.5)
    recorder.close()
    for file in theirs:
        file.close()

    assert {(tmp_path / f"{number}.txt").read_text() for number in range(8)} == {"theirs"}
    assert recorder.path is not None
    assert history_of(recorder.path)[-1] == 6


FULL = """
    import resource, sys
    from valtui_trainer import Recorder
    recorder = Recorder("full")
    for step in range(1, 400):
        if step == 50:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        if step == 300:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        recorder.log_train(step, 1.0 / step)
        recorder.log_val(step, [float(step), 1.0, 2.0])
    recorder.close()
    print(recorder.path)
"""


def test_a_file_that_may_not_grow_drops_records_and_goes_on_when_it_may_again(
    home: Path, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(FULL))

    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)

    folder = Path(done.stdout.strip())
    steps = history_of(folder)
    assert done.stderr.count("a record was dropped") == 1
    assert steps[-1] == 399
    assert len(steps) < 399
    assert steps == sorted(set(steps))
    ((run, _),) = runs_of(SessionPaths(folder))
    history = read_history(run)
    assert any("could not be written" in event.message for _, event in history.events)
    rows = [record.row for _, record in history.val if record.row is not None]
    assert len(rows) == len(set(rows))


def test_a_full_disk_is_no_matter_for_the_loop(
    tmp_path: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    if not can_mount(disk, "size=3m"):
        pytest.skip("this user may not mount a tmpfs; the limit on file sizes is tested instead")
    try:
        loop = Loop(digits)
        with Recorder("full", home=disk / "home") as recorder:
            recorder.log_val(1, np.ones(10))
            (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free))
            losses = loop.run(1, recording(recorder))

        assert len(losses) == 10
        assert "No space left" in capsys.readouterr().err
    finally:
        unmount(disk)


def test_a_session_that_is_deleted_meanwhile_is_no_matter(
    home: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = Loop(digits)
    with Recorder("deleted") as recorder:
        assert recorder.path is not None
        recorder.log_train(1, 1.0)
        shutil.rmtree(recorder.path)

        losses = loop.run(1, recording(recorder))

    assert len(losses) == 10
    assert capsys.readouterr().err.count("was deleted") == 1


NONSENSE = {
    "a loss that is no number": lambda r, _: r.log_train(1, "a"),
    "a loss of many numbers": lambda r, _: r.log_train(1, torch.ones(3)),
    "a step that is none": lambda r, _: r.log_train(None, 1.0),
    "a step below zero": lambda r, _: r.log_val(-1, 1.0),
    "no losses at all": lambda r, _: r.log_val(1, []),
    "labels of another set": lambda r, _: r.log_val(1, [1.0, 2.0], labels=[0]),
    "logits of another set": lambda r, _: r.log_val(1, [1.0, 2.0], logits=[[1.0]], labels=[0, 1]),
    "a loader without batches": lambda r, loop: r.evaluate(loop.model, [], step=1),
    "batches without labels": lambda r, loop: r.evaluate(loop.model, [torch.ones(2)], step=1),
    "a model that fails": lambda r, loop: r.evaluate(
        torch.nn.Linear(1, 1), loop.val_loader, step=1
    ),
    "no model": lambda r, loop: r.evaluate(None, loop.val_loader, step=1),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_in_a_sentence_and_recording_goes_on(
    name: str, home: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Recorder("nonsense") as recorder:
        for _ in range(3):
            NONSENSE[name](recorder, Loop(digits))
        recorder.log_val(7, [1.0, 2.0])

    assert recorder.path is not None
    assert history_of(recorder.path) == [7]
    (said,) = capsys.readouterr().err.splitlines()
    assert "recorded nothing: " in said
    assert "Traceback" not in said


def test_losses_that_are_not_finite_are_recorded_as_they_are(home: Path) -> None:
    with Recorder("nan") as recorder:
        recorder.log_train(1, float("nan"))
        recorder.log_train(2, torch.tensor(float("inf")))
        recorder.log_val(2, [float("nan"), 1.0])
        recorder.log_val(3, [0.5, 1.0])

    assert recorder.path is not None
    assert history_of(recorder.path) == [2, 3]


def test_a_validation_set_that_changes_its_size_loses_its_rows_and_not_its_mean(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Recorder("resized") as recorder:
        for step, count in enumerate((10, 12, 10), start=1):
            recorder.log_val(step, np.full(count, float(step)))

    assert recorder.path is not None
    ((run, _),) = runs_of(SessionPaths(recorder.path))
    records = [record for _, record in read_history(run).val]
    assert [record.val_loss for record in records] == [1.0, 2.0, 3.0]
    assert [record.row for record in records] == [0, None, 1]
    assert "another number of samples" in capsys.readouterr().err


def test_a_recorder_that_was_closed_takes_nothing_and_says_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder("closed")
    recorder.close()

    recorder.log_train(1, 1.0)
    recorder.close()

    assert capsys.readouterr().err == ""
