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
from valtui_trainer.foreign.grouping import grouped
from valtui_trainer.foreign.json_lines import JsonLines
from valtui_trainer.foreign.lines import LONGEST_LINE
from valtui_trainer.foreign.points import Options, Point, Source
from valtui_trainer.foreign.recognise import kind_of, open_reader, sources
from valtui_trainer.foreign.trainer_state import TrainerState
from valtui_trainer.foreign.translate import Restart, Translator
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.records import Train, Val

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


def test_a_log_of_validation_alone_tells_the_validation_loss() -> None:
    names = ["epoch_loss", "epoch_accuracy"]

    assert meaning(names, Options(), validates=True).columns == {
        "val_loss": "epoch_loss", "val_accuracy": "epoch_accuracy",
    }  # fmt: skip
    assert meaning(names, Options())["train_loss"] == "epoch_loss"


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


# --- what columns mean --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["epoch", "loss", "val_loss", "accuracy", "val_accuracy"],
         {"train_loss": "loss", "val_loss": "val_loss", "val_accuracy": "val_accuracy", "epoch": "epoch"}),
        (["Loss/train", "Loss/val", "step"], {"train_loss": "Loss/train", "val_loss": "Loss/val"}),
        (["epoch", "train/loss", "metrics/accuracy_top1", "val/loss", "lr/pg0"],
         {"train_loss": "train/loss", "val_loss": "val/loss", "learning_rate": "lr/pg0",
          "val_accuracy": "metrics/accuracy_top1"}),
        (["loss", "eval_loss", "eval_accuracy", "grad_norm", "learning_rate", "epoch", "step"],
         {"train_loss": "loss", "val_loss": "eval_loss", "val_accuracy": "eval_accuracy",
          "grad_norm": "grad_norm", "learning_rate": "learning_rate"}),
        (["train_loss_step", "train_loss_epoch", "valid_loss", "lr-Adam", "step"],
         {"train_loss": "train_loss_epoch", "val_loss": "valid_loss", "learning_rate": "lr-Adam"}),
        (["loss", "eval_loss", "step", "epoch", "train_loss", "train_runtime"],
         {"train_loss": "loss", "val_loss": "eval_loss"}),
        (["_step", "trainer/global_step", "val_loss"], {"step": "trainer/global_step"}),
        (["_step", "step", "val_loss"], {"step": "step"}),
        (["_step", "_timestamp", "test_loss"], {"step": "_step", "time": "_timestamp", "val_loss": "test_loss"}),
    ],
)  # fmt: skip
def test_the_names_that_tools_use_are_understood(
    names: list[str], expected: dict[str, str]
) -> None:
    found = meaning(names, Options())

    assert {key: found[key] for key in expected} == expected
    assert not found.doubts


def test_what_could_be_several_columns_is_said_and_a_choice_settles_it() -> None:
    names = ["epoch", "val/box_loss", "val/cls_loss"]

    doubtful = meaning(names, Options())
    chosen = meaning(names, Options(columns={"val_loss": "val/cls_loss"}))

    assert doubtful["val_loss"] == ""
    assert "--map val_loss=COLUMN" in doubtful.doubts[0]
    assert (chosen["val_loss"], chosen.doubts) == ("val/cls_loss", ())


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SessionError, match="no field of that name"):
        meaning(["a"], Options(columns={"validation": "a"}))


# --- rows as records ----------------------------------------------------------------------------


def translated(*tables: dict[str, float]) -> list[object]:
    """Return what rows of a log with the usual columns become."""
    names = dict.fromkeys(name for table in tables for name in table)
    translator = Translator(meaning(names, Options()), seed=0)
    found: list[object] = list(translator.translate(Point(dict(table)) for table in tables))
    return found + list(translator.flush())


def test_rows_of_one_step_are_one_evaluation() -> None:
    (record,) = translated({"step": 5, "val_loss": 0.5}, {"step": 5, "val_accuracy": 0.9})

    assert isinstance(record, Val)
    assert (record.step, record.val_loss, record.val_accuracy) == (5, 0.5, 0.9)


def test_a_step_that_goes_back_is_a_restart() -> None:
    found = translated(
        *({"step": step, "train_loss": 1.0, "val_loss": 1.0} for step in (1, 2, 3, 2, 3))
    )

    kinds = [type(one) for one in found]
    assert kinds.count(Restart) == 1
    assert [one for one in found if isinstance(one, Restart)] == [Restart(1)]
    assert [one.step for one in found if isinstance(one, Val)] == [1, 2, 3, 2, 3]


