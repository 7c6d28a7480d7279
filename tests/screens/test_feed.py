"""The feed: bites of a bounded size, evaluations first, and failures that cost nothing."""

from __future__ import annotations

import errno
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from screens.conftest import Recorded
from support.broken_reads import BrokenReads
from support.sessions import begin_attempt, train_record
from valtui import curves
from valtui.curves import RunCurves
from valtui.feed import BYTES_A_POLL, SessionFeed
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.history import read_history

Maker = Callable[..., Recorded]

MANY = 4_000
"""Training records of more bytes than one bite."""


def trained(feed: SessionFeed) -> list[int]:
    """How many training records of each run were read."""
    return [len(run.seeds[0].train) for run in feed.runs]


def evaluated(feed: SessionFeed) -> list[int]:
    """How many evaluations of each run were read."""
    return [len(run.seeds[0].val) for run in feed.runs]


@pytest.fixture
def long(make: Maker) -> Recorded:
    """Two runs with more training records than one bite holds, and ten evaluations each."""
    session = make({"one": Preset(), "two": Preset(batch_size=64)})
    for name in ("one", "two"):
        writer = session.begin(name, 100)
        for step in range(101, 101 + MANY):
            writer.train.append(train_record(step))
    return session


def test_evaluations_of_all_runs_are_there_after_the_first_bite(long: Recorded) -> None:
    feed = SessionFeed(long.paths)

    feed.poll()

    assert evaluated(feed) == [10, 10]
    assert all(0 < count < MANY for count in trained(feed))
    assert feed.behind


def test_training_records_wait_for_evaluations_that_take_more_than_a_bite(long: Recorded) -> None:
    feed = SessionFeed(long.paths)

    feed.poll(most_bytes=300)
    before = trained(feed)
    while feed.poll(most_bytes=300) and evaluated(feed) != [10, 10]:
        assert trained(feed) == [0, 0]

    assert before == [0, 0]
    assert feed.behind


def test_a_bite_is_bounded_and_bites_make_up_the_whole(long: Recorded) -> None:
    feed = SessionFeed(long.paths)
    line = min(map(len, long.writers["one"].attempt.train.read_bytes().splitlines()))
    bites = []

    while feed.poll() or feed.behind:
        bites.append(trained(feed)[0] - sum(bites))

    assert len(bites) > 1
    assert max(bites) <= BYTES_A_POLL / line + 1
    assert trained(feed) == [MANY + 20, MANY + 20]
    assert feed.runs[0].seeds[0].train["step"].tolist()[20:] == list(range(101, 101 + MANY))


def test_catching_up_stops_when_its_time_is_over_and_goes_on_from_there(long: Recorded) -> None:
    feed = SessionFeed(long.paths)

    feed.catch_up(0.0)
    assert feed.behind
    feed.catch_up(3600.0)

    assert not feed.behind
    assert trained(feed) == [MANY + 20, MANY + 20]


def test_a_line_longer_than_a_bite_does_not_end_the_reading(long: Recorded) -> None:
    path = long.writers["one"].attempt.train
    path.write_bytes(b"x" * (3 * BYTES_A_POLL) + b"\n" + path.read_bytes())
    feed = SessionFeed(long.paths)

    feed.drain()

    assert trained(feed) == [MANY + 20, MANY + 20]
    assert feed.runs[0].skipped == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("file", ["train", "val", "events"])
