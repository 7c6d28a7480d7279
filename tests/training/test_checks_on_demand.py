"""The checks on demand: all of them at the newest checkpoint, the run untouched, or a sentence on why not."""

from __future__ import annotations

import hashlib
import stat
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from support.tiny import write_digits
from support.training import Bench, make_run, train
from valtui_trainer.presets.types import Fault, Model, Preset
from valtui_trainer.session.checks import read_checks
from valtui_trainer.session.create import add_attempt
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.records import CHECKS, Checked, RunSpec
from valtui_trainer.supervise.check import Answer, Question, check
from valtui_trainer.training import checkpoint
from valtui_trainer.training.attempt import run_attempt
from valtui_trainer.training.checks.on_demand import answer

OWN = """
print("a model of one's own that prints")

from torch import nn

class Net(nn.Sequential):
    def __init__(self, height, width, classes):
        print("built")
        super().__init__(nn.Flatten(), nn.Linear(height * width, classes))
"""


def preset(digits: Path, **settings: object) -> Preset:
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 32, "epochs": 2, "eval_every": 0.5, "log_every": 4,
        "model": Model(name="small-cnn", width=4, batchnorm=True, dropout=0.2),
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


def asked(run: RunPaths) -> Answer:
    """Ask within this process."""
    return answer(Question(str(run.folder.parents[3]), str(run.folder)))


def session_of(run: RunPaths) -> SessionPaths:
    return SessionPaths(run.folder.parents[1])


def contents(run: RunPaths) -> dict[str, str]:
    """Return the digest of each file of a session, but for the checks made on demand."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in run.folder.parents[1].rglob("*")
        if path.is_file() and run.checks not in path.parents
    }


def test_a_child_process_makes_all_checks_and_leaves_the_run_as_it_was(
    home: Path, digits: Path
) -> None:
    run, _ = train(home, preset(digits), seeds=(3, 4))
    before = contents(run)

    found = check(session_of(run), run.id)

    assert found.problem is None
    assert found.step == 20
    assert [one.check for one in found.checks] == list(CHECKS)
    outcomes = {one.check: one.outcome for one in found.checks}
    assert outcomes["frozen"] == outcomes["overlap"] == outcomes["order"] == "sound"
    assert outcomes["zero-learning-rate"] in ("sound", "doubtful")
    assert "unknown" not in outcomes.values()
    assert contents(run) == before
    (path,) = run.checks.iterdir()
    document = read_document(path, Checked)
    assert document is not None
    assert (document.step, document.seed, document.attempt) == (20, 3, 0)
    assert (run.checkpoints / document.checkpoint).exists()
    assert document.checks == found.checks
    assert [stat.S_IMODE(p.stat().st_mode) for p in (path, run.checks)] == [0o600, 0o700]
    assert read_checks(run) == found.checks


def test_a_living_run_is_only_read(home: Path, digits: Path) -> None:
    bench = Bench(home, preset(digits))
    bench.advance(7)
    checkpoint.write(bench.run.checkpoints, bench.loop.state())
    write_start_of(bench)
    before = contents(bench.run)

    found = asked(bench.run)

    assert found.problem is None
    assert found.step == 7
    assert contents(bench.run) == before
    by_name = {one.check: one for one in found.checks}
    assert by_name["resolution"].outcome == "unknown", "there was one evaluation"
    assert by_name["zero-learning-rate"].figure is not None


def write_start_of(bench: Bench) -> None:
    """Give a bench's attempt the `start.json` of a run."""
    from support.sessions import make_start

    material = bench.material
    write_document(
        bench.attempt.start,
        make_start(data_digest=material.data_digest, split_digest=material.split_digest),
    )


def test_asked_twice_it_answers_alike_and_keeps_both(home: Path, digits: Path) -> None:
    run, _ = train(home, preset(digits))

    assert asked(run) == asked(run)
    assert len(list(run.checks.iterdir())) == 2


