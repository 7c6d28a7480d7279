"""A recorder in somebody else's loop: what it writes is a session like any other, and every command reads it."""

from __future__ import annotations

import enum
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from support.commands import valtui, wait_until
from support.recorded import Loop, recording
from valtui_trainer import Recorder
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.listing import runs_of, session_names, statuses
from valtui_trainer.session.records import Final


def only_run(recorder: Recorder) -> RunPaths:
    """Return the run of a session with one."""
    assert recorder.path is not None
    ((run, _),) = runs_of(SessionPaths(recorder.path))
    return run


def document(*arguments: str, cwd: Path) -> dict[str, object]:
    """Return what a command prints with --json."""
    found: dict[str, object] = json.loads(valtui(*arguments, "--json", cwd=cwd).stdout)
    return found


def test_a_few_lines_give_the_whole_diagnosis(home: Path, digits: Path, tmp_path: Path) -> None:
    settings = {"learning_rate": 3e-3, "batch_size": 32, "model": {"width": 4}}
    loop = Loop(digits)
    with Recorder("mine", settings=settings, steps_per_epoch=10, total_steps=120) as recorder:
        loop.run(12, recording(recorder))

    shown = document("show", cwd=tmp_path)
    causes = document("causes", cwd=tmp_path)
    compared = document("compare", cwd=tmp_path)

    (run,) = shown["runs"]  # type: ignore[misc]
    assert (run["state"], run["source"], run["step"]) == ("DONE", "recorder", 120)
    assert run["settings"] == {"learning_rate": 3e-3, "batch_size": 32, "model.width": 4}
    assert run["val_points"] == 24
    assert run["start"]["val_size"] == len(loop.val_loader.dataset)  # type: ignore[arg-type]
    (found,) = causes["runs"]  # type: ignore[misc]
    rows = {row["id"]: row for row in found["rows"]}
    for row in ("larger-validation", "exact-batchnorm", "calibrated-outputs"):
        assert rows[row]["left"] is not None, row
    assert {check["check"]: check["outcome"] for check in found["checks"]}["frozen"] == "sound"
    (entry,) = compared["runs"]  # type: ignore[misc]
    assert entry["evaluations"] == 24


def test_training_is_the_same_to_the_bit_with_and_without_it(home: Path, digits: Path) -> None:
    for augmented in (False, True):
        alone = Loop(digits, augmented=augmented)
        alone.run(2)
        after_alone = torch.get_rng_state(), alone.model.state_dict()
        recorded = Loop(digits, augmented=augmented)
        with Recorder("watched") as recorder:
            recorded.run(2, recording(recorder, every=3))
        after_recorded = torch.get_rng_state(), recorded.model.state_dict()

        assert recorded.losses == alone.losses
        assert torch.equal(after_recorded[0], after_alone[0])
        for name, tensor in after_alone[1].items():
            assert torch.equal(after_recorded[1][name], tensor), name
        assert all(module.training for module in recorded.model.modules())


def test_the_training_samples_are_always_the_same_even_where_the_set_augments(
    home: Path, digits: Path
) -> None:
    loop = Loop(digits, augmented=True)

    with Recorder("twice") as recorder:
        for step in (1, 2):
            recorder.evaluate(
                loop.model, loop.val_loader, step=step, train_loader=loop.train_loader
            )

    history = read_history(only_run(recorder))
    (_, first), (_, second) = history.val
    assert first.val_loss_precise == second.val_loss_precise
    assert first.train_eval_loss == second.train_eval_loss
    assert any("augments" in event.message for _, event in history.events)