def test_a_restart_at_step_zero_replaces_what_was_logged_there() -> None:
    found = translated(*({"step": step, "val_loss": 1.0} for step in (0, 1, 0, 1)))

    assert [one for one in found if isinstance(one, Restart)] == [Restart(-1)]


def places(*tables: dict[str, float]) -> list[tuple[str, int]]:
    """Return where rows stand: R for what a restart leaves, T for training, V for validation."""
    letters = {Restart: "R", Train: "T", Val: "V"}
    found = [one for one in translated(*tables) if isinstance(one, Restart | Train | Val)]
    return [(letters[type(one)], one.step) for one in found]


def test_a_step_that_begins_anew_each_epoch_goes_on_where_the_epoch_before_ended() -> None:
    found = places(
        *(
            {
                "epoch": epoch,
                "batch": batch,
                **({"val_loss": 1.0} if batch == 2 else {}),
                "loss": 1.0,
            }
            for epoch in range(3)
            for batch in range(3)
        )
    )

    assert [step for kind, step in found if kind == "T"] == list(range(9))
    assert [step for kind, step in found if kind == "V"] == [2, 5, 8]
    assert not [step for kind, step in found if kind == "R"]


def test_validation_that_names_the_last_batch_of_its_epoch_stands_there() -> None:
    rows_of = [
        [{"epoch": epoch, "iter": at, "loss": 1.0} for at in (0, 5, 9)]
        + [{"epoch": epoch, "iter": 9, "val_loss": 1.0}]
        for epoch in range(3)
    ]
    found = places(*(row for rows in rows_of for row in rows))

    assert [step for kind, step in found if kind == "V"] == [9, 19, 29]
    assert [step for kind, step in found if kind == "T"] == [0, 5, 9, 10, 15, 19, 20, 25, 29]


def test_a_training_that_goes_back_to_an_earlier_epoch_began_again_there() -> None:
    course = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (1, 0), (1, 1), (2, 0)]
    found = places(*({"epoch": e, "batch": b, "loss": 1.0} for e, b in course))

    assert found == [
        *(("T", step) for step in range(6)), ("R", 1), ("T", 2), ("T", 3), ("T", 4),
    ]  # fmt: skip


def test_a_count_of_all_steps_beside_epochs_stays_as_it_is() -> None:
    found = places(
        {"epoch": 0, "step": 10, "loss": 1.0}, {"epoch": 1, "step": 10, "val_loss": 1.0},
        {"epoch": 1, "step": 20, "loss": 1.0}, {"epoch": 2, "step": 20, "val_loss": 1.0},
    )  # fmt: skip

    assert [place for kind, place in found if kind == "T"] == [10, 20]
    assert [place for kind, place in found if kind == "V"] == [10, 20]


def by_epoch(*rows: tuple[float, float, str]) -> list[dict[str, float]]:
    """Return rows of (epoch, step, part), `train`, `val` or `both`."""
    return [
        {"epoch": epoch, "step": step}
        | ({"loss": 1.0} if part != "val" else {})
        | ({"val_loss": 1.0} if part != "train" else {})
        for epoch, step, part in rows
    ]


def test_a_step_that_merely_repeats_in_the_next_epoch_is_no_new_count() -> None:
    summary_then_first_batch = by_epoch(
        *(
            row
            for epoch in range(4)
            for row in (
                *((epoch, 10 * epoch + at, "train") for at in range(10)),
                (epoch, 10 * epoch + 10, "both"),
            )
        )
    )
    twice_evaluated = by_epoch(
        (0, 0, "val"), (0, 9, "train"), (0, 10, "val"), (1, 10, "val"), (1, 19, "train"),
        (1, 20, "val"), (2, 20, "val"), (2, 29, "train"),
    )  # fmt: skip

    assert [at for kind, at in places(*summary_then_first_batch) if kind == "V"] == [10, 20, 30, 40]
    assert [at for kind, at in places(*twice_evaluated) if kind == "V"] == [0, 10, 20]
    assert [at for kind, at in places(*twice_evaluated) if kind == "T"] == [9, 19, 29]


