"""`show --command`: the words it prints make the same run again."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec
import pytest

from support.sessions import make_session
from valtui.cli.main import main
from valtui_trainer.presets.keys import recipe
from valtui_trainer.presets.library import Library
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.session.records import RunSpec
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
