"""Early stopping of real runs: the end is told, a resumed run ends where the whole one does, and it is off unless asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from support.training import Bench, same, train
from valtui_trainer.measure.stopping import Patience
from valtui_trainer.presets.types import EarlyStopping, Model, Preset, Schedule
from valtui_trainer.session.create import add_attempt
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.history import read_history
from valtui_trainer.session.records import Final
from valtui_trainer.training.attempt import run_attempt
from valtui_trainer.training.patience import patience_of

# A learning rate that rises until it ruins what was learnt: the loss falls, then rises for good.
ROUTE = Schedule(name="one-cycle", peak_at=0.9)


def preset(digits: Path, patience: int | None = 3) -> Preset:
    """Return a recipe that gets worse on the way."""
    return Preset(
        data=str(digits), batch_size=16, epochs=6, eval_every=0.25, log_every=5, learning_rate=0.5,
        model=Model(width=4), schedule=ROUTE, early_stopping=EarlyStopping(patience=patience),
    )  # fmt: skip


def test_a_run_that_gets_worse_is_done_early_and_says_why(home: Path, digits: Path) -> None:
    run, history = train(home, preset(digits), seeds=(0, 1))
    attempt = run.last_attempt()
    assert attempt is not None
    final = read_document(attempt.final, Final)
    assert final is not None

    (told,) = [event for _, event in history.events if event.kind == "early-stopping"]
    assert final.status == "done"
    assert final.step < history.starts[-1].total_steps
    assert told.step == final.step == history.val[-1][1].step
    assert final.reason == told.message
    assert f"Stopped early at epoch {final.epoch:.3g}: " in told.message
    assert "3 evaluations in a row were worse than that of epoch" in told.message
    assert final.test_loss is not None
    assert final.best_step is not None
    assert final.best_step < final.step


def test_it_is_off_unless_asked_for_and_in_runs_that_are_compared(home: Path, digits: Path) -> None:
    run, history = train(home, replace(preset(digits, None), epochs=1))
    bench = Bench(home, preset(digits))

    assert history.val[-1][1].step == history.starts[-1].total_steps
    assert patience_of(bench.spec) is not None
    assert patience_of(replace(bench.spec, proof="a proof")) is None
    assert run.folder.exists()


def test_a_resumed_run_ends_at_the_same_step(home: Path, digits: Path) -> None:
    whole = Bench(home, preset(digits))
    whole.loop.patience = patience_of(whole.spec)
    while not whole.loop.ended_early and whole.loop.step < whole.loop.timetable.total:
        whole.advance(1)
    end = whole.loop.step
    assert whole.loop.ended_early

    first = Bench(home, preset(digits))
    first.loop.patience = patience_of(first.spec)
    first.advance(end - 7)
    state = first.loop.state()
    then = Bench(home, preset(digits))
    then.loop.patience = patience_of(then.spec)
    then.loop.load_state(state)
    assert same(then.loop.state()["patience"], state["patience"])
    while not then.loop.ended_early and then.loop.step < then.loop.timetable.total:
        then.advance(1)

    assert then.loop.step == end
    assert then.loop.ended_early == whole.loop.ended_early


def test_a_run_lost_between_its_decision_and_its_end_takes_no_further_step(
    home: Path, digits: Path
) -> None:
    run, history = train(home, preset(digits))
    lost = run.last_attempt()
    assert lost is not None
    whole = read_document(lost.final, Final)
    assert whole is not None
    lost.final.unlink()

    run_attempt(add_attempt(run).folder)
    attempt = run.last_attempt()
    assert attempt is not None
    final = read_document(attempt.final, Final)
    assert final is not None
    assert attempt.number == lost.number + 1
    assert (final.status, final.step, final.reason) == ("done", whole.step, whole.reason)
    assert final.test_loss == whole.test_loss
    assert read_history(run).val[-1][1].step == history.val[-1][1].step


@pytest.mark.parametrize(("before_the_end", "early"), [(1, True), (0, False)])
def test_a_decision_at_the_last_step_ends_nothing_early(
    home: Path, digits: Path, before_the_end: int, early: bool
) -> None:
    loop = Bench(home, preset(digits)).loop
    loop.patience = Patience(1)
    loop.patience.look(np.linspace(0, 1, 50), step=1)
    loop.step = loop.timetable.total - before_the_end

    loop.look_at_patience(np.linspace(1, 3, 50, dtype=np.float32))

    assert loop.patience.over
    assert bool(loop.ended_early) == early
