"""Real runs as tests look at them: their points, their states, and an end to what is left alive."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from support.commands import VALTUI
from support.terminal import Terminal
from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.listing import session_names, summarise
from valtui_trainer.session.locks import holder
from valtui_trainer.session.state import RunStatus

Point = tuple[int, float | None]


def open_terminal(place: Path, *arguments: str, columns: int = 120, rows: int = 40) -> Terminal:
    """Start the real app with `arguments` on a real terminal."""
    variables = {"PWD": str(place), "VALTUI_HOME": os.environ["VALTUI_HOME"]}
    return Terminal([*VALTUI, *arguments], columns, rows, **variables)


def points(run: RunPaths) -> list[Point]:
    """Return step and loss of the evaluations that count."""
    return [(record.step, record.val_loss) for _, record in read_history(run).val]


def train_points(run: RunPaths) -> list[tuple[object, ...]]:
    """Return the training records that count, but for time and images_per_second."""
    return [
        (
            record.step, record.epoch, record.seed, record.train_loss, record.train_loss_min,
            record.train_loss_max, record.learning_rate, record.grad_norm,
        )
        for record in read_history(run).train
    ]  # fmt: skip


def status_of(session: SessionPaths, run: str) -> RunStatus:
    """Return what is true of a run now."""
    summary = summarise(session)
    assert summary is not None
    return dict(summary.runs)[run]


def state_of(session: SessionPaths, run: str) -> str:
    """Return the state of a run now."""
    return status_of(session, run).state


def kill_all(home: Path) -> None:
    """Kill every supervisor and trainer of `home`."""
    for name in session_names(home):
        session = SessionPaths(home / "sessions" / name)
        locks = [session.supervisor_lock, *(session.run(run).lock for run in session.run_ids())]
        for lock in locks:
            pid = holder(lock)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
