"""`show --command`: the words it prints make the same run again."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import msgspec
import pytest

from support.sessions import make_session
from valtui.cli.main import main
from valtui_trainer.presets.keys import recipe
from valtui_trainer.presets.library import Library
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.session.records import RunSpec
from valtui_trainer.supervise import devices, repeating
from valtui_trainer.supervise.plan import Request, make_plan
from valtui_trainer.supervise.repeating import command_of


def planned(*words: str) -> RunSpec:
    """Return the one run that a command line of `run` with --set and --device means."""
    assignments = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
    request = Request(names=(words[0],), assignments=tuple(assignments), device="cpu")
    (run,) = make_plan(request, Library.open()).runs
    return run


@pytest.mark.parametrize(
    "words",
    [
        ("batch-32",),
        ("batchnorm-0.1", "--set", "learning_rate=0.0123", "--set", "model.dropout=0.25"),
        ("seed-cnn", "--set", "seeds=[3,7]", "--set", "eval_every=50 steps", "--set", "val_size=none"),
        ("seed-cnn", "--set", "seeds=4", "--set", "shuffle=false", "--set", "data=a b/'c'.npz"),
    ],
)  # fmt: skip
def test_what_is_printed_makes_the_same_run(words: tuple[str, ...]) -> None:
    run = planned(*words)

    valtui, command, *again = shlex.split(command_of(run, Library.open()))

    repeated = planned(*again)
    assert (valtui, command) == ("valtui", "run")
    assert (recipe(repeated.preset), repeated.seeds) == (recipe(run.preset), run.seeds)


@pytest.mark.parametrize(("parallel", "threads"), [(1, 7), (2, 4), (4, 2), (8, 1)])
def test_it_has_the_threads_that_the_run_had_beside_others(
    monkeypatch: pytest.MonkeyPatch, parallel: int, threads: int
) -> None:
    monkeypatch.setattr(devices, "cores", lambda: 8)
    monkeypatch.setattr(repeating, "cores", lambda: 8)
    request = Request(names=("batch-size",), device="cpu", parallel=parallel)
    run = make_plan(request, Library.open()).runs[0]
    assert run.threads == threads

    words = shlex.split(command_of(run, Library.open()))

    asked = int(words[words.index("--parallel") + 1]) if "--parallel" in words else 1
    again = Request(names=("batch-32",), device="cpu", parallel=asked)
    assert make_plan(again, Library.open()).runs[0].threads == threads


def test_own_code_and_data_are_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, elsewhere = tmp_path / "my code", tmp_path / "elsewhere"
    there.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(there)
    monkeypatch.setenv("VALTUI_DATA", "/my data")
    request = Request(names=("seed-cnn",), assignments=("model.name=mine:Net",), device="cpu", allow_code=True)  # fmt: skip
    (run,) = make_plan(request, Library.open()).runs
    assert command_of(run, Library.open()).startswith("valtui run seed-cnn ")
    monkeypatch.chdir(elsewhere)
    monkeypatch.delenv("VALTUI_DATA")

    command = command_of(run, Library.open())

    told = subprocess.run(
        ["sh", "-c", command.replace("valtui run", 'echo "$PWD"; env; true valtui run', 1)],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert command.startswith(f"cd '{there}' && VALTUI_DATA='/my data' valtui run seed-cnn ")
    assert told[0] == str(there)


def test_a_preset_that_is_gone_is_spelled_out_from_the_base(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = Preset(model=Model(name="small-cnn"), batch_size=7)
    make_session(home, {"forgotten": gone}, steps=20)

    assert main(["show", "--command"]) == 0

    _, _, *again = shlex.split(capsys.readouterr().out)
    assert again[0] == "seed-cnn"
    assert recipe(planned(*again).preset) == recipe(gone)


def test_a_run_of_another_program_has_none(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, (writer,) = make_session(home, {"theirs": Preset()}, steps=20)
    theirs = msgspec.structs.replace(writer.spec, source="recorder", origin="train.py")
    writer.run.spec.write_bytes(msgspec.json.encode(theirs))

    assert main(["show", "--command"]) == 2
    assert "valtui only reads it" in capsys.readouterr().err
