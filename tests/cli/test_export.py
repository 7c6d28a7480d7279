"""`export`: CSV that pandas reads back to the last bit, weights of the best checkpoint."""

from __future__ import annotations

import importlib.util
import math
import stat
from pathlib import Path

import pandas as pd
import pytest

from support.sessions import begin_attempt, make_session
from valtui.cli.main import main
from valtui.export.weights import best_checkpoint
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.history import read_history
from valtui_trainer.supervise import weights
from valtui_trainer.supervise.weights import Answer

ONE = {"batch-32": Preset()}


def export(home: Path, *arguments: str) -> int:
    del home
    return main(["export", *arguments])


def test_pandas_reads_back_what_was_logged(home: Path, tmp_path: Path) -> None:
    session, writers = make_session(home, seeds=(0, 1), steps=100)

    assert export(home, session.id, "--to", "csv", str(tmp_path / "out")) == 0

    val = pd.read_csv(tmp_path / "out" / "val.csv")
    train = pd.read_csv(tmp_path / "out" / "train.csv")
    assert list(val.columns[:4]) == ["run", "preset", "seed", "attempt"]
    assert {"step", "epoch", "val_loss", "val_accuracy", "train_eval_loss", "seconds"} < set(val)
    assert {"step", "train_loss", "learning_rate", "grad_norm"} < set(train)
    for writer in writers:
        logged = [record.val_loss for _, record in read_history(writer.run).val]
        assert val[val.run == writer.run.id].val_loss.tolist() == logged
    assert len(train) == 2 * 2 * 20
    assert sorted(train.run.unique()) == ["batch-128", "batch-32"]


def test_replaced_points_are_left_out_and_attempts_named(home: Path, tmp_path: Path) -> None:
    session, (writer,) = make_session(home, ONE, steps=60, status="stopped")
    begin_attempt(writer.run, writer.spec, from_step=40).curves(range(41, 81))

    export(home, session.id, "--to", "csv", str(tmp_path))

    for name in ("val.csv", "train.csv"):
        table = pd.read_csv(tmp_path / name)
        assert table.step.is_unique
        assert table.step.max() == 80
        assert (table.attempt == (table.step > 40)).all()


def test_losses_that_are_not_finite_come_back_as_such(home: Path, tmp_path: Path) -> None:
    session, (writer,) = make_session(home, ONE, steps=0, status=None)
    for step, loss in ((10, math.nan), (20, math.inf), (30, -math.inf)):
        writer.evaluate(step, 0, loss)

    export(home, session.id, "--to", "csv", str(tmp_path))

    assert pd.read_csv(tmp_path / "val.csv").val_loss.tolist()[1:] == [math.inf, -math.inf]
    rows = (tmp_path / "val.csv").read_text().splitlines()
    assert ",nan," in rows[1]
    assert ",," in rows[1]  # train_eval_loss was not measured


def test_events_and_names_are_harmless_and_quoted(home: Path, tmp_path: Path) -> None:
    session, (writer,) = make_session(home, {'a,"b"': Preset()}, steps=10)
    writer.event("warning", 'quoted "words", \x1b[31m and a\nline', images=["a", "b"])

    export(home, session.id, "--to", "csv", str(tmp_path))

    events = pd.read_csv(tmp_path / "events.csv")
    assert events.preset.tolist() == ['a,"b"']
    assert events.message.tolist() == ['quoted "words", ␛[31m and a␊line']
    assert events.data.tolist() == ['{"images":["a","b"]}']


def test_nothing_is_overwritten_without_force(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, steps=10)
    (tmp_path / "val.csv").write_text("mine")

    assert export(home, session.id, "--to", "csv", str(tmp_path)) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "val.csv").read_text() == "mine"
    assert not (tmp_path / "train.csv").exists()

    assert export(home, session.id, "--to", "csv", str(tmp_path), "--force") == 0
    assert (tmp_path / "val.csv").read_text() != "mine"


