"""What a run writes: evaluations where they fall due, the training subset, tests, warnings, failures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.tiny import TEST, TRAIN, VAL
from support.training import Bench, make_run, train
from valtui_trainer.presets.types import Model, Optimizer, Preset, Schedule
from valtui_trainer.session.create import add_attempt
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.records import Final
from valtui_trainer.session.state import run_status
from valtui_trainer.session.validation import read_validation
from valtui_trainer.training.attempt import run_attempt
from valtui_trainer.training.evaluate import balanced
from valtui_trainer.training.optimization import learning_rate
from valtui_trainer.training.timetable import make_timetable


def preset(digits: Path, **settings: object) -> Preset:
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 32, "epochs": 2, "eval_every": 0.5, "log_every": 4,
        "model": Model(width=4),
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


def test_a_run_logs_its_evaluations_and_the_training_subset_once_an_epoch(
    home: Path, digits: Path
) -> None:
    _, history = train(home, preset(digits))

    assert [record.step for _, record in history.val] == [5, 10, 15, 20]
    measured = [record.step for _, record in history.val if record.train_eval_loss is not None]
    assert measured == [10, 20]
    assert [record.step for record in history.train] == [4, 8, 12, 16, 20]
    assert all(0 <= (record.val_accuracy or 0) <= 1 for _, record in history.val)


def test_start_says_what_data_and_split_were_used(home: Path, digits: Path) -> None:
    run, history = train(home, preset(digits))
    start = history.starts[0]
    described = read_validation(SessionPaths(run.folder.parents[1]), start.validation_digest)

    assert (start.train_size, start.val_size, start.test_size) == (TRAIN, VAL, TEST)
    assert start.log_every == 4
    assert start.total_steps == 20
    assert described is not None
    assert described["thumbnail"].shape == (VAL, 14, 14)
    assert len(described["sample_digest"]) == VAL


def test_the_test_part_is_evaluated_once_at_the_best_evaluation(home: Path, digits: Path) -> None:
    run, history = train(home, preset(digits), seeds=(0, 1))
    final = read_document(run.attempt(0).final, Final)

    by_step: dict[int, list[float]] = {}
    for _, record in history.val:
        by_step.setdefault(record.step, []).append(record.val_loss or math.nan)
    best = min(by_step, key=lambda step: np.mean(by_step[step]))
    assert final is not None
    assert final.status == "done"
    assert final.best_step == best
    assert set(final.test_loss or {}) == {"0", "1"}


def test_a_loss_that_is_not_finite_is_logged_and_training_goes_on(home: Path, digits: Path) -> None:
    run, history = train(home, preset(digits, learning_rate=1e9, optimizer=Optimizer(name="sgd")))

    assert run_status(run, supervised=False).state == "DONE"
    assert any(not math.isfinite(record.train_loss or 0) for record in history.train)
    warnings = [event.message for _, event in history.events if event.kind == "warning"]
    assert len([text for text in warnings if "training goes on" in text]) == 1


def test_stop_on_nan_ends_the_run_with_a_sentence(home: Path, digits: Path) -> None:
    run, history = train(
        home, preset(digits, learning_rate=1e9, optimizer=Optimizer(name="sgd"), stop_on_nan=True)
    )

    status = run_status(run, supervised=False)
    assert status.state == "FAILED"
    assert "stop_on_nan is set" in status.reason
    assert history.train


def test_data_that_cannot_be_used_fails_in_words_without_a_traceback(
    home: Path, digits: Path
) -> None:
    run = make_run(home, preset(digits, data=str(digits.with_name("gone.npz"))))

    code = run_attempt(add_attempt(run).folder)

    status = run_status(run, supervised=False)
    assert code == 1
    assert status.state == "FAILED"
    assert "gone.npz" in status.reason


def test_a_second_process_on_the_same_run_is_refused(home: Path, digits: Path) -> None:
    import subprocess
    import sys

    from valtui_trainer.session.locks import acquire

    run = make_run(home, preset(digits))
    attempt = add_attempt(run)
    lock = acquire(run.lock)

    refused = subprocess.run(
        [sys.executable, "-m", "valtui_trainer", "run", str(attempt.folder)],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert lock is not None
    assert refused.returncode == 3
    assert "Another process" in refused.stderr
    assert read_history(run).train == []


def test_a_checkpoint_that_cannot_be_written_is_loud_and_training_goes_on(
    home: Path, digits: Path
) -> None:
    bench = Bench(home, preset(digits))
    folder = bench.run.checkpoints
    folder.rmdir()
    folder.write_text("a file where the folder should be")

    bench.advance(5)
    bench.loop.write_checkpoint()
    bench.journal.sync()
    bench.advance(1)

    events = [event for _, event in read_history(bench.run).events]
    assert any("No checkpoint" in event.message for event in events)
    assert bench.loop.step == 6


def test_balanced_accuracy_counts_each_class_alike() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    hits = labels == 0

    assert balanced(hits, labels) == 0.5


@given(
    size=st.integers(1, 500), batch=st.integers(1, 64), epochs=st.integers(1, 6),
    every=st.one_of(st.floats(0.05, 3), st.integers(1, 200).map(lambda n: f"{n} steps")),
)  # fmt: skip
def test_evaluations_fall_on_the_first_step_at_or_past_their_mark(
    size: int, batch: int, epochs: int, every: float | str
) -> None:
    found = make_timetable(Preset(batch_size=batch, epochs=epochs, eval_every=every), size)

    assert found.total == epochs * math.ceil(size / batch)
    assert found.total in found.evaluations
    assert min(found.evaluations) >= 1
    assert max(found.evaluations) == found.total
    assert found.train_evaluations <= found.evaluations
    assert found.ladder <= found.evaluations
    marks = [k * found.between for k in range(1, int(found.total / found.between) + 1)]
    for mark in marks:
        assert math.ceil(mark - 1e-6) in found.evaluations


def test_a_batch_larger_than_the_set_is_refused_only_with_drop_last() -> None:
    assert make_timetable(Preset(batch_size=100), 30).steps_per_epoch == 1
    with pytest.raises(ValueError, match="drop_last"):
        make_timetable(Preset(batch_size=100, drop_last=True), 30)


def test_drop_last_leaves_out_the_rest(home: Path, digits: Path) -> None:
    _, whole = train(home, preset(digits, batch_size=48))
    _, dropped = train(home, preset(digits, batch_size=48, drop_last=True))

    assert whole.starts[0].steps_per_epoch == 7
    assert dropped.starts[0].steps_per_epoch == 6


@pytest.mark.parametrize("name", ["constant", "cosine", "one-cycle", "step"])
def test_schedules_stay_within_the_learning_rate_and_warm_up_from_below(name: str) -> None:
    settings = Preset(
        learning_rate=0.1,
        schedule=Schedule(name=name, warmup_epochs=1, step_epochs=2),  # type: ignore[arg-type]
    )

    rates = [learning_rate(settings, step, total=100, steps_per_epoch=10) for step in range(100)]

    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(0.1)
    assert min(rates) >= 0
    ends = {"constant": 0.1, "cosine": 0.0, "one-cycle": 0.0, "step": 0.1 * 0.1**4}
    assert rates[-1] == pytest.approx(ends[name], abs=2e-4)
