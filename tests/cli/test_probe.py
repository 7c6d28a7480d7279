"""`valtui probe`: what is refused, in one sentence and before anything is started; what is said."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from support.fake_nvml import GIB, Held, stand_in
from support.probing import files_of, noisy, probed, session_of, spec_of
from support.sessions import make_session
from support.tiny import write_digits
from support.training import make_run, train
from valtui.cli import probe as command
from valtui.cli import prove
from valtui.cli.main import main
from valtui.screens.trial_offers import proof_offer
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.session.checkpoints import checkpoint_files
from valtui_trainer.session.documents import write_document
from valtui_trainer.session.layout import ProbePaths, RunPaths, SessionPaths
from valtui_trainer.session.probes import probe_ids
from valtui_trainer.session.state import RunStatus
from valtui_trainer.supervise import begin, neighbours
from valtui_trainer.supervise.probe import plan_probe
from valtui_trainer.supervise.prove import plan_proof
from valtui_trainer.training.probe import task
from valtui_trainer.training.probe.task import run_probe


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody but the test carries a probe out."""
    for room in (begin, task):
        monkeypatch.setattr(room, "ensure_supervisor", lambda _: None)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> RunPaths:
    """A run without BatchNorm that has ended, shared by all tests."""
    settings = noisy(digits, model=Model(width=4), epochs=3)
    return train(tmp_path_factory.mktemp("home"), settings)[0]


def asked(run: RunPaths, *words: str) -> int:
    """Return the exit code of `valtui probe` for a run's session."""
    return main(["probe", session_of(run).id, *words, "--home", str(run.folder.parents[3])])


