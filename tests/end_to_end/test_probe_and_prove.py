"""A real run is probed while it lives, after it ended or was killed; an arm is proven beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from support.commands import VALTUI, valtui, wait_until
from support.probing import files_of, result_of, spec_of
from support.real_runs import kill_all, state_of
from support.tiny import write_presets
from valtui_trainer.session.create import add_attempt, add_run
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import ProbePaths, RunPaths, SessionPaths
from valtui_trainer.session.listing import find_session
from valtui_trainer.session.locks import holder
from valtui_trainer.session.probes import BASE, arm_records, probe_ids, probe_status
from valtui_trainer.session.proofs import proof_result, proofs_of
from valtui_trainer.session.records import Event, Start
from valtui_trainer.session.tail import Tail
from valtui_trainer.supervise.begin import command
from valtui_trainer.training.attempt import run_attempt

SMALL = ("--arms", "learning-rate-half", "--replicas", "2", "--evaluations", "3")
LONG = (
    "--arms",
    "learning-rate-half",
    "--replicas",
    "4",
    "--evaluations",
    "1000",
    "--minutes",
    "99",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Iterator[Path]:
    """A folder in which `tiny` was run, and its home; all tests probe this run."""
    made = tmp_path_factory.mktemp("probed")
    write_presets(made, digits)
    ask(made, "run", "tiny", "--epochs", "2", "--plain")
    session = find_session(made / "home", None)
    wait_until(lambda: holder(session.supervisor_lock) is None, what="the supervisor to go")
    yield made
    kill_all(made / "home")


@pytest.fixture
def session(folder: Path) -> SessionPaths:
    return find_session(folder / "home", None)


def ask(folder: Path, *words: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
    return valtui(*words, "--home", "home", cwd=folder, check=check)


def newest_probe(session: SessionPaths) -> ProbePaths:
    return session.probe(probe_ids(session)[-1])


@pytest.fixture
def probing(folder: Path, session: SessionPaths) -> Iterator[subprocess.Popen[str]]:
    """A long probe that has logged its first evaluations, followed by `valtui probe`."""
    before = len(probe_ids(session))
    words = [*VALTUI, "probe", session.id, "tiny", *LONG, "--home", "home"]
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: len(probe_ids(session)) > before, what="a probe")
    try:
        wait_until(lambda: logged(session) >= 3, what="evaluations of the base")
        yield process
    finally:
        process.kill()
        process.communicate()
        pid = holder(newest_probe(session).lock)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


def logged(session: SessionPaths) -> int:
    """Return how many evaluations of the base the newest probe has logged."""
    return len(arm_records(newest_probe(session), BASE))


def answers(session: SessionPaths) -> dict[str, str]:
    found = Tail(session.events, Event).read()
    return {str(one.data.get("id")): one.message for one in found if one.kind == "command"}


def evaluations(run: RunPaths, count: int | None = None) -> list[dict[str, Any]]:
    """Return all that was logged of the evaluations that count, but for times and places in files."""
    left_out = ("n", "time", "seconds", "lens_seconds", "row")
    return [
        {name: getattr(one, name) for name in one.__struct_fields__ if name not in left_out}
        for _, one in read_history(run).val[:count]
    ]


def test_a_run_that_ended_is_probed_and_two_looks_are_told(
    folder: Path, session: SessionPaths
) -> None:
    before = files_of(session.run("tiny").folder)

    done = ask(folder, "probe", *SMALL)

    result = result_of(newest_probe(session))
    assert (result.status, len(result.looks)) == ("done", 2)
    assert result.noise_scale is not None
    lines = done.stdout.splitlines()
    assert lines[0].startswith(
        "Probe of tiny: the base and learning-rate-half; 2 replicas each, 3 "
    )
    assert any("of the volatility left" in line and "2 replicas" in line for line in lines)
    assert any("gradient noise scale" in line for line in lines)
    assert files_of(session.run("tiny").folder) == before
    wait_until(lambda: holder(session.supervisor_lock) is None, what="the supervisor to go")


def test_ctrl_c_cancels_what_was_measured_is_kept_and_exit_130(
    session: SessionPaths, probing: subprocess.Popen[str]
) -> None:
    probing.send_signal(signal.SIGINT)
    out, err = probing.communicate(timeout=120)

    assert probing.returncode == 130, err
    assert "cancelling; what was measured is kept" in err
    assert "Traceback" not in err
    assert ": cancelled" in out
    assert result_of(newest_probe(session)).status == "cancelled"
    assert logged(session) >= 3


def test_a_killed_probe_is_lost_in_words(
    session: SessionPaths, probing: subprocess.Popen[str]
) -> None:
    pid = holder(newest_probe(session).lock)
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    out, err = probing.communicate(timeout=120)

    assert probing.returncode == 1
    assert "Traceback" not in err
    assert ": lost" in out
    assert "its process is gone and nobody saw it end" in out
    assert probe_status(newest_probe(session)).state == "LOST"
    assert logged(session) >= 3
    assert state_of(session, "tiny") == "DONE"


def test_the_queue_goes_on_beside_a_probe_and_wishes_that_make_no_sense_are_refused_in_words(
    folder: Path, session: SessionPaths, probing: subprocess.Popen[str]
) -> None:
    probe = newest_probe(session)
    wishes = {
        command(session, "probe", "tiny", probe=probe.id): "refused: it has been started already",
        command(session, "probe", "tiny", probe="../../etc"): "refused: there is no such probe",
        command(session, "probe", "tiny"): "refused: there is no such probe",
        command(session, "cancel", None, probe="nothing"): "refused: no such probe is alive",
        command(session, "cancel", None): "refused: no such probe is alive",
    }
    ask(folder, "prove", session.id, "tiny", "learning-rate-quarter", "--detach")
    beside = "tiny~learning-rate-quarter"

    wait_until(lambda: set(wishes) <= set(answers(session)), what="all answers")
    assert {one: answers(session)[one] for one in wishes} == wishes
    wait_until(
        lambda: beside in session.run_ids() and state_of(session, beside) == "RUNNING",
        what="a run beside",
    )
    assert probe_status(probe).state == "RUNNING"
    told = command(session, "cancel", None, probe=probe.id)
    wait_until(lambda: told in answers(session), what="an answer")
    assert answers(session)[told] == "told the probe"
    assert probing.wait(60) == 0
    assert result_of(probe).status == "cancelled"
    ask(folder, "stop", session.id, check=None)


@pytest.mark.slow
def test_a_run_beside_that_was_killed_goes_on_to_the_same_end_and_the_proof_is_told(
    folder: Path, session: SessionPaths, home: Path
) -> None:
    ask(folder, "prove", session.id, "tiny", "learning-rate-half", "--detach")
    control = proofs_of(session)[-1][1].control_run
    child = session.run("tiny~learning-rate-half")
    wait_until(lambda: list(child.checkpoints.glob("step-*.pt")), what="a checkpoint", seconds=120)
    os.kill(holder(child.lock) or 0, signal.SIGKILL)
    wait_until(lambda: state_of(session, child.id) == "KILLED", what="KILLED")

    ask(folder, "resume", session.id, child.id)
    ended = lambda: {state_of(session, run) for run in (child.id, control)} == {"DONE"}  # noqa: E731
    wait_until(ended, what="the end of both", seconds=240)

    second = read_document(child.attempt(1).start, Start)
    assert second is not None
    assert second.from_step > 40
    assert second.checkpoint == f"step-{second.from_step:09d}.pt"
    (paths, proof) = proofs_of(session)[-1]
    result = proof_result(paths)
    assert result is not None
    assert result.evaluations in (10, 20, 40)
    assert (proof.run, proof.arm_run) == ("tiny", child.id)
    assert proof.control_run.startswith("tiny~control")
    whole = add_run(session, replace(spec_of(child), id="whole", proof=proof.id))
    assert run_attempt(add_attempt(whole).folder) == 0
    assert len(evaluations(whole)) >= 3 * 40
    assert evaluations(child) == evaluations(whole), "to the bit"


@pytest.mark.slow
def test_a_living_run_goes_on_as_one_that_was_not_probed_and_a_killed_one_is_left_alone(
    place: Path, home: Path
) -> None:
    valtui("run", "tiny", "--epochs", "5000", "--detach", cwd=place)
    session = find_session(home, None)
    run = session.run("tiny")
    wait_until(lambda: len(evaluations(run)) >= 2, what="points")
    valtui("stop", cwd=place)
    wait_until(lambda: state_of(session, "tiny") == "STOPPED", what="a checkpoint")
    valtui("resume", cwd=place)
    wait_until(lambda: state_of(session, "tiny") == "RUNNING", what="the run")

    done = valtui("probe", *SMALL, "--json", cwd=place)

    assert state_of(session, "tiny") == "RUNNING"
    assert json.loads(done.stdout)["state"] == "DONE"
    assert "tiny trains on cpu as well: both are slower meanwhile." in done.stderr
    seen = len(evaluations(run))
    os.kill(holder(run.lock) or 0, signal.SIGKILL)
    wait_until(lambda: state_of(session, "tiny") == "KILLED", what="KILLED")
    valtui("probe", *SMALL, "--pause", cwd=place)
    assert result_of(newest_probe(session)).status == "done"
    assert state_of(session, "tiny") == "KILLED", "it was not begun anew"

    count = min(seen, 120)
    spec = spec_of(run)
    short = replace(spec, id="whole", preset=replace(spec.preset, epochs=count / 4))
    whole = add_run(session, short)
    assert run_attempt(add_attempt(whole).folder) == 0
    assert count > 8
    assert evaluations(run, count) == evaluations(whole, count), "to the bit"
