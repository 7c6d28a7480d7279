"""Kill writers of the log at random moments, and read what they left. Shared by tests and `bench`."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from support.commands import wait_until
from support.crash_writer import losses_at, train_at, val_at
from support.faults import begin
from support.real_runs import points, state_of, train_points
from support.sessions import new_session
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.history import History, RunReader, read_history
from valtui_trainer.session.layout import RunPaths
from valtui_trainer.session.locks import holder
from valtui_trainer.session.losses import read_losses
from valtui_trainer.session.records import Train, Val
from valtui_trainer.session.tail import Tail
from valtui_trainer.supervise.begin import command

ROOT = Path(__file__).parents[2]
WRITER = Path(__file__).with_name("crash_writer.py")
LONGEST_SECONDS = 0.08
STARTING_SECONDS, TRAINING_SECONDS = 2.5, 1.5
FOLLOW_EVERY = 10


@dataclass(slots=True)
class Survived:
    """What came of so many kills.

    Attributes:
        acknowledged: records that a writer had said were written.
        read: records that count in the end, over all attempts.
        lost, doubled, wrong: acknowledged records that were not there; steps that count twice;
            records or rows with other values than were written.
        skipped: damaged lines that the reader passed over.
    """

    kills: int = 0
    acknowledged: int = 0
    read: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    skipped: int = 0


def kill_writers(home: Path, kills: int, seed: int) -> Survived:
    """Start a writer and kill it, `kills` times over, while a reader follows the log."""
    session, (spec, *_) = new_session(home)
    run = session.run(spec.id)
    chance = random.Random(seed)
    found = Survived()
    follower, followed = RunReader(run), History()
    for _ in range(kills):
        acknowledged = kill_one(run, chance.uniform(0, LONGEST_SECONDS))
        found.kills += 1
        found.acknowledged += len(acknowledged)
        attempt = run.last_attempt()
        assert attempt is not None
        written = {f"train {record.step}" for record in Tail(attempt.train, Train).read()}
        written |= {f"val {record.step}" for record in Tail(attempt.val, Val).read()}
        found.lost += len(acknowledged - written)
        if found.kills % FOLLOW_EVERY == 0:
            for news in follower.read():
                followed.take(news)
    history = read_history(run)
    judge(run, history, found)
    for news in follower.read():
        followed.take(news)
    found.wrong += int(followed.train != history.train)
    return found


def kill_one(run: RunPaths, seconds: float) -> set[str]:
    """Kill the next writer so many seconds after its first record; return what it acknowledged."""
    writer = subprocess.Popen(
        [sys.executable, str(WRITER), str(run.folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
    )
    assert writer.stdout is not None
    first = writer.stdout.readline()
    threading.Event().wait(seconds)  # the moment of death is what is random here
    writer.kill()
    said = first + writer.stdout.read()
    writer.stdout.close()
    writer.wait()
    assert first, "the writer failed before its first record"
    return set(said.decode().split("\n")[:-1])


def kill_trainers(home: Path, settings: Preset, kills: int, seed: int) -> Survived:
    """Train `settings` and kill the real trainer, `kills` times over; compare with a run left alone.

    Every other kill hits it while it trains, the rest while it starts. A record counts as
    acknowledged once a reader had it before the kill.
    """
    session = begin(home, {"run": settings})
    run = session.run("run")
    chance = random.Random(seed)
    found = Survived()
    for kill in range(kills):
        wait_until(lambda: holder(run.lock) is not None, what="the trainer")
        start = run.attempt(kill).start
        if kill % 2:
            wait_until(start.exists, what="training")
        longest = TRAINING_SECONDS if kill % 2 else STARTING_SECONDS
        threading.Event().wait(chance.uniform(0, longest))  # the moment of death is random
        seen = read_history(run)
        pid = holder(run.lock)
        assert pid is not None, "it ended by itself: give it more epochs"
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: state_of(session, "run") == "KILLED", what="KILLED")
        after = read_history(run)
        found.kills += 1
        found.acknowledged += len(seen.train) + len(seen.val)
        found.lost += sum(record not in after.train for record in seen.train)
        found.lost += sum(record not in after.val for record in seen.val)
        command(session, "resume", "run")
    wait_until(lambda: state_of(session, "run") == "DONE", what="the end", seconds=240)
    alone = begin(home, {"run": settings})
    wait_until(lambda: state_of(alone, "run") == "DONE", what="the other's end", seconds=240)
    history = read_history(run)
    train, val = train_points(run), points(run)
    found.read = len(train) + len(val)
    found.skipped = history.skipped
    found.doubled = found.read - len({point[0] for point in train}) - len({step for step, _ in val})
    found.wrong += int(train != train_points(alone.run("run")))
    found.wrong += int(val != points(alone.run("run")))
    return found


def judge(run: RunPaths, history: History, found: Survived) -> None:
    """Compare what counts in the end with what the writers meant to write."""
    train = [record.step for record in history.train]
    val = [record.step for _, record in history.val]
    found.read = len(train) + len(val)
    found.skipped = history.skipped
    found.doubled = len(train) - len(set(train)) + len(val) - len(set(val))
    found.wrong += int(train != list(range(1, len(train) + 1)))
    for record in history.train:
        found.wrong += int(record.train_loss != train_at(record.step).train_loss)
    for number, record in history.val:
        rows = read_losses(run.attempt(number), [record])
        found.wrong += int(record.val_loss != val_at(record.step).val_loss)
        found.wrong += int(not np.array_equal(rows[0], losses_at(record.step)))
