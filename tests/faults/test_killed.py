"""SIGKILL at random moments: nothing that was acknowledged is lost, nothing counts twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import wait_until
from support.faults import small
from support.killing import Survived, kill_trainers, kill_writers
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
    """What a reader had before a kill is there after it, and the end is the same to the bit."""
    found = kill_trainers(home, small(digits, epochs=400), TRAINERS, seed=5)

    assert found == Survived(
        kills=TRAINERS, acknowledged=found.acknowledged, read=found.read, lost=0, doubled=0,
        wrong=0, skipped=0,
    )  # fmt: skip
    assert found.acknowledged > 0


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
