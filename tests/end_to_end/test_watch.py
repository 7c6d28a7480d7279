"""`valtui watch`: somebody else's program trains and logs while this looks on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from support.commands import VALTUI, valtui, wait_until
from support.real_runs import open_terminal
from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import runs_of, session_names, statuses

TRAINING = """
    import sys, torch
    from torch import nn
    torch.manual_seed(0)
    model, loss = nn.Linear(4, 3), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    images, labels = torch.randn(32, 4), torch.arange(32) % 3
    log = open("log.csv", "w", buffering=1)
    log.write("step,train_loss,val_loss\\n")
    for step in range(1, 1000):
        if sys.stdin.readline() == "":
            break
        found = loss(model(images), labels)
        optimizer.zero_grad(); found.backward(); optimizer.step()
        log.write(f"{step},{found.item():.6f},{loss(model(images), labels).item():.6f}\\n")
        print(step, flush=True)
"""


class Training:
    """A program that takes a training step and logs it for each line that it is sent."""

    def __init__(self, folder: Path) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(TRAINING)],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def go_on(self, steps: int) -> None:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        for _ in range(steps):
            self._program.stdin.write("\n")
            self._program.stdin.flush()
            self._program.stdout.readline()

    def end(self) -> None:
        self._program.communicate("")


@pytest.fixture
def training(tmp_path: Path) -> Training:
    """A training that has taken twelve steps."""
    found = Training(tmp_path)
    found.go_on(12)
    return found


def the_session(home: Path) -> SessionPaths:
    """Return the newest session, once it is there."""
    wait_until(lambda: home.exists() and session_names(home), what="a session")
    return SessionPaths(home / "sessions" / session_names(home)[0])


def steps(session: SessionPaths) -> list[int]:
    """Return the steps of the evaluations that were read of its one run."""
    ((run, _),) = runs_of(session)
    return [record.step for _, record in read_history(run).val]


def watch(place: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `valtui watch ARGUMENTS --plain`."""
    return subprocess.Popen(
        [sys.executable, *VALTUI, "watch", *arguments, "--plain"], cwd=place, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.slow
def test_what_a_training_logs_comes_to_screen_and_plain_lines_as_it_happens(
    home: Path, tmp_path: Path, training: Training
) -> None:
    plain = watch(tmp_path, "log.csv")
    session = the_session(home)
    wait_until(lambda: len(steps(session)) >= 11, what="what is there already")

    terminal = open_terminal(tmp_path, "watch", str(tmp_path / "log.csv"), "--no-mouse")
    terminal.read_until(lambda: "watched" in terminal.text)
    training.go_on(8)
    wait_until(lambda: len(steps(session)) >= 19, what="what came meanwhile")
    terminal.read_until(lambda: "log.csv" in terminal.text and "vol" in terminal.text)
    assert len(session_names(home)) == 1  # the second one looks at the first one's session
    terminal.press("s")
    terminal.read_until(lambda: "valtui only reads it" in terminal.text)
    terminal.press("q")
    terminal.wait(10)

    plain.send_signal(signal.SIGINT)
    said, _ = plain.communicate(timeout=20)
    training.end()
    assert plain.returncode == 0
    assert "step 19" in said
    assert "run      state" in said
    assert steps(session) == list(range(1, 21))
    (status,) = statuses(session).values()
    assert (status.state, status.reason) == ("STOPPED", "no longer watched")


@pytest.mark.slow
def test_whoever_follows_the_log_goes_when_the_command_is_killed_and_what_was_read_stays(
    home: Path, tmp_path: Path, training: Training
) -> None:
    plain = watch(tmp_path, "log.csv")
    session = the_session(home)
    wait_until(lambda: steps(session), what="the first points")
    assert statuses(session)["log.csv"].state == "WATCHED"

    plain.kill()
    wait_until(lambda: statuses(session)["log.csv"].state == "STOPPED", what="its follower's end")
    plain.communicate()
    training.end()
    shutil.rmtree(tmp_path / "log.csv", ignore_errors=True)

    assert steps(session) == list(range(1, 13))


@pytest.mark.slow
def test_a_restart_is_a_seam_and_a_deleted_log_is_told_while_its_points_stay(
    home: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,val_loss\n" + "".join(f"{step},{step}.5\n" for step in range(1, 31)))
    plain = watch(tmp_path, "log.csv")
    session = the_session(home)
    wait_until(lambda: len(steps(session)) >= 29, what="the points")

    with log.open("a") as file:
        file.write("".join(f"{step},0.25\n" for step in range(21, 26)))
    wait_until(lambda: steps(session)[-1:] == [25], what="the restart")
    log.unlink()
    ((run, _),) = runs_of(session)

    def told() -> bool:
        return any("is gone" in event.message for _, event in read_history(run).events)

    wait_until(told, what="the warning")
    plain.send_signal(signal.SIGINT)
    plain.communicate(timeout=20)

    history = read_history(run)
    assert [start.from_step for start in history.starts] == [0, 20]
    assert steps(session) == list(range(1, 26))


def write_runs(folder: Path, names: list[str]) -> None:
    """Write short logs, each newer than the one before."""
    for number, name in enumerate(names):
        path = folder / name / "metrics.csv"
        path.parent.mkdir(parents=True)
        path.write_text("epoch,val_loss\n" + "".join(f"{e},{1 / (e + 1)}\n" for e in range(12)))
        os.utime(path, (number, number))


def test_of_many_runs_the_newest_nine_are_shown_and_others_by_name(
    home: Path, tmp_path: Path
) -> None:
    write_runs(tmp_path / "runs", [f"run-{number:03}" for number in range(60)])

    newest = valtui("watch", "runs", "--json", cwd=tmp_path)
    chosen = valtui("watch", "runs", "--runs", "run-003,run-010", "--json", cwd=tmp_path)
    listed = valtui("watch", "runs", "--list", cwd=tmp_path)

    assert "the newest 9 of 60 runs" in newest.stderr
    assert [run["id"] for run in json.loads(newest.stdout)["runs"]][-1] == "run-059"
    assert [run["id"] for run in json.loads(chosen.stdout)["runs"]] == ["run-010", "run-003"]
    assert len(listed.stdout.splitlines()) == 60


def test_runs_that_differ_by_a_seed_are_seeds_of_one(home: Path, tmp_path: Path) -> None:
    write_runs(tmp_path / "runs", ["wide_seed0", "wide_seed1", "wide_seed2", "narrow_seed0"])

    document = json.loads(valtui("watch", "runs", "--json", cwd=tmp_path).stdout)

    assert {run["id"]: run["seeds"] for run in document["runs"]} == {
        "wide": [0, 1, 2], "narrow-seed0": [0],
    }  # fmt: skip


@pytest.mark.slow
def test_a_seed_that_appears_later_is_taken_up_beside_the_ones_that_are_there(
    home: Path, tmp_path: Path
) -> None:
    write_runs(tmp_path / "runs", ["wide_seed0"])
    plain = watch(tmp_path, "runs")
    session = the_session(home)
    wait_until(lambda: steps(session), what="the first seed")

    write_runs(tmp_path / "runs", ["wide_seed1"])
    wait_until(lambda: len(runs_of(session)) == 2, 60, "the second seed")
    second = runs_of(session)[1][0]
    wait_until(lambda: len(read_history(second).val) >= 11, what="its points")
    plain.send_signal(signal.SIGINT)
    plain.communicate(timeout=20)

    assert [spec.preset_name for _, spec in runs_of(session)] == ["wide_seed0", "wide_seed1"]


def test_a_reading_goes_to_the_end_and_says_what_it_passed_over(home: Path, tmp_path: Path) -> None:
    rows = "".join(f"{step},{1 / step}\n" for step in range(1, 21))
    others = "".join(f"{step},\n" for step in range(21, 40_000))
    (tmp_path / "log.csv").write_text(
        "step,val_loss\n" + rows + others + "damaged\n20,3\n40000,0.01\n40001,0.5"
    )

    done = valtui("watch", "log.csv", "--json", cwd=tmp_path)
    os.utime(tmp_path / "log.csv", (1, 1))
    later = valtui("watch", "log.csv", "--step", "stepp", "--json", cwd=tmp_path)

    assert json.loads(done.stdout)["runs"][0]["evaluations"] == 21
    assert "log.csv: 1 rows that are damaged" in done.stderr
    assert "log.csv has no end yet" in done.stderr
    assert "there is no column stepp" in later.stderr
    assert "no end yet" not in later.stderr


def points(session: SessionPaths) -> list[tuple[str, int, float | None]]:
    """Return what counts of the one run's records."""
    history = read_history(runs_of(session)[0][0])
    return [("train", record.step, record.train_loss) for record in history.train] + [
        ("val", record.step, record.val_loss) for _, record in history.val
    ]


GROWING = {
    "its header alone at first": (
        "log.csv", "split,epoch,loss\n", "".join(f"train,{e},1\nval,{e},2\n" for e in range(1, 6))
    ),
    "a test before the training": (
        "log.jsonl", '{"step": 0, "test_loss": 2.5}\n',
        "".join(f'{{"step": {s}, "train_loss": 1, "val_loss": 0.5}}\n' for s in range(1, 9)),
    ),
    "the mean of an epoch later": (
        "log.jsonl", "".join(f'{{"step": {s}, "train_loss_step": 1}}\n' for s in range(9)),
        "".join(f'{{"step": {s}, "train_loss_epoch": 0.5}}\n' for s in range(9, 90, 9)),
    ),
    "the step of the training later": (
        "log.jsonl", "".join(f'{{"_step": {s}, "val_loss": 1}}\n' for s in range(3)),
        "".join(f'{{"_step": {s}, "global_step": {9 * s}, "val_loss": 1}}\n' for s in range(3, 9)),
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", GROWING)
def test_a_log_that_grows_comes_to_what_it_is_read_as_at_once(
    name: str, home: Path, tmp_path: Path
) -> None:
    file, first, later = GROWING[name]
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / file).write_text(first + later)
    valtui("watch", f"whole/{file}", "--json", cwd=tmp_path)
    expected = points(the_session(home))
    shutil.rmtree(home / "sessions")
    (tmp_path / file).write_text(first)
    plain = watch(tmp_path, file)
    session = the_session(home)
    wait_until(lambda: statuses(session)[file].state == "WATCHED", what="its follower")
    if '"' in first:
        wait_until(lambda: points(session), what="what is there already")

    with (tmp_path / file).open("a") as log:
        log.write(later)

    wait_until(lambda: points(session) == expected, what="the whole")
    plain.send_signal(signal.SIGINT)
    plain.communicate(timeout=20)
    assert len(expected) > 5
    assert points(session) == expected


@pytest.mark.slow
def test_an_evaluation_is_shown_while_the_training_logs_on(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,train_loss,val_loss\n1,0.5,\n1,,0.75\n")
    plain = watch(tmp_path, "log.csv")
    session = the_session(home)
    counted = iter(range(2, 100_000))

    def shown_after_a_further_row() -> bool:
        with log.open("a") as file:
            file.write(f"{next(counted)},0.5,\n")
        return ("val", 1, 0.75) in points(session)

    wait_until(shown_after_a_further_row, what="the evaluation")
    assert plain.poll() is None
    plain.send_signal(signal.SIGINT)
    plain.communicate(timeout=20)


def lines(*columns: str, count: int = 60) -> str:
    """Return a CSV whose cells are the row's number modulo what stands behind its column's name."""
    names = [column.partition("%")[0] for column in columns]
    moduli = [int(column.partition("%")[2] or 1_000_000) for column in columns]
    rows = (",".join(str(number % modulus) for modulus in moduli) for number in range(count))
    return "\n".join([",".join(names), *rows, ""])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (lines("iter%12", "val_loss"), "go back again and again"),
        (
            "epoch,element,train_loss\n" + "".join(f"{n // 20},{n},1\n" for n in range(60)),
            "Most rows of",
        ),
        (lines("step", "seed%3", "val_loss"), "holds several seeds"),
    ],
)
def test_what_is_strange_about_the_rows_is_said(
    text: str, sentence: str, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "log.csv").write_text(text)

    assert sentence in valtui("watch", "log.csv", "--json", cwd=tmp_path).stderr


NONSENSE = {
    "nothing": ("missing.csv", "does not exist"),
    "a binary file": ("binary.csv", "zero bytes"),
    "an empty file": ("empty.csv", "nothing in these logs yet"),
    "a folder without logs": ("empty", "There is no log in"),
    "a file of another kind": ("notes.txt", "is not recognised"),
    "a device": ("/dev/null", "is neither a file nor a folder"),
    "columns that mean nothing": ("other.csv", "--map val_loss=COLUMN"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_in_a_sentence(name: str, home: Path, tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\0\1\2" * 100)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("a")
    (tmp_path / "other.csv").write_text("apples,pears\n1,2\n2,3\n")
    path, sentence = NONSENSE[name]

    refused = valtui("watch", path, "--json", cwd=tmp_path, check=2)

    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""


def test_a_name_that_is_not_utf_8_is_refused_in_a_sentence(home: Path, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/run-\xff"
    os.mkdir(folder)
    Path(os.fsdecode(folder), "log.csv").write_text("step,val_loss\n1,0.5\n")

    done = valtui("watch", str(tmp_path), "--json", cwd=tmp_path, check=2)

    assert "this name is not UTF-8" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_column_that_is_not_recognised_is_named_by_hand(home: Path, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("when,apples\n" + "".join(f"{s},{s}.5\n" for s in range(20)))

    document = json.loads(
        valtui(
            "watch", "log.csv", "--step", "when", "--map", "val_loss=apples", "--json", cwd=tmp_path
        ).stdout
    )
    refused = valtui("watch", "log.csv", "--map", "val_loss", "--json", cwd=tmp_path, check=2)

    assert document["runs"][0]["evaluations"] == 20
    assert "must be NAME=COLUMN" in refused.stderr