def refused(run: RunPaths, capsys: pytest.CaptureFixture[str], *words: str, code: int = 2) -> str:
    """Ask for a probe that is refused; return the sentence. Nothing is written."""
    session = session_of(run)
    before = files_of(session.folder)
    assert asked(run, *words) == code
    _, err = capsys.readouterr()
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1, err
    assert files_of(session.folder) == before
    assert not session.probes.exists() or len(list(session.probes.iterdir())) == len(
        probe_ids(session)
    )
    return err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--arms", "learning-rate-halve"], "did you mean 'learning-rate-half'"),
        (["--arms", "base"], "There is no arm 'base'"),
        (["--arms", ","], "--arms names no arm"),
        (["--arms", "adam-epsilon,adam-epsilon"], "adam-epsilon is named twice"),
        (["--arms", "exact-batchnorm"], "the lens measures it already"),
        (["--arms", "batchnorm-momentum-up"], "the model has no BatchNorm"),
        (["--arms", "dropout-off"], "model.dropout is 0"),
        (["--arms", "adam-epsilon,augmentation-off"], "nothing is augmented"),
        (["--minutes", "0"], "A budget of 0 minutes allows no probe; 10 is the default"),
        (["--minutes", "-1"], "must be a number above 0"),
        (["--minutes", "nan"], "must be a number above 0"),
        (["--minutes", "0.0001"], "minutes are too few: the base and"),
        (["--replicas", "7"], "take an even number from 2 to 256"),
        (["--replicas", "1"], "take an even number from 2 to 256"),
        (["--replicas", "1000"], "take an even number from 2 to 256"),
        (["--evaluations", "1"], "the volatility needs 3 or more"),
        (["--evaluations", "2"], "the volatility needs 3 or more"),
        (["--evaluations", "many"], "must be a whole number of at least 1"),
        (["--checkpoint", "17"], "has no checkpoint of step 17. There are those of"),
        (["--checkpoint", "-1"], "must be a whole number"),
        (["another"], "has no run 'another'. Its runs: test."),
    ],
)  # fmt: skip
def test_what_makes_no_probe_is_refused_in_a_sentence(
    trained: RunPaths, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert sentence in refused(trained, capsys, *words)


def test_a_run_must_be_named_where_there_are_several(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, writers = make_session(home, steps=20)

    said = refused(writers[0].run, capsys)

    assert f"name one run of {session.id}: batch-128, batch-32." in said


def test_a_run_of_another_session_is_not_found(
    trained: RunPaths, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, (writer, _) = make_session(home, steps=20)

    assert f"has no run '{trained.id}'" in refused(writer.run, capsys, trained.id)


def test_a_session_without_a_run_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session, writers = make_session(home, steps=20)
    for writer in writers:
        writer.run.spec.unlink()

    assert "holds no run: its start was broken off" in refused(writers[0].run, capsys)
    assert session.folder.exists()


def test_a_run_that_has_not_begun_or_kept_a_checkpoint_is_refused(
    home: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(home, noisy(digits))
    assert "has not begun to train yet" in refused(run, capsys)

    _, (writer, _) = make_session(home, steps=400)
    assert "has no checkpoint yet" in refused(writer.run, capsys, "batch-32")


def test_a_run_that_was_evaluated_once_can_be_probed_by_arms_that_are_named_or_not(
    home: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, history = train(home, noisy(digits, epochs=0.5, eval_every=0.5))
    assert len(history.val) == 1

    assert asked(run, "--plan") == 0
    assert "learning-rate-half" in capsys.readouterr().out


def test_damaged_and_gone_checkpoints_are_refused(
    home: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = train(home, noisy(digits))
    for path in checkpoint_files(run.checkpoints):
        path.write_bytes(path.read_bytes()[:100])
    assert "No checkpoint of test is sound" in refused(run, capsys)

    for path in checkpoint_files(run.checkpoints):
        path.unlink()
    assert "has no checkpoint yet" in refused(run, capsys)


def test_an_arm_that_changes_nothing_of_this_run_is_refused(
    home: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = train(home, noisy(digits, model=Model(name="squeezenet1_0"), epochs=0.1))
    start = "batchnorm-momentum-down"
    assert "the model has no BatchNorm" in refused(run, capsys, "--arms", start)

    large = replace(spec_of(run), preset=replace(spec_of(run).preset, batch_size=160))
    write_document(run.spec, large)
    said = refused(run, capsys, "--arms", "batch-size-quadruple")
    assert "a batch of 640 is larger than the training set (320)" in said


def test_an_arm_whose_evaluations_would_be_further_apart_is_refused(
    home: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = train(home, noisy(digits, eval_every=0.1, epochs=1))

    said = refused(run, capsys, "--arms", "batch-size-double")

    assert "not be as many images apart" in said
    assert "a larger eval_every would do" in said


def test_a_probe_under_way_is_not_joined_by_another(
    trained: RunPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(trained, "--arms", "adam-epsilon", "--detach") == 0
    out, _ = capsys.readouterr()
    assert "--last` shows what it finds" in out

    assert "A probe of test is under way (adam-epsilon)" in refused(trained, capsys)

    session = session_of(trained)
    probe = session.probe(probe_ids(session)[-1])
    probe.result.write_text("{}")  # over and damaged: it is not under way
    assert asked(trained, "--plan") == 0
    capsys.readouterr()


def test_a_plan_says_cost_and_what_it_can_show_and_starts_nothing(
    trained: RunPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(session_of(trained).folder)

    assert asked(trained, "--plan", "--arms", "all", "--replicas", "16") == 0

    out, _ = capsys.readouterr()
    assert "Probe of test: the base and learning-rate-half, learning-rate-quarter, " in out
    assert "16 replicas each, 8 evaluations" in out
    assert "budget 10 min" in out
    assert "It detects an arm that leaves" in out
    assert "batchnorm" not in out
    assert files_of(session_of(trained).folder) == before


def test_a_plan_names_who_else_is_on_the_gpu_and_not_the_runs_of_the_session(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, (writer,) = make_session(home, {"one": Preset()}, steps=100, status=None)
    spec = replace(writer.spec, device="cuda:0")
    writer.run.spec.write_bytes(msgspec.json.encode(spec))
    living = {"one": RunStatus("RUNNING", pid=4711)}
    monkeypatch.setattr(neighbours, "statuses", lambda _: living)
    stand_in(monkeypatch, [Held(4711, GIB), Held(os.getpid(), 512 << 20)])

    for plan in (
        plan_probe(session, writer.run, spec, ["learning-rate-half"]),
        plan_proof(session, writer.run, spec, "learning-rate-half"),
    ):
        note = plan.notes[-1]
        assert note.startswith("cuda:0 is shared: ")
        assert f"(pid {os.getpid()}) holds 512 MiB; 60.0 GiB of 80.0 GiB are free" in note
        assert "4711" not in note
    main(["probe", session.id, "one", "--arms", "learning-rate-half", "--plan"])
    assert "cuda:0 is shared: " in capsys.readouterr().out
    assert prove.in_words(plan, None)[-1] == note
    assert proof_offer(plan, None).notes == plan.notes


def test_of_a_run_that_another_program_trains_it_is_said_that_it_does(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, (writer,) = make_session(home, {"one": Preset()}, steps=100)
    writer.run.spec.write_bytes(msgspec.json.encode(replace(writer.spec, source="watch")))

    assert main(["probe", "--plan"]) == 2
    assert "Nothing can be probed on one: another program trains" in capsys.readouterr().err


def test_where_the_budget_is_short_fewer_replicas_are_planned_and_it_is_said(
    trained: RunPaths, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from valtui_trainer.supervise import probe

    monkeypatch.setattr(probe, "seconds_per_replica", lambda *_: 10.0)

    assert asked(trained, "--plan", "--arms", "adam-epsilon", "--minutes", "2") == 0

    out, _ = capsys.readouterr()
    assert "4 replicas each" in out
    assert "The budget of 2 minutes holds 4 replicas of each arm, not 8." in out


def test_the_newest_probe_is_shown_with_its_ranking(
    trained: RunPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    probe, result = probed(trained, "learning-rate-half", "adam-epsilon", replicas=4, evaluations=4)

    assert asked(trained, "--last") == 0
    out, _ = capsys.readouterr()
    assert asked(trained, "--last", "--json") == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)

    lines = out.splitlines()
    assert lines[0] == "Probe of test at epoch 3 (step 30): done"
    left = {one.arm: one.left or 0.0 for one in result.looks[-1]}
    assert [line.split()[0] for line in lines[1:3]] == sorted(left, key=lambda arm: left[arm])
    for line in lines[1:3]:
        assert "% of the volatility left (" not in line or "4 replicas" in line
        assert "of the volatility left" in line
    assert document["probe"] == probe.id
    assert document["state"] == "DONE"
    looks = document["result"]["looks"]
    assert [[one["replicas"] for one in look] for look in looks] == [[2, 2], [4, 4]]
    assert document["result"]["looks"][-1][0]["left"] == result.looks[-1][0].left


def test_where_there_is_no_probe_yet_it_is_said(
    home: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = train(home, noisy(digits, epochs=0.5))

    assert "has not been probed yet" in refused(run, capsys, "--last")


def test_looks_of_a_probe_that_was_lost_are_shown(
    trained: RunPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    probe, result = probed(trained, "learning-rate-half", replicas=4, evaluations=4)
    probe.result.unlink()

    assert asked(trained, "--last") == 0

    out, _ = capsys.readouterr()
    assert "lost" in out
    assert "what it had measured is kept" in out
    assert f"{100 * (result.looks[-1][0].left or 0):.0f} %" in out


@pytest.mark.parametrize("start", ["done", "failed"])
def test_a_probe_that_is_followed_ends_with_its_ranking_and_an_exit_code(
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    start: str,
) -> None:
    data = write_digits(tmp_path / "mine.npz")
    run, _ = train(home, noisy(data))
    if start == "failed":
        arrays = dict(np.load(data))
        arrays["train_images"][0, 0, 0] ^= 1
        np.savez(data, **arrays)
    real = command.follow

    def carried_out(session: SessionPaths, probe: ProbePaths, quiet: bool) -> int:
        run_probe(probe.folder)
        return real(session, probe, quiet)

    monkeypatch.setattr(command, "follow", carried_out)
    words = ["--arms", "adam-epsilon", "--replicas", "2", "--evaluations", "3", "--json"]

    code = asked(run, *words)

    out, err = capsys.readouterr()
    document = json.loads(out)
    assert "It detects an arm that leaves" in err, "the plan is told beside the document"
    assert (code, document["state"]) == ((0, "DONE") if start == "done" else (1, "FAILED"))
    assert ("have changed since" in document["reason"]) == (start == "failed")


def test_a_run_that_was_damaged_is_refused(
    home: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = train(home, noisy(digits, epochs=0.5))
    run.spec.write_text("{")

    assert "run.json" in refused(run, capsys, "test")