def test_a_run_that_cannot_be_read_holds_up_no_other_and_is_read_on_later(
    long: Recorded, monkeypatch: pytest.MonkeyPatch, number: int, file: str
) -> None:
    feed = SessionFeed(long.paths)
    feed.poll()
    broken = BrokenReads(monkeypatch)
    broken.at_open(getattr(long.writers["one"].attempt, file), number)

    with pytest.raises(SessionError, match=f"{file}.jsonl: cannot be read"):
        feed.catch_up(3600.0)
    assert trained(feed)[1] == MANY + 20
    broken.mend()
    feed.catch_up(3600.0)

    assert trained(feed) == [MANY + 20, MANY + 20]
    assert evaluated(feed) == [10, 10]


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_a_run_whose_first_file_cannot_be_read_keeps_nobody_busy(
    long: Recorded, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    broken = BrokenReads(monkeypatch)
    broken.at_open(long.writers["one"].attempt.events, number)
    feed = SessionFeed(long.paths)

    with pytest.raises(SessionError, match=r"events\.jsonl: cannot be read"):
        feed.catch_up(3600.0)

    assert trained(feed)[1] == MANY + 20


def test_columns_hold_what_the_records_hold(make: Maker) -> None:
    session = make({"one": Preset()}, seeds=(0, 1))
    writer = session.begin("one")
    values = itertools.cycle([0.5, None, math.nan, 2.5, math.inf, -math.inf])
    for step, first, second in zip(range(10, 130, 10), values, values, strict=False):
        writer.train.append(train_record(step, 0, train_loss=first, images_per_second=second))
        writer.train.append(train_record(step, 1, train_loss=second))
        writer.train.append(train_record(step, 7))  # a seed that the run does not have
        writer.evaluate(step, 0, first, temperature=second)
    feed = SessionFeed(session.paths)

    feed.drain()

    history = read_history(session.paths.run("one"))
    records: dict[str, list[Any]] = {
        "train": history.train,
        "val": [record for _, record in history.val],
    }
    for seed, series in feed.runs[0].seeds.items():
        for table, kind in ((series.train, "train"), (series.val, "val")):
            of_seed = [record for record in records[kind] if record.seed == seed]
            for column in set(table.columns) - {"attempt"}:
                wanted = [getattr(record, column) for record in of_seed]
                np.testing.assert_array_equal(table[column], np.array(wanted, dtype=float))


def test_a_log_in_the_place_of_a_longer_one_takes_its_place_in_the_feed(running: Recorded) -> None:
    feed = SessionFeed(running.paths)
    feed.drain()
    attempt = running.writers["batch-32"].attempt
    kept = attempt.val.read_bytes().splitlines(keepends=True)[5:9]

    attempt.val.write_bytes(b"".join(kept))
    feed.drain()

    assert feed.run("batch-32").seeds[0].val["step"].tolist() == [60, 70, 80, 90]
    assert evaluated(feed)[1:] == [20, 20]


def test_lines_of_a_chart_take_up_a_bounded_number_of_records_at_once(
    long: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curves, "MOST_AT_ONCE", 500)
    feed = SessionFeed(long.paths)
    feed.drain()
    lines = RunCurves(feed.runs[0], "epoch")
    counts = [0]

    while lines.update("step") or lines.behind:
        counts.append(len(lines.lines.train_loss.middle))

    assert max(b - a for a, b in itertools.pairwise(counts)) == 500
    assert counts[-1] == MANY + 20


def test_a_training_record_that_one_seed_lost_is_in_no_mean(make: Maker) -> None:
    session = make({"one": Preset()}, seeds=(0, 1))
    writer = session.begin("one")
    for step in (10, 20, 30, 40):
        writer.train.append(train_record(step, 0, train_loss=1.0 * step))
        if step != 20:
            writer.train.append(train_record(step, 1, train_loss=3.0 * step))
    feed = SessionFeed(session.paths)
    feed.drain()
    lines = RunCurves(feed.runs[0], "step")

    lines.update("step")

    line = lines.lines.train_loss
    assert [line.middle.point(index) for index in range(len(line.middle))] == [
        (10.0, 20.0), (30.0, 60.0), (40.0, 80.0),
    ]  # fmt: skip
    assert line.high.point(1) == (30.0, 90.0)


def test_a_clock_that_goes_back_in_the_log_bends_no_axis(make: Maker) -> None:
    session = make({"one": Preset()})
    writer = session.begin("one", 100)
    for step in (110, 120, 130):
        writer.train.append(train_record(step, time=1.0, epoch=0.5))
        writer.evaluate(step, 0, 0.4, time=1.0, epoch=0.5)
    feed = SessionFeed(session.paths)
    feed.drain()

    for axis in ("epoch", "time"):
        lines = RunCurves(feed.runs[0], axis)
        lines.update(axis)
        assert len(lines.lines.val_loss.middle) == 13
        assert len(lines.lines.train_loss.middle) == 23


def test_losses_by_sample_of_a_window_reach_back_into_the_attempt_before(make: Maker) -> None:
    session = make({"one": Preset()}, (0, 1))
    session.begin("one", 100)
    later = begin_attempt(session.paths.run("one"), session.specs[0], from_step=60)
    later.curves(range(61, 131), level=0.9)
    feed = SessionFeed(session.paths)
    feed.drain()
    (run,) = feed.runs

    steps = run.val_matrix().step
    window = run.sample_losses(1, steps[-10:])

    assert list(steps) == list(range(10, 140, 10))
    assert np.array_equal(window, run.sample_losses(1)[-10:])
    assert window.mean(axis=1) == pytest.approx(run.val_matrix().loss[1, -10:], rel=1e-5)