@pytest.mark.parametrize("kind", ["augmented", "resampled"])
def test_a_random_validation_set_fails_and_keeps_the_rest_waiting(
    home: Path, digits: Path, kind: str
) -> None:
    run, _ = train(home, preset(digits, fault=Fault(validation=kind)))  # type: ignore[arg-type]

    found = {one.check: one.outcome for one in asked(run).checks}

    assert found["frozen"] == "failed"
    assert found["zero-learning-rate"] == "unknown"


def test_a_run_without_a_checkpoint_is_refused(home: Path, digits: Path) -> None:
    run = make_run(home, preset(digits))

    found = asked(run)

    assert "no checkpoint yet" in (found.problem or "")
    assert (found.checks, found.step) == ([], None)
    assert not run.checks.exists()


def test_damaged_checkpoints_are_passed_over_and_said_when_there_is_no_other(
    home: Path, digits: Path
) -> None:
    run, _ = train(home, preset(digits))
    newest = checkpoint.checkpoint_files(run.checkpoints)[-1]
    (run.checkpoints / checkpoint.file_name(21)).write_bytes(newest.read_bytes()[:99])
    assert asked(run).step == 20

    for path in checkpoint.checkpoint_files(run.checkpoints):
        path.write_bytes(path.read_bytes()[:200])

    assert "damaged" in (asked(run).problem or "")


def test_other_data_or_none_are_refused(home: Path, tmp_path: Path) -> None:
    data = write_digits(tmp_path / "mine.npz")
    run, _ = train(home, preset(data))

    arrays = dict(np.load(data))
    arrays["train_images"][0, 0, 0] ^= 1
    np.savez(data, **arrays)
    changed = asked(run).problem or ""
    data.unlink()
    gone = asked(run).problem or ""

    assert "have changed since" in changed
    assert "mine.npz" in gone
    assert not run.checks.exists()


def test_a_model_of_the_users_own_that_is_not_allowed_is_refused(
    home: Path, digits: Path, tmp_path: Path
) -> None:
    (tmp_path / "chatty.py").write_text(OWN)
    run = allowed(make_run(home, preset(digits, model=Model(name="chatty:Net"))), tmp_path)
    run_attempt(add_attempt(run).folder)
    try:
        found = check(session_of(run), run.id)
        refused = check(session_of(allowed(run, tmp_path, False)), run.id)
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("chatty", None)

    assert found.problem is None, "what a model prints does not spoil the answer"
    assert [one.check for one in found.checks] == list(CHECKS)
    assert "--allow-code" in (refused.problem or "")


def allowed(run: RunPaths, place: Path, allow: bool = True) -> RunPaths:
    """Write into `run.json` whether code of the user's own may run, and where it lies."""
    spec = read_document(run.spec, RunSpec)
    assert spec is not None
    code = {"allow_code": allow, "code_path": str(place)}
    write_document(run.spec, msgspec.structs.replace(spec, **code))
    return run


def test_a_model_that_has_changed_since_is_refused(home: Path, digits: Path) -> None:
    run, _ = train(home, preset(digits))
    spec = read_document(run.spec, RunSpec)
    assert spec is not None
    other = msgspec.structs.replace(spec.preset, model=Model(width=4))
    write_document(run.spec, msgspec.structs.replace(spec, preset=other))

    assert "does not fit the model" in (asked(run).problem or "")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_a_device_that_is_not_here_is_refused(home: Path, digits: Path) -> None:
    run, _ = train(home, preset(digits))
    spec = read_document(run.spec, RunSpec)
    assert spec is not None
    write_document(run.spec, msgspec.structs.replace(spec, device="cuda:0"))

    assert "CUDA" in (asked(run).problem or "")


def test_what_cannot_be_kept_is_answered_all_the_same(home: Path, digits: Path) -> None:
    run, _ = train(home, preset(digits))
    run.checks.write_text("a file where the folder should be")

    found = asked(run)

    assert [one.check for one in found.checks] == list(CHECKS)
    assert "could not be kept" in (found.problem or "")


def test_a_session_that_is_a_link_is_not_looked_at(
    home: Path, digits: Path, tmp_path: Path
) -> None:
    run, _ = train(home, preset(digits))
    link = tmp_path / "link"
    link.symlink_to(run.folder.parents[1])

    assert "symbolic link" in (check(SessionPaths(link), run.id).problem or "")
