"""`sessions` and `show`: what was trained, how it stands, how it ended; damaged things do not hide the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.sessions import begin_attempt, make_session, new_session
from valtui.cli.main import main
from valtui_trainer.presets.types import Preset


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Run, expect success and nothing on stderr, and return the one JSON document on stdout."""
    code = main([*arguments, "--json"])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return json.loads(out, parse_constant=pytest.fail)


def test_sessions_of_an_empty_home_say_how_to_begin(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = document(capsys, "sessions")
    assert found.pop("free_bytes") > 0
    assert found == {
        "schema": 1, "home": str(home), "sessions": [], "unreadable": [], "bytes": 0,
    }  # fmt: skip
    assert main(["sessions"]) == 0
    assert "valtui run batch-size" in capsys.readouterr().out


def test_sessions_tell_state_progress_and_size(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, writers = make_session(home, steps=40, status=None)
    writers[0].finish("done", 400)
    writers[1].finish("failed", 40, reason="out of memory")

    (found,) = document(capsys, "sessions")["sessions"]

    assert (found["id"], found["state"], found["live"]) == (session.id, "FAILED", False)
    assert found["bytes"] > 1000
    assert [(run["id"], run["state"], run["progress"]) for run in found["runs"]] == [
        ("batch-32", "DONE", 1.0), ("batch-128", "FAILED", 0.1),
    ]  # fmt: skip
    assert found["runs"][1]["reason"] == "out of memory"
    main(["sessions"])
    assert "batch-128 failed 10 %" in capsys.readouterr().out


def test_unreadable_sessions_are_listed_with_why_beside_the_readable(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, steps=10)
    newer = home / "sessions" / "20990101T000000Z-newer-000000"
    newer.mkdir()
    (newer / "session.json").write_text('{"schema": 99}')
    (home / "sessions" / "20990102T000000Z-empty-000000").mkdir()
    (home / "sessions" / "20990103T000000Z-link-000000").symlink_to(session.folder)

    found = document(capsys, "sessions")

    assert [one["id"] for one in found["sessions"]] == [session.id]
    problems = {one["id"][17:-7]: one["problem"] for one in found["unreadable"]}
    assert "newer valtui" in problems["newer"]
    assert "no session.json" in problems["empty"]
    assert "symbolic link" in problems["link"]


def test_show_tells_everything_about_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session, writers = make_session(home, seeds=(0, 1), steps=40)
    writers[0].event("warning", "two images are alike")
    with writers[0].attempt.train.open("ab") as file:
        file.write(b"garbage\n")

    found = document(capsys, "show")

    assert found["id"] == session.id
    first, second = found["runs"]
    assert (first["state"], first["seeds"], first["val_points"]) == ("DONE", [0, 1], 8)
    assert (first["differs"], second["differs"]) == ({"batch_size": 32}, {"batch_size": 128})
    assert first["start"]["train_size"] == 4000
    assert first["start"]["data_digest"] == "d1"
    assert first["final"]["test_accuracy"] == {"0": 0.9, "1": 0.9}
    assert set(first["last_evaluation"]["val_loss"]) == {"0", "1"}
    assert first["damaged_lines_skipped"] == 1
    assert first["warnings"] == ["two images are alike"]


def test_show_as_text_tells_the_same(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, writers = make_session(home, steps=40, status=None)
    writers[0].finish("failed", 40, reason="the loss is \x1b[31mNaN")
    writers[1].finish("done", 400)
    with writers[0].attempt.val.open("ab") as file:
        file.write(b"garbage\n")

    assert main(["show"]) == 0

    out = capsys.readouterr().out
    assert "batch-32  FAILED  step 40 of 400 (10 %)" in out
    assert "the loss is ␛[31mNaN" in out
    assert "4000 training, 20 validation, 500 test images" in out
    assert "test        loss 0.300, accuracy 0.900" in out
    assert "1 lines were skipped" in out


def test_show_names_the_profile_where_one_was_written(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, (first, _) = make_session(home, steps=40)
    first.event("profile", "recorded", first=21, steps=50, shares={"data": 0.25}, milliseconds={})

    profiled, other = document(capsys, "show")["runs"]

    folder = first.run.attempt(0).folder
    assert profiled["profile"] == {
        "text": str(folder / "profile.txt"), "trace": str(folder / "profile.json.gz"),
        "first": 21, "steps": 50, "shares": {"data": 0.25}, "milliseconds": {},
    }  # fmt: skip
    assert other["profile"] is None
    assert main(["show"]) == 0
    assert f"profile     {folder / 'profile.txt'}" in capsys.readouterr().out


def test_show_of_one_run_shows_that_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session, _ = make_session(home, steps=40)

    found = document(capsys, "show", session.id, "128")

    assert [run["id"] for run in found["runs"]] == ["batch-128"]
    assert found["runs"][0]["differs"] == {"batch_size": 128}


def test_show_of_a_session_that_has_not_begun(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_session(home)

    found = document(capsys, "show")
    assert [run["state"] for run in found["runs"]] == ["QUEUED", "QUEUED"]
    assert found["runs"][0]["start"] is None
    assert main(["show"]) == 0
    assert "QUEUED" in capsys.readouterr().out


def test_a_lone_run_is_held_against_the_base(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home, {"mine": Preset(batch_size=77)}, steps=10)

    (run,) = document(capsys, "show")["runs"]

    assert run["differs"]["batch_size"] == 77


def test_losses_that_are_not_finite_are_null_in_json(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, (writer,) = make_session(home, {"one": Preset()}, steps=0, status=None)
    writer.evaluate(10, 0, float("nan"))
    writer.finish("done", 10, best_val_loss=None, test_loss={"0": None})

    (run,) = document(capsys, "show")["runs"]

    assert run["last_evaluation"]["val_loss"] == {"0": None}


def test_a_resumed_run_counts_each_point_once(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, (writer,) = make_session(home, {"one": Preset()}, steps=60, status="stopped")
    again = begin_attempt(writer.run, writer.spec, from_step=40)
    again.curves(range(41, 81))
    again.finish(step=80)

    (run,) = document(capsys, "show")["runs"]

    assert (run["attempts"], run["val_points"], run["start"]["from_step"]) == (2, 8, 40)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "No session 'nothing'"),
        (["2026"], "fits 2 sessions"),
        (["-a-", "nothing"], "has no run 'nothing'"),
        (["-a-", "batch"], "several runs"),
    ],
)
def test_what_is_not_there_or_ambiguous_is_exit_2_with_stdout_empty(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    for name in ("20260101T000000Z-a-000000", "20260102T000000Z-b-000000"):
        make_session(home, steps=10, identity=name)
    arguments = [word.removeprefix("-") for word in arguments]

    code = main(["show", *arguments, "--json"])

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert words in err


@pytest.mark.parametrize("content", ["{", '{"schema": 2}', "[]", ""])
def test_a_damaged_session_is_exit_2_with_a_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    session, _ = make_session(home, steps=10)
    session.spec.write_text(content)

    for command in ("show", "compare"):
        assert main([command]) == 2
        assert str(session.spec) in capsys.readouterr().err


def test_a_damaged_run_is_exit_2_with_a_sentence(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, writers = make_session(home, steps=10)
    writers[0].run.spec.write_text("{")

    for command in ("show", "compare", "stop"):
        assert main([command]) == 2
        assert "run.json" in capsys.readouterr().err
    del session


def test_one_run_whose_start_is_damaged_does_not_hide_the_others(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, (first, _) = make_session(home, steps=40)
    first.attempt.start.write_text("{")

    code = main(["show"])

    shown = capsys.readouterr()
    assert code == 2
    assert "start.json: is damaged" in shown.err
    assert "batch-128  DONE" in shown.out
