"""A run over its attempts: a point counts unless a later attempt began below its step."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.broken_reads import BrokenReads
from support.open_files import close_all
from support.sessions import begin_attempt, make_session, new_session, train_record
from valtui_trainer.session.create import add_attempt
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.history import History, RunReader, read_history
from valtui_trainer.session.losses import read_losses
from valtui_trainer.session.records import Event


def test_points_after_the_start_of_a_later_attempt_are_replaced(home: Path) -> None:
    session, (spec, *_) = new_session(home)
    run = session.run(spec.id)
    first = begin_attempt(run, spec)
    for step in range(1, 213):
        first.train.append(train_record(step))
    second = begin_attempt(run, spec, from_step=200)
    for step in range(201, 251):
        second.train.append(train_record(step, train_loss=9.0))

    history = read_history(run)

    assert [record.step for record in history.train] == list(range(1, 251))
    assert {record.train_loss for record in history.train if record.step > 200} == {9.0}
    assert {record.train_loss for record in history.train if record.step <= 200} == {1.0}


def test_each_of_three_attempts_keeps_what_no_later_one_replaced(home: Path) -> None:
    session, (spec, *_) = new_session(home)
    run = session.run(spec.id)
    for from_step, until in ((0, 50), (30, 60), (20, 40)):
        writer = begin_attempt(run, spec, from_step)
        for step in range(from_step + 10, until + 1, 10):
            writer.evaluate(step, 0, float(writer.attempt.number))

    history = read_history(run)

    assert [(number, record.step) for number, record in history.val] == [
        (0, 10), (0, 20), (2, 30), (2, 40),
    ]  # fmt: skip


def test_an_attempt_that_died_before_its_start_replaces_nothing(home: Path) -> None:
    session, (writer, *_) = make_session(home, steps=100, status=None)
    del session
    add_attempt(writer.run)

    assert len(read_history(writer.run).val) == 10


def test_an_attempt_from_scratch_replaces_everything(home: Path) -> None:
    session, (writer, *_) = make_session(home, steps=100, status=None)
    del session
    begin_attempt(writer.run, writer.spec, from_step=0)

    assert read_history(writer.run).val == []


def test_points_are_read_once_as_they_come(home: Path) -> None:
    session, (spec, *_) = new_session(home)
    run = session.run(spec.id)
    reader = RunReader(run)
    assert list(reader.read()) == []

    writer = begin_attempt(run, spec)
    writer.curves(range(1, 11))
    first = list(reader.read())
    writer.curves(range(11, 21))
    second = list(reader.read())

    assert [record.step for news in first for record in news.val] == [10]
    assert [record.step for news in second for record in news.val] == [20]
    assert first[0].start is not None
    assert list(reader.read()) == []


def test_what_an_attempt_wrote_last_is_read_before_the_next_one(home: Path) -> None:
    session, (spec, *_) = new_session(home)
    run = session.run(spec.id)
    reader = RunReader(run)
    first = begin_attempt(run, spec)
    first.curves(range(1, 11))
    list(reader.read())
    first.curves(range(11, 21))
    begin_attempt(run, spec, from_step=20).curves(range(21, 31))

    news = list(reader.read())

    assert [(one.attempt, one.val[0].step) for one in news if one.val] == [(0, 20), (1, 30)]
    assert [one.attempt for one in news if one.train] == [0, 1]


def test_reading_in_small_bites_gives_the_same_points(home: Path) -> None:
    _, (writer, *_) = make_session(home, seeds=(0, 1), steps=60, status=None)
    begin_attempt(writer.run, writer.spec, from_step=40).curves(range(41, 81))
    whole = read_history(writer.run)
    reader = RunReader(writer.run)
    history = History()

    while True:
        for news in reader.read(most_bytes=300):
            history.take(news)
        if not reader.behind:
            break

    assert history.val == whole.val
    assert history.train == whole.train


def test_evaluations_of_all_attempts_are_read_before_the_first_training_record(home: Path) -> None:
    _, (writer, *_) = make_session(home, steps=60, status=None)
    begin_attempt(writer.run, writer.spec, from_step=40).curves(range(41, 81))

    news = list(RunReader(writer.run).read())

    last_val = max(place for place, one in enumerate(news) if one.val)
    assert last_val < min(place for place, one in enumerate(news) if one.train)


def test_damaged_lines_are_counted_over_all_files(home: Path) -> None:
    _, (writer, *_) = make_session(home, steps=40, status=None)
    for path in (writer.attempt.train, writer.attempt.val, writer.attempt.events):
        with path.open("ab") as file:
            file.write(b"garbage\n")

    history = read_history(writer.run)

    assert history.skipped == 3
    assert len(history.val) == 4


def test_messages_from_the_log_are_harmless_for_a_terminal(home: Path) -> None:
    _, (writer, *_) = make_session(home, steps=10)
    writer.events.append(Event(n=0, time=0, kind="warning", message="\x1b]52;c;!\x07\u202eend\r\n"))

    ((_, event),) = read_history(writer.run).events

    assert not set(event.message) & set("\x1b\x07\u202e\r\n")


def test_rows_of_losses_come_back_and_damaged_ones_are_nan(home: Path) -> None:
    _, (writer, *_) = make_session(home, steps=30)
    records = [record for _, record in read_history(writer.run).val]
    content = bytearray(writer.attempt.losses.read_bytes())
    content[80 + 3] ^= 0xFF
    writer.attempt.losses.write_bytes(content)

    rows = read_losses(writer.attempt, records)

    assert rows.shape == (3, 20)
    assert np.isnan(rows[1]).all()
    assert rows[0].mean() == pytest.approx(records[0].val_loss, rel=1e-5)
    assert rows[2].mean() == pytest.approx(records[2].val_loss, rel=1e-5)


def test_steps_that_do_not_rise_are_left_out_and_counted(home: Path) -> None:
    session, (spec, *_) = new_session(home)
    run = session.run(spec.id)
    writer = begin_attempt(run, spec)
    for step in (10, 20, 20, 15, 30):
        writer.train.append(train_record(step))

    history = read_history(run)

    assert [record.step for record in history.train] == [10, 20, 30]
    assert history.skipped == 2


points = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40)), max_size=60)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(points, points, st.integers(0, 40), st.integers(100, 5000))
def test_steps_of_each_seed_rise_whatever_was_written_and_whatever_is_read_at_once(
    home: Path,
    before: list[tuple[int, int]],
    after: list[tuple[int, int]],
    from_step: int,
    most_bytes: int,
) -> None:
    shutil.rmtree(home, ignore_errors=True)
    session, (spec, *_) = new_session(home)
    run = session.run(spec.id)
    wanted: list[tuple[int, int]] = []
    last: dict[int, int] = {}
    dropped = 0
    for content, begin in ((before, 0), (after, from_step)):
        writer = begin_attempt(run, spec, begin)
        wanted = [(seed, step) for seed, step in wanted if step <= begin]
        last = {seed: min(step, begin) for seed, step in last.items()}
        for seed, step in content:
            writer.train.append(train_record(step, seed))
            if step > last.get(seed, -1):
                wanted.append((seed, step))
                last[seed] = step
            else:
                dropped += 1
    reader, history = RunReader(run), History()

    while True:
        for news in reader.read(most_bytes):
            history.take(news)
        if not reader.behind:
            break

    assert [(record.seed, record.step) for record in history.train] == wanted
    assert reader.skipped == dropped
    close_all()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 12_000)), max_size=6))
def test_a_log_that_is_cut_or_replaced_by_a_shorter_one_is_read_as_if_it_always_had_been_so(
    home: Path, turns: list[tuple[int, int]]
) -> None:
    shutil.rmtree(home, ignore_errors=True)
    _, (writer, *_) = make_session(home, steps=60, status=None)
    writer = begin_attempt(writer.run, writer.spec, from_step=40)
    writer.curves(range(41, 101))
    train, val = writer.attempt.train.read_bytes(), writer.attempt.val.read_bytes()
    reader, history = RunReader(writer.run), History()

    for train_end, val_end in [*turns, (len(train), len(val))]:
        writer.attempt.train.write_bytes(train[:train_end])
        writer.attempt.val.write_bytes(val[:val_end])
        while True:
            for news in reader.read(most_bytes=1000):
                history.take(news)
            if not reader.behind:
                break

        whole = read_history(writer.run)
        assert (history.train, history.val) == (whole.train, whole.val)
    close_all()


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_a_log_that_cannot_be_read_for_a_while_loses_and_doubles_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    _, (writer, *_) = make_session(home, steps=60, status=None)
    begin_attempt(writer.run, writer.spec, from_step=40).curves(range(41, 81))
    whole = read_history(writer.run)
    attempt = writer.run.attempt(1)
    broken = BrokenReads(monkeypatch)
    reader, history = RunReader(writer.run), History()

    def read() -> None:
        for news in reader.read():
            history.take(news)

    for path in (writer.attempt.events, attempt.start, writer.attempt.val, attempt.train):
        broken.at_open(path, number)
        with pytest.raises(SessionError, match="cannot be read"):
            read()
        broken.mend()
    read()

    assert (history.train, history.val) == (whole.train, whole.val)
    assert history.starts == whole.starts


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b'{"columns": -3, "validation_digest": ""}',
        b'{"columns": 1%s, "validation_digest": ""}',
    ],
    ids=["damaged", "negative", "absurd"],
)
def test_rows_of_losses_with_a_header_that_cannot_be_true_are_none(
    home: Path, header: bytes
) -> None:
    _, (writer, *_) = make_session(home, steps=30)
    records = [record for _, record in read_history(writer.run).val]
    writer.attempt.losses_header.write_bytes(header.replace(b"%s", b"0" * 20))

    assert read_losses(writer.attempt, records).shape == (0, 0)