def test_losses_of_samples_alone_are_enough_for_what_needs_them(home: Path, tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    labels = np.arange(100) % 4
    with Recorder("by hand") as recorder:
        for step in range(1, 31):
            logits = torch.from_numpy(draws.normal(size=(100, 4))).float()
            losses = torch.nn.functional.cross_entropy(
                logits, torch.from_numpy(labels), reduction="none"
            )
            recorder.log_val(10 * step, losses, logits=logits, labels=labels, epoch=step / 4)

    (found,) = document("causes", cwd=tmp_path)["runs"]  # type: ignore[misc]

    rows = {row["id"]: row for row in found["rows"]}
    assert rows["larger-validation"]["left"] is not None
    assert rows["calibrated-outputs"]["left"] is not None
    assert found["hardest_samples"] is not None
    last = read_history(only_run(recorder)).val[-1][1]
    assert last.val_accuracy == pytest.approx(float((logits.argmax(1).numpy() == labels).mean()))
    assert last.epoch == 7.5


def test_a_mean_alone_is_told_from_losses_of_samples(home: Path, tmp_path: Path) -> None:
    with Recorder("means") as recorder:
        for step in range(1, 25):
            recorder.log_train(100 * step, torch.tensor(2.0 / step))
            recorder.log_val(100 * step, 1.0 + 0.1 * (step % 2), accuracy=0.5)

    text = valtui("causes", cwd=tmp_path).stdout

    assert "this log has no losses by sample" in text
    assert "steps 100–2,400" in text  # of epochs it was told nothing
    assert "train it again there" in text


def test_steps_between_records_are_averaged_and_a_record_comes_before_each_evaluation(
    home: Path,
) -> None:
    with Recorder("averaged") as recorder:
        for step, loss in enumerate((1.0, 2.0, 6.0), start=1):
            recorder.log_train(step, torch.tensor(loss), learning_rate=0.1)
        recorder.log_val(3, 0.5)

    (record,) = read_history(only_run(recorder)).train
    assert (record.step, record.train_loss, record.train_loss_min, record.train_loss_max) == (
        3, 3.0, 1.0, 6.0,
    )  # fmt: skip
    assert record.learning_rate == 0.1


def test_a_step_that_goes_back_is_a_restart_and_replaces_what_came_after(home: Path) -> None:
    with Recorder("restarted") as recorder:
        for step in (10, 20, 30):
            recorder.log_train(step, 1.0)
            recorder.log_val(step, float(step))
        recorder.log_train(16, 1.0)
        recorder.log_val(20, 0.5)

    history = read_history(only_run(recorder))
    assert [(record.step, record.val_loss) for _, record in history.val] == [(10, 10.0), (20, 0.5)]
    assert [start.from_step for start in history.starts] == [0, 15]


def test_a_training_that_begins_again_replaces_all_of_it(home: Path) -> None:
    with Recorder("restarted") as recorder:
        for step, loss in ((0, 0.25), (1, 0.5), (0, 0.75), (1, 1.0)):
            recorder.log_train(step, 1.0)
            recorder.log_val(step, loss)

    history = read_history(only_run(recorder))
    assert [(record.step, record.val_loss) for _, record in history.val] == [(0, 0.75), (1, 1.0)]
    assert [start.from_step for start in history.starts] == [0, -1]


def test_the_best_is_of_what_still_counts_after_a_restart(home: Path) -> None:
    with Recorder("restarted") as recorder:
        for step, loss in ((10, 0.9), (20, 0.8), (30, 0.1)):
            recorder.log_train(step, 1.0)
            recorder.log_val(step, loss)
        recorder.log_train(21, 1.0)
        recorder.log_val(22, 0.85)

    final = read_document(only_run(recorder).last_attempt().final, Final)  # type: ignore[union-attr]
    assert final is not None
    assert (final.best_step, final.best_val_loss) == (20, pytest.approx(0.8))


def test_of_several_evaluations_at_one_step_the_first_is_kept(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Recorder("twice") as recorder:
        for step in (10, 20):
            recorder.log_train(step, 1.0)
            recorder.log_val(step, float(step))
            recorder.log_val(step, 99.0)
        recorder.log_train(20, 1.0)

    history = read_history(only_run(recorder))
    assert [(record.step, record.val_loss) for _, record in history.val] == [(10, 10.0), (20, 20.0)]
    assert [record.step for record in history.train] == [10, 20]
    assert len(history.starts) == 1
    assert "was evaluated already" in capsys.readouterr().err


def test_epochs_that_are_told_are_called_epochs(home: Path, tmp_path: Path) -> None:
    units = []
    for epoch in (None, 0.5):
        with Recorder("told") as recorder:
            for step in range(10, 130, 10):
                at = None if epoch is None else epoch * step
                recorder.log_train(step, 1.0, epoch=at)
                recorder.log_val(step, 1.0 / step, epoch=at)
        assert recorder.path is not None
        (run,) = document("compare", recorder.path.name, cwd=tmp_path)["runs"]  # type: ignore[misc]
        units.append((run["best"]["step"], run["best"]["epoch"]))

    assert units == [(120, None), (120, 60.0)]


class Colour(enum.StrEnum):
    """A setting as some programs have them."""

    RED = "red"


def test_settings_and_counts_are_taken_from_numpy_and_divisions_too(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {
        "lr": np.float64(0.1), "name": np.str_("net"), "width": np.int64(4), "on": np.bool_(True),
        "colour": Colour.RED, "when": np.datetime64("2026-01-02T03:04"), "at": torch.tensor(2.0),
    }  # fmt: skip
    with Recorder(
        "odd", settings=settings, steps_per_epoch=1000 / 32, total_steps=np.int64(100)
    ) as recorder:
        recorder.log_train(np.int64(31), np.float32(1.0), learning_rate=np.float64(0.1))
        recorder.log_val(np.int64(31), np.float64(0.5), accuracy=np.float64(0.25))
    with Recorder("none", steps_per_epoch=float("nan")) as other:
        other.log_val(5, 1.0, accuracy={"accuracy": 0.9})  # type: ignore[arg-type]

    first, second = (
        document("show", str(one.path and one.path.name), cwd=tmp_path)["runs"][0]  # type: ignore[index]
        for one in (recorder, other)
    )
    assert first["settings"] == {
        "lr": 0.1, "name": "net", "width": 4, "on": True, "colour": "red",
        "when": "2026-01-02 03:04:00", "at": 2.0,
    }  # fmt: skip
    assert (first["start"]["steps_per_epoch"], first["start"]["total_steps"]) == (31, 100)
    (record,) = [record for _, record in read_history(only_run(recorder)).val]
    assert (record.step, record.epoch, record.val_accuracy) == (31, 1.0, 0.25)
    assert second["val_points"] == 1
    assert "steps_per_epoch = nan is no count" in capsys.readouterr().err


TOGETHER = """
    import sys
    from valtui_trainer import Recorder
    print("ready", flush=True)
    sys.stdin.readline()
    with Recorder("net", session="sweep", seed=int(sys.argv[1])) as recorder:
        recorder.log_val(1, 1.0)
"""


def test_runs_that_begin_at_once_stand_in_one_session(home: Path, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(TOGETHER))
    programs = [
        subprocess.Popen(
            [sys.executable, str(script), str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for seed in range(4)
    ]  # fmt: skip
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    said = [program.communicate()[1] for program in programs]

    assert said == [""] * 4
    (name,) = session_names(home)
    runs = runs_of(SessionPaths(home / "sessions" / name))
    assert sorted(spec.seeds[0] for _, spec in runs) == [0, 1, 2, 3]
    assert all(len(read_history(run).val) == 1 for run, _ in runs)


def test_runs_of_one_title_stand_side_by_side_and_seeds_of_one_name_together(
    home: Path, tmp_path: Path
) -> None:
    for name, rate, seed in (("low", 0.1, 0), ("low", 0.1, 1), ("high", 0.3, 0)):
        draws = np.random.default_rng(seed + int(100 * rate))
        recorder = Recorder(name, session="sweep", seed=seed, settings={"lr": rate})
        for step in range(1, 21):
            recorder.log_val(step, 1.0 + rate * draws.random(50), epoch=step)
        recorder.close()

    shown = document("show", cwd=tmp_path)
    pairs = document("compare", cwd=tmp_path)["pairs"]

    assert [run["id"] for run in shown["runs"]] == ["low", "low+seeds-1", "high"]  # type: ignore[attr-defined]
    assert shown["runs"][2]["differs"] == {"lr": 0.3}  # type: ignore[index]
    (pair,) = pairs  # type: ignore[misc]
    assert sorted(len(pair[side]["seeds"]) for side in ("lower", "higher")) == [1, 2]


@pytest.mark.parametrize("command", ["stop", "pause", "resume"])
def test_what_another_program_trains_cannot_be_commanded(
    home: Path, tmp_path: Path, command: str
) -> None:
    Recorder("theirs").close()

    refused = valtui(command, cwd=tmp_path, check=2)

    assert "valtui only reads it" in refused.stderr


def test_probes_and_proofs_say_that_they_are_theirs_to_make(home: Path, tmp_path: Path) -> None:
    with Recorder("theirs", settings={"lr": 0.1}) as recorder:
        recorder.log_val(1, [1.0, 2.0])

    for words in (("probe", "--arms", "learning-rate-half"), ("prove",)):
        name = recorder.path.name if recorder.path else ""
        last = ("learning-rate-half",) if words == ("prove",) else ()
        refused = valtui(words[0], name, "theirs", *words[1:], *last, cwd=tmp_path, check=2)

        assert "another program trains this run" in refused.stderr


def test_an_exception_in_the_loop_is_noted_and_goes_on_its_way(home: Path) -> None:
    def failing() -> None:
        with recorder:
            recorder.log_train(1, 1.0)
            raise ZeroDivisionError("division by zero")

    recorder = Recorder("broken")
    with pytest.raises(ZeroDivisionError):
        failing()

    (status,) = statuses(SessionPaths(recorder.path)).values()  # type: ignore[arg-type]
    assert (status.state, status.reason) == ("FAILED", "ZeroDivisionError: division by zero")


SCRIPT = """
    import sys, time
    from valtui_trainer import Recorder
    recorder = Recorder("forgotten")
    recorder.log_train(1, 1.0)
    recorder.log_val(1, [0.5, 0.7])
    print(recorder.path, flush=True)
    {end}
"""


@pytest.mark.parametrize(
    ("end", "state", "reason"),
    [
        ("pass", "DONE", ""),
        ("raise KeyError('x')", "FAILED", "KeyError: 'x'"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "LOST", "without a word"),
    ],
)
def test_the_end_of_a_program_that_never_closes_it_is_told_as_it_was(
    home: Path, tmp_path: Path, end: str, state: str, reason: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(end=end)))

    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)

    (status,) = statuses(SessionPaths(Path(done.stdout.strip()))).values()
    assert status.state == state
    assert reason in status.reason
    assert "resumed" not in status.reason


def test_a_living_program_is_running_and_a_frozen_one_unresponsive(
    home: Path, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(end="sys.stdin.read()")))
    program = subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    session = SessionPaths(Path(program.stdout.readline().strip()))
    try:
        assert statuses(session)["forgotten"].told == "running"

        os.kill(program.pid, signal.SIGSTOP)
        wait_until(lambda: statuses(session)["forgotten"].health == "UNRESPONSIVE", 30)
        os.kill(program.pid, signal.SIGCONT)
        wait_until(lambda: statuses(session)["forgotten"].health == "ok", 30)
    finally:
        program.communicate("")
    assert statuses(session)["forgotten"].state == "DONE"


def test_other_ranks_record_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")

    with Recorder("rank") as recorder:
        recorder.log_train(1, 1.0)

    assert recorder.path is None
    assert not home.exists()


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, valtui_trainer; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
