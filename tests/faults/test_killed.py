"""SIGKILL at random moments: nothing that was acknowledged is lost, nothing counts twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from support.commands import valtui, wait_until
from support.faults import begin, small
from support.killing import Survived, kill_writers
from support.real_runs import points, state_of, train_points
from valtui_trainer.session.history import read_history
from valtui_trainer.session.locks import holder
from valtui_trainer.training import checkpoint

WRITERS, TRAINERS = 90, 10


@pytest.mark.slow
def test_90_killed_writers_lose_nothing_and_leave_nothing_twice(home: Path) -> None:
    found = kill_writers(home, WRITERS, seed=4)

    assert found.acknowledged > WRITERS
    assert found.read > 0
    assert found == Survived(
        kills=WRITERS, acknowledged=found.acknowledged, read=found.read, lost=0, doubled=0,
        wrong=0, skipped=0,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_10_kills_of_a_real_trainer_leave_the_curve_of_a_run_that_nobody_killed(
    place: Path, home: Path, digits: Path
) -> None:
    """Points that a screen saw before a kill are there after it, and the end is the same to the bit."""
    settings = small(digits, epochs=120)
    session = begin(home, {"tiny": settings})
    run = session.run("tiny")
    chance = random.Random(5)
    for kill in range(TRAINERS):
        wait_until(lambda: holder(run.lock) is not None, what="the trainer")
        pid = holder(run.lock)
        assert pid is not None
        if kill % 2:  # every other one is hit while it trains, the rest while it starts
            wait_until(
                lambda kill=kill: run.attempt(kill).start.exists(),  # type: ignore[misc]
                what="training",
            )
        threading.Event().wait(chance.uniform(0, 3))  # the moment of death is what is random here
        seen = points(run)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: state_of(session, "tiny") == "KILLED", what="KILLED")
        assert points(run)[: len(seen)] == seen
        valtui("resume", cwd=place)
    wait_until(lambda: state_of(session, "tiny") == "DONE", what="the end", seconds=180)
    undisturbed = begin(home, {"tiny": settings})
    wait_until(lambda: state_of(undisturbed, "tiny") == "DONE", what="the other", seconds=180)

    assert len(run.attempt_numbers()) == TRAINERS + 1
    assert points(run) == points(undisturbed.run("tiny"))
    assert train_points(run) == train_points(undisturbed.run("tiny"))
    assert read_history(run).skipped == 0


def test_a_kill_during_a_checkpoint_leaves_the_older_one_to_load(tmp_path: Path) -> None:
    program = (
        "import os, sys, torch; from pathlib import Path\n"
        "from valtui_trainer.training import checkpoint\n"
        "state = {'format': 1, 'weights': torch.zeros(4_000_000)}\n"
        "for step in range(1, 10**6):\n"
        "    os.write(1, b'begin\\n')\n"
        "    checkpoint.write(Path(sys.argv[1]), {**state, 'step': step})\n"
        "    os.write(1, f'done {step}\\n'.encode())\n"
        "    for old in checkpoint.checkpoint_files(Path(sys.argv[1]))[:-2]: old.unlink()\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    while writer.stdout.readline() != "done 3\n":
        pass
    wait_until(lambda: list(tmp_path.glob(".step-*")), what="a write under way")
    writer.kill()
    said = writer.stdout.read().split()
    writer.wait()
    done = [int(word) for word in said if word.isdigit()]

    found = checkpoint.newest(tmp_path)

    assert found is not None
    assert found[1]["step"] >= max(done, default=3)
    assert torch_sum(found[1]) == 0
    checkpoint.Checkpoints(tmp_path, frozenset())
    assert not list(tmp_path.glob(".step-*")), "what the dead writer left is swept"


def torch_sum(state: checkpoint.State) -> float:
    """Return the sum of the weights of a checkpoint."""
    return float(state["weights"].sum())
