"""Reading a growing log: whole lines only, damaged ones skipped and counted, nothing read twice."""

from __future__ import annotations

import errno
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.broken_reads import BrokenReads
from support.sessions import train_record, val_record
from valtui_trainer.session import tail as tail_module
from valtui_trainer.session.append import Records
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.records import Event, Train, Val, encode, mark_not_finite
from valtui_trainer.session.tail import CHUNK, LONGEST_LINE, Tail

COUNT = 8


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A file of eight training records, steps 1 to 8."""
    path = tmp_path / "train.jsonl"
    records = Records(path)
    for step in range(1, COUNT + 1):
        records.append(train_record(step))
    records.close()
    return path


def steps(records: list[Train]) -> list[int]:
    return [record.step for record in records]


def test_all_records_are_read_once(log: Path) -> None:
    tail = Tail(log, Train)

    assert steps(tail.read()) == list(range(1, COUNT + 1))
    assert tail.read() == []
    assert tail.exhausted()


def test_a_file_that_is_not_there_yet_has_no_records(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "later.jsonl", Train)

    assert tail.read() == []
    Records(tmp_path / "later.jsonl").append(train_record(1))
    assert steps(tail.read()) == [1]


def test_a_torn_tail_at_every_byte_gives_the_exact_prefix_and_then_the_rest(log: Path) -> None:
    content = log.read_bytes()
    ends = [position for position, byte in enumerate(content) if byte == 0x0A]

    for cut in range(len(content) + 1):
        log.write_bytes(content[:cut])
        tail = Tail(log, Train)
        whole = sum(end < cut for end in ends)
        assert steps(tail.read()) == list(range(1, whole + 1)), cut
        log.write_bytes(content)
        assert steps(tail.read()) == list(range(whole + 1, COUNT + 1)), cut
        assert (tail.skipped, tail.missed) == (0, 0), cut


@pytest.mark.parametrize("most_bytes", [1, 7, 100, 1000])
def test_reading_in_pieces_of_any_size_gives_the_same_records(log: Path, most_bytes: int) -> None:
    tail = Tail(log, Train)
    found: list[Train] = []

    while not tail.exhausted():
        found += tail.read(most_bytes)

    assert steps(found) == list(range(1, COUNT + 1))


@pytest.mark.parametrize(
    "garbage",
    [
        b"garbage",
        b"",
        b"{}",
        b"null",
        b"[1, 2]",
        b'{"n": 1, "step": "three"}',
        b"\xff\xfe\x00\xff",
        b'{"train_loss": NaN}',
        b'{"n": 1e400}',
        b'{"n": ' + str(2**70).encode() + b"}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"message": "\\ud800"}',
        b"x" * (LONGEST_LINE + 100),
        encode(train_record(3)) + b" " + encode(train_record(4)),
        encode(train_record(3)) + encode(train_record(4)),
    ],
    ids=lambda value: str(value[:12]),
)
def test_garbage_in_the_middle_costs_that_line_alone(log: Path, garbage: bytes) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:3], garbage + b"\n", *lines[3:]]))
    tail = Tail(log, Train)

    found = tail.read()

    assert steps(found) == list(range(1, COUNT + 1))
    assert tail.skipped == 1


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_a_gap_in_the_numbers_is_what_was_missed(tmp_path: Path, numbers: list[int]) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"".join(encode(train_record(1, n=number)) + b"\n" for number in numbers))
    tail = Tail(path, Train)

    tail.read()

    before = [-1, *numbers]
    gaps = [after - earlier - 1 for earlier, after in zip(before, numbers, strict=False)]
    assert tail.missed == sum(gap for gap in gaps if gap > 0)


def test_a_line_that_was_overwritten_is_skipped_and_missed(log: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    lines[2] = b"\x07" * (len(lines[2]) - 1) + b"\n"
    log.write_bytes(b"".join(lines))
    tail = Tail(log, Train)

    assert steps(tail.read()) == [1, 2, 4, 5, 6, 7, 8]
    assert (tail.skipped, tail.missed) == (1, 1)


def test_nul_bytes_at_the_tail_are_taken_as_not_yet_written(log: Path) -> None:
    content = log.read_bytes()
    cut = len(content) - 30
    log.write_bytes(content[:cut] + b"\0" * 30)
    tail = Tail(log, Train)

    assert steps(tail.read()) == list(range(1, COUNT))
    log.write_bytes(content)
    assert steps(tail.read()) == [COUNT]
    assert tail.skipped == 0


def test_a_nul_run_longer_than_what_is_read_at_once_stops_nothing(log: Path) -> None:
    content = log.read_bytes()
    log.write_bytes(content + b"\0" * 5000)
    tail = Tail(log, Train)

    assert steps(tail.read(64)) == []
    for _ in range(100):
        tail.read(64)
    log.write_bytes(content + content.splitlines(keepends=True)[0])
    assert steps(tail.read()) == [1]


@pytest.mark.parametrize("hole", [10, CHUNK - 100, CHUNK, 3 * CHUNK + 7])
def test_nul_bytes_in_the_middle_cost_their_line_alone(log: Path, hole: int) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + b"\0" * hole + lines[1] + b"".join(lines[2:]))
    tail = Tail(log, Train)

    assert steps(tail.read()) == [1, 3, 4, 5, 6, 7, 8]
    assert tail.exhausted()
    assert tail.skipped == 1


def test_a_line_that_is_too_long_is_counted_once_though_its_end_comes_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"y" * (LONGEST_LINE + 1))
    tail = Tail(path, Train)
    assert tail.read() == []

    with path.open("ab") as file:
        file.write(b"\n")
    assert tail.read() == []

    assert tail.skipped == 1


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        (Train, train_record(1)),
        (Val, val_record(1)),
        (Event, Event(n=0, time=1.0, kind="phase", message="training")),
    ],
    ids=["train", "val", "events"],
)
def test_a_line_of_10_MB_is_skipped_in_bounded_memory(
    tmp_path: Path, kind: type[Train | Val | Event], record: Train | Val | Event
) -> None:
    path = tmp_path / "log.jsonl"
    line = encode(record) + b"\n"
    with path.open("wb") as file:
        file.write(line)
        for _ in range(10):
            file.write(b'{"message": "' + b"y" * (1 << 20))
        file.write(b"\n" + line)
    tail = Tail(path, kind)
    tracemalloc.start()

    found = tail.read()

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 2
    assert tail.skipped == 1
    assert peak < 4 * LONGEST_LINE


def test_ten_thousand_records_are_held_once_beside_a_chunk(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"".join(encode(train_record(step)) + b"\n" for step in range(10_000)))
    tail = Tail(path, Train)
    tracemalloc.start()

    held = sum(len(tail.read(CHUNK)) for _ in range(20))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held == 10_000
    assert peak < 12 * CHUNK


def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"n": 0, "time": 1.0, "kind": "from the future", "colour": "blue"}\n')

    (event,) = Tail(path, Event).read()

    assert event.kind == "from the future"


def test_bytes_that_are_no_text_cost_their_line_also_in_the_name_of_a_field(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    whole = '{"n": 0, "time": 1.0, "kind": "näher", "step": 3}'.encode()
    path.write_bytes(whole + b"\n" + whole.replace(b"step", b"st\x80ep") + b"\n" + whole + b"\n")
    tail = Tail(path, Event)

    assert [event.step for event in tail.read()] == [3, 3]
    assert tail.skipped == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_survives_as_strict_json(tmp_path: Path, value: float) -> None:
    path = tmp_path / "val.jsonl"
    Records(path).append(val_record(3, val_loss=value, val_accuracy=0.25))

    (record,) = Tail(path, Val).read()

    assert b"NaN" not in path.read_bytes()
    assert b"Infinity" not in path.read_bytes()
    assert record.val_loss == value or (math.isnan(value) and math.isnan(record.val_loss or 0))
    assert (record.val_accuracy, record.train_eval_loss) == (0.25, None)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, torch.tensor])
@pytest.mark.parametrize("value", [0.25, math.nan, math.inf, -math.inf])
def test_a_loss_may_be_a_scalar_of_numpy_or_torch(
    tmp_path: Path, kind: Callable[[float], Any], value: float
) -> None:
    path = tmp_path / "val.jsonl"
    Records(path).append(val_record(np.int64(3), val_loss=kind(value), epoch=kind(1.5)))

    (record,) = Tail(path, Val).read()

    assert (record.step, record.epoch) == (3, 1.5)
    assert record.val_loss == value or (math.isnan(value) and math.isnan(record.val_loss or 0))


def test_a_marker_for_a_field_we_do_not_know_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    Records(path).append(train_record(1))
    text = path.read_text().replace('"nf":null', '"nf":{"future_loss":"nan","train_loss":"odd"}')
    path.write_text(text)

    (record,) = Tail(path, Train).read()

    assert record.train_loss == 1.0


def test_records_are_numbered_from_zero(log: Path) -> None:
    assert [record.n for record in Tail(log, Train).read()] == list(range(COUNT))


@pytest.mark.parametrize("field", ["time", "step", "epoch", "seed", "n"])
def test_a_marker_cannot_take_a_record_off_the_axes(tmp_path: Path, field: str) -> None:
    path = tmp_path / "train.jsonl"
    Records(path).append(train_record(1))
    path.write_text(path.read_text().replace('"nf":null', f'"nf":{{"{field}":"nan"}}'))
    tail = Tail(path, Train)

    assert tail.read() == []
    assert tail.skipped == 1


@pytest.mark.parametrize(
    "change", [{"step": 2**70}, {"step": -1}, {"epoch": 1e300}, {"time": -5.0}]
)
def test_a_record_that_has_no_place_on_an_axis_is_skipped(
    tmp_path: Path, change: dict[str, float]
) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(encode(train_record(**{"step": 3, **change})) + b"\n")
    tail = Tail(path, Train)

    assert tail.read() == []
    assert tail.skipped == 1


def test_a_file_that_became_shorter_is_read_anew(log: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    tail = Tail(log, Train)
    tail.read()

    log.write_bytes(b"".join(lines[4:6]))

    assert steps(tail.read()) == [5, 6]
    assert tail.restarts == 1
    assert tail.read() == []


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
def test_a_file_that_cannot_be_opened_is_told_in_a_sentence_and_read_later(
    log: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    broken = BrokenReads(monkeypatch)
    tail = Tail(log, Train)
    broken.at_open(log, number)

    with pytest.raises(SessionError, match="cannot be read"):
        tail.read()
    broken.mend()

    assert steps(tail.read()) == list(range(1, COUNT + 1))


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_an_error_amid_a_file_loses_nothing_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"".join(encode(train_record(step)) + b"\n" for step in range(5_000)))
    broken = BrokenReads(monkeypatch)
    broken.after(path, reads=2, number=number)
    tail = Tail(path, Train)

    found = tail.read()
    assert 0 < len(found) < 5_000
    assert not tail.exhausted()
    broken.after(path, reads=0, number=number)
    with pytest.raises(SessionError, match=r"train\.jsonl: cannot be read"):
        tail.read()
    broken.mend()

    assert steps(found + tail.read()) == list(range(5_000))
    assert tail.exhausted()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 600)), max_size=30))
def test_a_reader_beside_a_writer_that_tears_lines_reads_the_same_as_at_once(
    log: Path, turns: list[tuple[int, int]]
) -> None:
    content = log.read_bytes()
    growing = log.with_name("growing.jsonl")
    growing.write_bytes(b"")
    tail = Tail(growing, Train)
    found: list[Train] = []

    end = 0
    for grows_by, most_bytes in turns:
        end += grows_by
        growing.write_bytes(content[:end])
        found += tail.read(most_bytes)
    found += tail.read()

    assert found == Tail(growing, Train).read()
    assert (tail.skipped, tail.missed) == (0, 0)


def line_of(step: float, loss: float | None, rate: float, marks: Any) -> bytes:
    """A line as the trainer writes it, but that anything may stand in some of its fields."""
    record = train_record(step, train_loss=loss, images_per_second=rate)
    mark_not_finite(record)
    line = encode(record)
    return line if marks is None else line.replace(b'"nf":null', b'"nf":' + marks)


numbers = st.one_of(st.none(), st.floats(), st.integers(-(2**60), 2**60))
lines = st.one_of(
    st.builds(
        line_of,
        step=st.one_of(st.integers(0, 10**6), st.integers(), st.floats(allow_nan=False)),
        loss=numbers,
        rate=st.floats(allow_nan=False, allow_infinity=False),
        marks=st.sampled_from(
            [
                None,
                None,
                None,
                b"7",
                b'{"train_loss":"nan"}',
                b'{"step":"nan"}',
                b'{"other":"+inf"}',
            ]
        ),
    ),
    st.binary(max_size=60).map(lambda noise: noise.replace(b"\n", b"").strip(b"\0")),
    st.sampled_from(
        [
            b"",
            b" ",
            b"\r",
            b"{}",
            b'{"n":1}',
            encode(val_record(1)),
            encode(train_record(1)) + encode(train_record(2)),
            encode(train_record(1)) + b"\r",
            encode(train_record(1))[:-40],
            encode(train_record(1))[40:],
            encode(train_record(1)).replace(b",", b"\0", 3),
            encode(train_record(1)).replace(b"}", b',"also":[{"unknown":1}]}'),
            b'{"also":"' + b"y" * 3000 + b'",' + encode(train_record(1))[1:],
            b"z" * 3000,
        ]
    ),
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(lines, max_size=30), st.sampled_from([64, 700, 1 << 16]), st.integers(50, 5000))
def test_what_a_line_gives_depends_on_no_other_line_and_on_no_size_of_bite(
    tmp_path: Path, content: list[bytes], chunk: int, most_bytes: int
) -> None:
    alone: list[Train] = []
    skipped = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail_module, "CHUNK", chunk)
        patch.setattr(tail_module, "LONGEST_LINE", 2000 if chunk < 1000 else 1 << 20)
        for line in content:
            (tmp_path / "alone.jsonl").write_bytes(line + b"\n")
            tail = Tail(tmp_path / "alone.jsonl", Train)
            alone += tail.read()
            skipped += tail.skipped
        (tmp_path / "together.jsonl").write_bytes(b"".join(line + b"\n" for line in content))
        tail = Tail(tmp_path / "together.jsonl", Train)
        together: list[Train] = []

        while not tail.exhausted():
            together += tail.read(most_bytes)

    assert list(map(repr, together)) == list(map(repr, alone))  # NaN is no other NaN's equal
    assert tail.skipped == skipped


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300), st.integers(0, 2000))
def test_any_bytes_anywhere_never_raise_and_never_invent_steps(
    log: Path, noise: bytes, position: int
) -> None:
    content = log.read_bytes()
    damaged = log.with_name("damaged.jsonl")
    damaged.write_bytes(content[:position] + noise + content[position:])

    found = steps(Tail(damaged, Train).read())

    assert set(found) <= set(range(1, COUNT + 1))