def test_a_place_that_cannot_hold_a_folder_is_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, steps=10)
    (tmp_path / "file").write_text("")

    assert export(home, session.id, "--to", "csv", str(tmp_path / "file")) == 2
    assert "is a file" in capsys.readouterr().err
    assert export(home, session.id, "--to", "csv", str(tmp_path / "file" / "below")) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_full_disk_leaves_no_half_file(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, steps=10)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)

    assert export(home, session.id, "--to", "csv", str(tmp_path / "out")) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_exported_files_are_for_their_owner_alone(home: Path, tmp_path: Path) -> None:
    session, _ = make_session(home, steps=10)

    export(home, session.id, "--to", "csv", str(tmp_path))

    assert stat.S_IMODE((tmp_path / "val.csv").stat().st_mode) == 0o600


def test_the_best_checkpoint_is_the_lowest_mean_over_seeds_of_those_on_disk(home: Path) -> None:
    _, (writer,) = make_session(home, ONE, seeds=(0, 1), steps=0, status=None)
    for step, losses in ((10, (1.0, 1.0)), (20, (0.1, 3.0)), (30, (0.5, 0.5)), (40, (0.1, 0.1))):
        for seed, loss in enumerate(losses):
            writer.evaluate(step, seed, loss)
    assert best_checkpoint(writer.run) is None

    for step in (10, 20, 30):
        (writer.run.checkpoints / f"step-{step:09d}.pt").touch()

    chosen = best_checkpoint(writer.run)
    assert chosen is not None
    assert (chosen.step, chosen.why) == (30, "best")


def test_a_checkpoint_that_was_not_evaluated_is_taken_as_the_newest(home: Path) -> None:
    _, (writer,) = make_session(home, ONE, steps=0, status=None)
    writer.evaluate(10, 0, math.nan)
    for step in (10, 15):
        (writer.run.checkpoints / f"step-{step:09d}.pt").touch()

    chosen = best_checkpoint(writer.run)

    assert chosen is not None
    assert (chosen.step, chosen.why) == (15, "newest")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Path, int | None]]:
    """What the child with torch is asked, instead of asking it."""
    found: list[tuple[Path, Path, int | None]] = []

    def write(checkpoint: Path, out: Path, seed: int | None) -> Answer:
        found.append((checkpoint, out, seed))
        return Answer(written=[str(out)])

    monkeypatch.setattr(weights, "write_weights", write)
    return found


def test_weights_of_every_run_go_into_a_folder(
    home: Path, tmp_path: Path, asked: list[tuple[Path, Path, int | None]]
) -> None:
    session, writers = make_session(home, seeds=(0, 1), steps=20)
    for writer in writers:
        (writer.run.checkpoints / "step-000000020.pt").touch()

    assert export(home, session.id, "--to", "weights", str(tmp_path / "out")) == 0

    assert [(out.name, seed) for _, out, seed in asked] == [
        ("batch-32.pt", None), ("batch-128.pt", None),
    ]  # fmt: skip


