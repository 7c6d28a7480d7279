"""Readers of other tools' logs: whole rows alone, in bounded memory, and one sentence for whatever is wrong."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valtui_trainer.foreign.columns import meaning
from valtui_trainer.foreign.csv_log import CsvLog
from valtui_trainer.foreign.json_lines import JsonLines
from valtui_trainer.foreign.lines import LONGEST_LINE
from valtui_trainer.foreign.points import Options, Point, Source
from valtui_trainer.foreign.recognise import kind_of, open_reader, sources
from valtui_trainer.foreign.trainer_state import TrainerState
from valtui_trainer.session.errors import SessionError

HEADER = "step,train_loss,val_loss\n"


def rows(text: str, tmp_path: Path, encoding: str = "utf-8") -> list[dict[str, float]]:
    """Return what a CSV of that text reads as."""
    path = tmp_path / "log.csv"
    path.write_text(text, encoding=encoding)
    return [point.values for point in CsvLog(path).read(10_000)]


def read_or_refused(source: Source) -> tuple[list[Point], str]:
    """Return what a log gives, or the sentence that it is refused with."""
    try:
        return open_reader(source).read(1000), ""
    except SessionError as error:
        return [], str(error)


def test_a_growing_csv_gives_each_row_once_and_a_torn_one_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "1,0.5,0.6\n2,0.4,")
    reader = CsvLog(path)

    first = reader.read(100)
    with path.open("a") as file:
        file.write("0.55\n3,0.3,0.5\n")
    then = reader.read(100)

    assert [point.values["step"] for point in first] == [1]
    assert [point.values for point in then] == [
        {"step": 2, "train_loss": 0.4, "val_loss": 0.55}, {"step": 3, "train_loss": 0.3, "val_loss": 0.5},
    ]  # fmt: skip


def test_a_csv_that_is_written_anew_with_a_further_column_gives_no_row_twice(
    tmp_path: Path,
) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,train_loss\n1,0.5\n2,0.4\n")
    reader = CsvLog(path)
    assert len(reader.read(100)) == 2

    path.write_text("step,train_loss,val_loss\n1,0.5,\n2,0.4,\n2,,0.6\n")

    assert [point.values for point in reader.read(100)] == [{"step": 2.0, "val_loss": 0.6}]


def test_another_log_in_its_place_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "1,0.5,0.6\n2,0.4,0.5\n")
    reader = CsvLog(path)
    assert len(reader.read(100)) == 2

    path.write_text(HEADER + "1,0.9,0.8\n")

    assert [point.values["train_loss"] for point in reader.read(100)] == [0.9]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters_are_recognised(
    encoding: str, delimiter: str, tmp_path: Path
) -> None:
    text = "step,val_loss,größe\n1,0.5,2\n2,0.25,3\n".replace(",", delimiter)

    found = rows(text, tmp_path, encoding)

    assert [(row["step"], row["val_loss"]) for row in found] == [(1, 0.5), (2, 0.25)]


def test_what_is_no_number_is_left_out_and_what_is_not_finite_kept(tmp_path: Path) -> None:
    found = rows("step,a,b,c,d,e\n1,nan,-Infinity,1e400,None,0.5\n", tmp_path)

    (row,) = found
    assert math.isnan(row["a"])
    assert row["b"] == -math.inf
    assert set(row) == {"step", "a", "b", "e"}


def test_rows_of_another_length_are_counted_and_columns_of_one_name_told_apart(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,loss,loss\n1,2,3\n1,2\n2,3,4\n")
    reader = CsvLog(path)

    found = reader.read(100)

    assert found[0].values == {"step": 1, "loss": 2, "loss.2": 3}
    assert (len(found), reader.skipped) == (2, 1)


def test_a_remark_above_the_header_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "# made by a tool\n\n" + HEADER + "".join(f"{n},0.5,0.6\n" for n in range(5000))
    )
    reader = CsvLog(path)

    found = [point.values["step"] for _ in range(80) for point in reader.read(100)]

    assert found == list(range(5000))
    assert not reader.behind


def test_words_between_the_rows_are_no_header(tmp_path: Path) -> None:
    text = (
        "starting up\n"
        + HEADER
        + "1,0.5,0.6\nresuming from checkpoint\nloaded, at epoch 3\n2,0.4,0.5\n"
    )

    assert [row["step"] for row in rows(text, tmp_path)] == [1, 2]
    assert [row["step"] for row in rows(text.replace(",", ";"), tmp_path)] == [1, 2]


def test_a_header_with_further_columns_in_the_middle_holds_from_there(tmp_path: Path) -> None:
    text = HEADER + "1,0.5,0.6\nstep,train_loss,val_loss,lr\n2,0.4,0.5,0.1\n"

    assert rows(text, tmp_path)[-1] == {"step": 2, "train_loss": 0.4, "val_loss": 0.5, "lr": 0.1}


@pytest.mark.parametrize(
    "line", ["50%|###  |\r100%|#####|", '"' + "x" * 200_000 + '",1,2', 'a"\rb']
)
def test_lines_that_no_table_has_are_counted_and_the_rest_is_read(
    line: str, tmp_path: Path
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes((HEADER + "1,0.5,0.6\n" + line + "\n2,0.4,0.5\n").encode())
    reader = CsvLog(path)

    assert [point.values["step"] for point in reader.read(10_000)] == [1, 2]
    assert reader.skipped == 1


def test_a_file_that_is_replaced_by_one_with_a_further_column_gives_no_row_twice(
    tmp_path: Path,
) -> None:
    path, other = tmp_path / "log.csv", tmp_path / "new"
    path.write_text(HEADER + "1,0.5,0.6\n2,0.4,0.5\n")
    reader = CsvLog(path)
    reader.read(100)
    other.write_text("step,train_loss,val_loss,lr\n1,0.5,0.6,1\n2,0.4,0.5,1\n3,0.3,0.4,1\n")
    os.replace(other, path)

    assert [point.values["step"] for point in reader.read(100)] == [3]


def test_words_with_commas_above_the_header_hide_nothing(tmp_path: Path) -> None:
    text = "run begun, seed 1\nby, hand, for, trial\n" + HEADER + "1,0.5,0.6\n"

    assert rows(text, tmp_path) == [{"step": 1, "train_loss": 0.5, "val_loss": 0.6}]


def test_a_last_row_without_an_end_counts_once_nothing_was_written_for_long(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "1,0.5,0.6\n2,0.4,0.5")
    reader = CsvLog(path)

    at_once, unfinished = reader.read(100), reader.unfinished
    os.utime(path, (1, 1))
    later = reader.read(100) + reader.read(100)
    with path.open("a") as file:
        file.write("\n3,0.3,0.4\n")
    then = reader.read(100)

    assert ([point.values["step"] for point in at_once], unfinished) == ([1], True)
    assert ([point.values["step"] for point in later], reader.unfinished) == ([2], False)
    assert [point.values["step"] for point in then] == [3]
    assert reader.skipped == 0


def test_a_last_row_whose_step_may_be_cut_short_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("val_loss,step\n0.6,1000\n0.5,12")
    os.utime(path, (1, 1))
    reader = CsvLog(path)

    assert [point.values["step"] for point in reader.read(100)] == [1000]
    assert reader.unfinished


def test_a_csv_that_is_written_anew_in_place_is_not_read_from_its_middle(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,train_loss,val_loss\n1,0.95,\n")
    reader = CsvLog(path)
    reader.read(100)

    path.write_text("step,train_loss,val_loss\n1,0.9,0.61\n2,0.8,\n")

    assert [point.values for point in reader.read(100)] == [
        {"step": 1, "train_loss": 0.9, "val_loss": 0.61}, {"step": 2, "train_loss": 0.8},
    ]  # fmt: skip
    assert reader.skipped == 0


def test_what_a_person_names_is_found_beside_a_word_that_says_the_part(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(
        '{"split": "valid", "stage": "eval", "count": 3, "nll": 0.5, "seed": 1, "lr-Adam": 0.1}\n'
    )

    (point,) = JsonLines(tmp_path / "log.jsonl").read(100)
    found = meaning(point.values, Options("count", {"val_loss": "nll"}))

    assert (found["val_loss"], found["step"]) == ("val/nll", "count")
    assert found["learning_rate"] == "lr-Adam"
    assert "seed" in point.values


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "log.jsonl",
            (
                '{"step": 5, "mode": "train", "loss": 1.0, "lr": 0.1}\n'
                '{"step": 5, "mode": "val", "loss": 2.0, "val_acc": 0.5}\n'
            ),
        ),
        ("log.csv", "step,phase,loss,lr,val_acc\n5,Train,1.0,0.1,\n5,Validation,2.0,,0.5\n"),
    ],
)  # fmt: skip
def test_a_word_beside_the_figures_says_of_which_part_they_are(
    name: str, text: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text)

    found = [point.values for point in open_reader(sources(path)[0]).read(100)]

    assert found == [
        {"step": 5, "train/loss": 1.0, "lr": 0.1}, {"step": 5, "val/loss": 2.0, "val_acc": 0.5},
    ]  # fmt: skip


def test_a_last_line_of_json_counts_once_it_is_a_whole_object(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}')
    reader = JsonLines(path)

    found = reader.read(100) + reader.read(100)
    with path.open("a") as file:
        file.write('\n{"step": 3}\n{"step": 4')
    then = reader.read(100)

    assert [point.values["step"] for point in found] == [1, 2]
    assert [point.values["step"] for point in then] == [3]
    assert reader.skipped == 0


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
def test_a_log_that_is_saved_whole_each_time_gives_no_row_twice(name: str, tmp_path: Path) -> None:
    path, saved = tmp_path / name, tmp_path / "saved"
    kind = kind_of(path)
    assert kind is not None
    reader = open_reader(Source(name, kind, path, 0.0))

    given_steps = []
    for last in (3, 5, 8):
        table = [(step, 1 / step) for step in range(1, last + 1)]
        lines = [
            json.dumps({"step": step, "val_loss": loss}) if kind == "jsonl" else f"{step},{loss}"
            for step, loss in table
        ]
        saved.write_text("\n".join([*(["step,val_loss"] if kind == "csv" else []), *lines, ""]))
        os.replace(saved, path)
        given_steps.append([point.values["step"] for point in reader.read(100)])

    assert given_steps == [[1, 2, 3], [4, 5], [6, 7, 8]]


def test_another_log_with_the_same_first_row_is_read_from_where_it_differs(tmp_path: Path) -> None:
    path, other = tmp_path / "log.csv", tmp_path / "new"
    path.write_text("step,val_loss\n0,2.5\n1,2.0\n2,1.5\n")
    reader = CsvLog(path)
    assert len(reader.read(100)) == 3

    other.write_text("step,val_loss\n0,2.5\n1,2.2\n2,1.9\n")
    os.replace(other, path)

    assert [point.values["val_loss"] for point in reader.read(100)] == [2.2, 1.9]


def test_a_first_line_that_no_table_has_is_looked_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    body = "".join(f"{n},0.5,0.6\n" for n in range(3000))
    path.write_bytes(("50%|##  |\r100%|####|\n" + HEADER + body).encode())
    reader = CsvLog(path)

    found = [point.values["step"] for _ in range(60) for point in reader.read(100)]

    assert found == list(range(3000))
    assert not reader.behind


def test_a_line_without_an_end_takes_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "x" * (3 * LONGEST_LINE) + "\n2,0.4,0.5\n")
    reader = CsvLog(path)

    found = [point for _ in range(60) for point in reader.read(1000)]

    assert [point.values["step"] for point in found] == [2]
    assert reader.skipped >= 1


def test_json_lines_are_flattened_and_damaged_ones_counted(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"step": 1, "val": {"loss": 0.5}, "ok": true}\nnonsense\n{"step": 2, "x": NaN}\n'
    )
    reader = JsonLines(path)

    found = reader.read(100)

    assert found[0].values == {"step": 1, "val.loss": 0.5}
    assert math.isnan(found[1].values["x"])
    assert reader.skipped == 1


def test_a_trainer_state_gives_what_is_new_in_the_newest_checkpoint(tmp_path: Path) -> None:
    def write(step: int, resumed_at: int = 100) -> None:
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        history = [
            {"step": at, "loss": 1 / at if at <= resumed_at else 2 / at}
            for at in range(1, step + 1)
        ]
        state = folder / "trainer_state.json"
        state.write_text(json.dumps({"log_history": history}))
        written = step if resumed_at == 100 else 100
        os.utime(state, (written, written))

    write(3)
    reader = TrainerState(tmp_path)
    first = reader.read(100)
    write(5)
    (tmp_path / "checkpoint-5" / "half.json").write_text("{")
    then = reader.read(100)

    write(4, resumed_at=2)
    resumed = reader.read(100)

    assert [point.values["step"] for point in first] == [1, 2, 3]
    assert [point.values["step"] for point in then] == [4, 5]
    assert [point.values["step"] for point in resumed] == [3, 4]


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=400), name=st.sampled_from(["a.csv", "a.jsonl", "a.wandb"]))
def test_whatever_bytes_a_file_holds_are_read_or_refused_in_a_sentence(
    content: bytes, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    kind = kind_of(path)
    assert kind is not None

    found, refusal = read_or_refused(Source(name, kind, path, 0.0))

    assert not refusal or str(path) in refusal
    assert all(isinstance(value, float) for point in found for value in point.values.values())


def test_tensorboards_files_may_hold_anything(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(b"\x18\0\0\0\0\0\0\0nonsense" * 9)
    (source,) = sources(tmp_path)

    found, refusal = read_or_refused(source)

    assert found == []
    assert not refusal or "cannot be read" in refusal


def test_two_programs_may_write_event_files_into_one_folder(tmp_path: Path) -> None:
    writer = pytest.importorskip("tensorboard.summary.writer.event_file_writer")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    def log(to: Any, step: int) -> None:
        values = [Summary.Value(tag="val_loss", simple_value=step)]
        to.add_event(Event(wall_time=1.0, step=step, summary=Summary(value=values)))
        to.flush()

    first = writer.EventFileWriter(str(tmp_path), filename_suffix=".a")
    second = writer.EventFileWriter(str(tmp_path), filename_suffix=".b")
    (source,) = sources(tmp_path)
    reader = open_reader(source)
    log(first, 1)
    log(second, 2)
    found = [reader.read(100), reader.read(100)]
    log(first, 3)
    log(second, 4)
    found.append(reader.read(100))
    first.close()
    second.close()

    assert [[point.values["step"] for point in one] for one in found] == [[1, 2], [], [3, 4]]


def test_what_ultralytics_wrote_is_read(tmp_path: Path) -> None:
    path = Path(__file__).with_name("ultralytics-8.4-results.csv")

    points = CsvLog(path).read(100)

    found = meaning(points[0].values, Options())
    assert found["val_loss"] == "val/loss"
    assert found["val_accuracy"] == "metrics/accuracy_top1"
    assert len(points) == 12