def test_a_training_that_is_resumed_under_the_next_epoch_began_again_at_its_step() -> None:
    found = places(
        *by_epoch(*((at // 1000, at, "train") for at in range(100, 2801, 100))),
        *by_epoch(*((3, at, "train") for at in range(2600, 3501, 100))),
    )

    assert [at for kind, at in found if kind == "R"] == [2599]
    assert found[-1] == ("T", 3500)


def test_a_row_of_settings_moves_nothing() -> None:
    found = places(
        {"epochs": 10, "steps": 1000, "lr": 0.1}, *({"epoch": e, "val_loss": 1.0} for e in range(4))
    )

    assert found == [("V", epoch) for epoch in range(4)]


def test_an_accuracy_before_its_loss_joins_it_after_a_restart_too() -> None:
    found = translated(
        *({"step": step, "val_loss": 1.0} for step in (1, 2, 3)),
        {"step": 2, "val_accuracy": 0.5}, {"step": 2, "val_loss": 0.25},
    )  # fmt: skip

    assert isinstance(found[-1], Val)
    assert (found[-1].step, found[-1].val_loss, found[-1].val_accuracy) == (2, 0.25, 0.5)


def test_one_row_an_epoch_that_always_names_the_same_batch_stands_an_epoch_further() -> None:
    found = places(*by_epoch(*((epoch, 9, "both") for epoch in range(4))))

    assert [at for kind, at in found if kind == "V"] == [9, 19, 29, 39]


def test_an_evaluation_before_the_batches_of_its_epoch_stands_before_them() -> None:
    found = places(
        *by_epoch(
            *(
                row
                for epoch in range(5)
                for row in ((epoch, 0, "val"), *((epoch, at, "train") for at in range(10)))
            )
        )
    )

    assert [at for kind, at in found if kind == "V"] == [0, 10, 20, 30, 40]
    assert [at for kind, at in found if kind == "T"] == list(range(50))


def test_evaluations_counted_by_epoch_take_no_training_away_when_it_is_resumed() -> None:
    def course(first: int, last: int) -> list[dict[str, float]]:
        rows = []
        for step in range(first, last):
            rows.append({"step": step, "loss": 1.0})
            if step % 10 == 9:
                rows.append({"step": step // 10, "val_loss": 1.0})
        return rows

    found = places(*course(0, 50), *course(30, 80))

    assert [at for kind, at in found if kind == "R"] == [29]
    assert [at for kind, at in found if kind == "V"] == list(range(8))


def test_an_accuracy_that_counts_otherwise_than_the_loss_takes_nothing_away() -> None:
    found = translated(
        *(
            row
            for epoch in range(1, 4)
            for row in (
                {"step": 10 * epoch, "val_loss": 1.0},
                {"step": epoch, "val_accuracy": 0.5},
            )
        )
    )

    assert [one.step for one in found if isinstance(one, Val)] == [10, 20, 30]
    assert not [one for one in found if isinstance(one, Restart)]


def test_epochs_with_a_fraction_beside_whole_ones_take_nothing_away() -> None:
    found = places(
        *(
            row
            for epoch in range(3)
            for row in (
                *({"epoch": epoch + at / 10, "loss": 1.0} for at in range(10)),
                {"epoch": epoch, "val_loss": 1.0},
            )
        )
    )

    assert [at for kind, at in found if kind == "T"] == list(range(30))
    assert [at for kind, at in found if kind == "V"] == [0, 10, 20]


def test_a_row_without_a_step_stands_where_the_one_before_did() -> None:
    found = places(
        {"step": 10, "loss": 1.0}, {"val_loss": 1.0}, {"step": 20, "loss": 1.0}, {"val_loss": 0.5}
    )

    assert [place for kind, place in found if kind == "V"] == [10, 20]


def test_epochs_with_a_fraction_keep_their_rows_apart() -> None:
    found = translated(*({"epoch": at / 4, "val_loss": 1.0} for at in range(9)))

    assert [one.step for one in found if isinstance(one, Val)] == list(range(9))
    assert [one.epoch for one in found if isinstance(one, Val)] == [at / 4 for at in range(9)]


def test_figures_in_rows_of_their_own_join_the_training_record_of_their_step() -> None:
    found = translated(
        {"step": 1, "loss": 1.0}, {"step": 1, "learning_rate": 0.1}, {"step": 1, "grad_norm": 3.0},
        {"step": 2, "learning_rate": 0.05}, {"step": 2, "grad_norm": 2.0}, {"step": 2, "loss": 0.9},
        {"step": 3, "loss": 0.8},
    )  # fmt: skip

    assert [
        (one.step, one.train_loss, one.learning_rate, one.grad_norm)
        for one in found
        if isinstance(one, Train)
    ] == [(1, 1.0, 0.1, 3.0), (2, 0.9, 0.05, 2.0), (3, 0.8, 0.05, None)]


def test_training_and_validation_may_count_their_steps_apart() -> None:
    found = translated(
        {"step": 100, "train_loss": 1.0}, {"step": 1, "val_loss": 1.0},
        {"step": 200, "train_loss": 1.0}, {"step": 2, "val_loss": 1.0},
    )  # fmt: skip

    assert not any(isinstance(one, Restart) for one in found)


def test_without_steps_epochs_count_and_without_either_the_rows() -> None:
    epochs = translated({"epoch": 0, "val_loss": 1.0}, {"epoch": 1, "val_loss": 0.5})
    bare = translated({"val_loss": 1.0}, {"val_loss": 0.5})

    assert [(one.step, one.epoch) for one in epochs if isinstance(one, Val)] == [(0, 0.0), (1, 1.0)]
    assert [one.step for one in bare if isinstance(one, Val)] == [1, 2]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(-3, 30), st.floats(allow_nan=True)), st.floats(allow_nan=True),
            st.booleans(),
        ),
        max_size=40,
    )
)  # fmt: skip
def test_steps_rise_between_restarts_and_none_is_invented(
    given_rows: list[tuple[float, float, bool]],
) -> None:
    tables = [
        {"step": float(step), ("val_loss" if val else "train_loss"): loss}
        for step, loss, val in given_rows
    ]

    last = {Val: -1, Train: -1}
    for one in translated(*tables) if tables else []:
        if isinstance(one, Restart):
            last = {kind: min(step, one.step) for kind, step in last.items()}
            continue
        assert isinstance(one, Val | Train)
        assert one.step > last[type(one)]
        assert any(
            row[0] == one.step or round(row[0]) == one.step
            for row in given_rows
            if math.isfinite(row[0])
        )
        last[type(one)] = one.step


# --- what lies in a folder ----------------------------------------------------------------------


def test_a_thousand_runs_are_listed_by_name_alone(tmp_path: Path) -> None:
    for number in range(1000):
        folder = tmp_path / f"run-{number:04}"
        folder.mkdir()
        (folder / "metrics.csv").write_text("")
        os.utime(folder / "metrics.csv", (number, number))

    found = sources(tmp_path)

    assert len(found) == 1000
    assert found[0].name == "run-0999"


def test_logs_of_one_folder_are_told_apart_by_their_names(tmp_path: Path) -> None:
    for name in ("a.csv", "b.tsv", "c.ndjson", "events.out.tfevents.1"):
        (tmp_path / name).write_text(HEADER)

    names = {source.name for source in sources(tmp_path)}

    assert names == {f"{tmp_path.name}/{name}" for name in ("a.csv", "b.tsv", "c.ndjson", "events")}


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("train.log", "starting up\n" + HEADER + "1,0.5,0.6\n", "csv"),
        ("table", "step val\n".replace(" ", "\t") + "1\t0.5\n", "csv"),
        ("history.json", '{"step": 1, "val_loss": 0.5}\n', "jsonl"),
        ("x.log.json", '{"config": "…", "seed": null}\n{"epoch": 1, "loss": 0.5}\n', "jsonl"),
        ("state.json", '{\n  "log_history": [\n    {"step": 1, "loss": 2}]}', "trainer-state"),
    ],
)
def test_a_file_that_is_named_is_recognised_by_its_content(
    name: str, text: str, kind: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)

    (source,) = sources(tmp_path / name)

    assert source.kind == kind
    assert len(open_reader(source).read(100)) == 1