def test_weights_of_one_run_and_seed_go_into_one_file(
    home: Path, tmp_path: Path, asked: list[tuple[Path, Path, int | None]]
) -> None:
    session, writers = make_session(home, seeds=(0, 1), steps=20)
    (writers[1].run.checkpoints / "step-000000020.pt").touch()
    out = tmp_path / "best.pt"

    code = export(
        home, session.id, "--to", "weights", str(out), "--run", "batch-128", "--seed", "1"
    )

    assert code == 0
    assert [(one.name, seed) for _, one, seed in asked] == [("best.pt", 1)]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["out.pt"], 2, "is one file, but the session has 2 runs"),
        (["out", "--seed", "7"], 2, "has no seed 7"),
        (["out", "--run", "nothing"], 2, "has no run 'nothing'"),
        (["out", "--seed", "-1"], 2, "--seed"),
        (["out"], 1, "has no checkpoint yet"),
    ],
)
def test_weights_that_cannot_be_had_are_refused_in_words(
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    session, _ = make_session(home, steps=10)
    path, *options = arguments

    assert export(home, session.id, str(tmp_path / path), "--to", "weights", *options) == code
    assert words in capsys.readouterr().err


def test_run_and_seed_do_not_go_with_csv(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, steps=10)

    assert export(home, session.id, "--to", "csv", str(tmp_path), "--seed", "0") == 2
    assert "--to weights" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_said_by_the_child(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, (writer,) = make_session(home, ONE, steps=20)
    (writer.run.checkpoints / "step-000000020.pt").write_bytes(b"garbage")

    assert export(home, session.id, "--to", "weights", str(tmp_path / "out")) == 1
    assert "no sound checkpoint" in capsys.readouterr().err


def test_parquet_holds_what_the_csv_holds(home: Path, tmp_path: Path) -> None:
    session, (writer, *_) = make_session(home, seeds=(0, 1), steps=60)
    writer.evaluate(70, 0, math.nan)
    export(home, session.id, "--to", "csv", str(tmp_path / "csv"))

    assert export(home, session.id, "--to", "parquet", str(tmp_path / "parquet")) == 0

    for name in ("train", "val", "events"):
        expected = pd.read_csv(tmp_path / "csv" / f"{name}.csv")
        found = pd.read_parquet(tmp_path / "parquet" / f"{name}.parquet")
        assert list(found) == list(expected)
        assert len(found) == len(expected)
        for column in ("step", "val_loss", "train_loss"):
            if column in expected:
                assert found[column].tolist() == pytest.approx(
                    expected[column].tolist(), nan_ok=True, rel=0, abs=0
                )
    assert pd.read_parquet(tmp_path / "parquet" / "val.parquet").step.dtype == "int64"


def test_tensorboard_opens_what_was_written(home: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    session, writers = make_session(home, seeds=(0, 1), steps=60)

    assert export(home, session.id, "--to", "tensorboard", str(tmp_path / "tb")) == 0

    for writer in writers:
        logged = [record for _, record in read_history(writer.run).val if record.seed == 1]
        events = EventAccumulator(str(tmp_path / "tb" / writer.run.id / "seed-1"))
        events.Reload()
        found = events.Scalars("val/loss")
        assert [event.step for event in found] == [record.step for record in logged]
        assert [event.value for event in found] == pytest.approx([r.val_loss for r in logged])
        assert "train/loss" in events.Tags()["scalars"]


def test_tensorboard_sees_no_point_twice_after_a_second_export(home: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    session, (writer, _) = make_session(home, steps=60)
    where = ["--to", "tensorboard", str(tmp_path / "tb")]
    folder = tmp_path / "tb" / writer.run.id
    folder.mkdir(parents=True)
    theirs = folder / "events.out.tfevents.1.box.1.0"
    theirs.touch()

    assert export(home, session.id, *where, "--force") == 0
    assert export(home, session.id, *where, "--force") == 0

    events = EventAccumulator(str(folder))
    events.Reload()
    logged = [record for _, record in read_history(writer.run).val]
    assert [event.step for event in events.Scalars("val/loss")] == [r.step for r in logged]
    assert theirs.exists()


@pytest.mark.parametrize("to", ["parquet", "tensorboard"])
def test_the_other_formats_refuse_to_overwrite_too(
    to: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, ONE, steps=20)
    assert export(home, session.id, "--to", to, str(tmp_path / "out")) == 0
    capsys.readouterr()

    assert export(home, session.id, "--to", to, str(tmp_path / "out")) == 2
    assert "--force" in capsys.readouterr().err
    assert export(home, session.id, "--to", to, str(tmp_path / "out"), "--force") == 0


@pytest.mark.parametrize(
    ("to", "package"), [("parquet", "pyarrow"), ("tensorboard", "tensorboard")]
)
def test_a_missing_package_is_named_with_its_install_line(
    to: str,
    package: str,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, _ = make_session(home, ONE, steps=20)
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == package else real(name, *a)
    )

    assert export(home, session.id, "--to", to, str(tmp_path)) == 2
    assert f'pip install "valtui[{to}]"' in capsys.readouterr().err