def test_a_loop_of_links_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(HEADER)
    (tmp_path / "loop").symlink_to(tmp_path)

    assert len(sources(tmp_path)) == 1


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["exp_seed0", "exp_seed1", "exp_seed2"], {"exp": [0, 1, 2]}),
        (["lr0.1/seed-3", "lr0.1/seed-4", "lr0.3/seed-3"], {"lr0.1": [3, 4], "lr0.3/seed-3": [0]}),
        (["a-s1", "a-s2"], {"a": [1, 2]}),
        (["version_0", "version_1"], {"version_0": [0], "version_1": [0]}),
        (["exp_seed1", "other_seed1"], {"exp_seed1": [0], "other_seed1": [0]}),
    ],
)
def test_seeds_are_told_by_the_word_seed_and_by_nothing_else(
    names: list[str], groups: dict[str, list[int]]
) -> None:
    found = grouped([Source(name, "csv", Path(name), 0.0) for name in names])

    told = {
        group.name: [0] if len(group.seeds) == 1 else [seed for seed, _ in group.seeds]
        for group in found
    }
    assert told == groups


def test_what_ultralytics_wrote_is_read(tmp_path: Path) -> None:
    path = Path(__file__).with_name("ultralytics-8.4-results.csv")

    points = CsvLog(path).read(100)

    found = meaning(points[0].values, Options())
    assert found["val_loss"] == "val/loss"
    assert found["val_accuracy"] == "metrics/accuracy_top1"
    assert len(points) == 12
