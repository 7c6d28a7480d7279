"""What a real run leaves and does: private files, no way in, nothing in /tmp, nobody else's code."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
import torch

from security.conftest import LURES, Watched
from security.listening import reachable
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.records import Start

pytestmark = pytest.mark.slow
HARMLESS = ("/dev/null", "/dev/tty", "/dev/pts/", "/proc/self/")


def rights(path: Path) -> str:
    return oct(stat.S_IMODE(path.lstat().st_mode))


def test_under_umask_000_each_folder_is_0700_and_each_file_0600(watched: Watched) -> None:
    everything = [watched.home, *watched.home.rglob("*")]
    wrong = {
        str(path.relative_to(watched.place)): rights(path)
        for path in everything
        if rights(path) != ("0o700" if path.is_dir() else "0o600")
    }

    assert wrong == {}
    names = {path.name for path in everything}
    assert {"session.json", "supervisor.lock", "supervisor.log", "run.json", "run.lock",
            "train.jsonl", "val.jsonl", "events.jsonl", "val_losses.f32", "heartbeat",
            "trainer.log", "final.json", "exit.json", "start.json", "commands"} <= names  # fmt: skip
    assert any(path.suffix == ".json" for path in watched.session.commands.iterdir())
    assert list(watched.home.glob("cache/folder-*.npz"))
    assert list(watched.run.checkpoints.glob("step-*.pt"))


def test_nothing_temporary_is_left_behind(watched: Watched) -> None:
    assert [path for path in watched.home.rglob("*") if path.name.startswith(".")] == []


def test_exports_are_the_users_own_files_and_keep_to_the_umask(watched: Watched) -> None:
    exported = [watched.place / "out", *(watched.place / "out").rglob("*")]

    assert {"train.csv", "val.csv", "events.csv", "tiny.pt"} <= {path.name for path in exported}
    assert [(path, rights(path)) for path in exported if path.stat().st_mode & 0o027] == []


@pytest.mark.parametrize("process", ["supervisor", "trainer", "plain", "app"])
def test_no_process_has_a_socket_that_others_could_reach(watched: Watched, process: str) -> None:
    assert watched.sockets[process] == []


def test_no_process_ever_binds_a_socket_or_connects_to_one(watched: Watched) -> None:
    assert [one for one in watched.events if one["event"].startswith("socket.")] == []


def test_a_listening_socket_would_be_seen(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as local, socket.socket() as network:
        before = reachable(os.getpid())
        local.bind(str(tmp_path / "socket"))
        local.listen()
        network.bind(("127.0.0.1", 0))
        network.listen()

        kinds = {one.split()[0] for one in set(reachable(os.getpid())) - set(before)}

    assert kinds == {"unix", "tcp"}


def test_nothing_is_written_to_the_folder_for_temporary_files(watched: Watched) -> None:
    assert list((watched.place / "temporary").iterdir()) == []


def test_nothing_is_written_outside_the_home_and_what_was_named(watched: Watched) -> None:
    allowed = (f"{watched.home}/", str(watched.home), f"{watched.place}/out", *HARMLESS)
    written = [one for one in watched.events if not one["event"].startswith("socket.")]

    assert [one for one in written if not one["what"].startswith(allowed)] == []
    assert {one["words"][0].rpartition("/")[2] for one in written} >= {"main.py", "__main__.py"}
    assert any(one["what"].endswith("val.jsonl") for one in written), "the watch itself works"


@pytest.mark.parametrize("process", ["supervisor", "trainer", "plain", "app"])
def test_no_process_keeps_a_file_open_in_tmp(watched: Watched, process: str) -> None:
    outside = [
        path
        for path in watched.open_files[process]
        if path.startswith(("/tmp/", "/var/tmp/", "/dev/shm/"))
        and not path.startswith(str(watched.place))
    ]

    assert outside == []


@pytest.mark.parametrize("name", LURES)
def test_a_module_in_the_current_folder_is_not_imported(watched: Watched, name: str) -> None:
    assert (watched.place / f"{name}.py").exists()
    assert not (watched.place / f"imported-{name}").exists()


def test_a_resume_passes_over_a_checkpoint_that_is_a_program_to_the_older_one(
    watched: Watched,
) -> None:
    began = read_document(watched.run.attempt(1).start, Start)

    assert began is not None
    assert (watched.run.checkpoints / watched.planted).exists()
    assert not (watched.place / "executed").exists()
    assert began.checkpoint == watched.sound
    assert began.from_step == int(watched.sound[5:-3])


def test_exported_weights_are_plain_weights(watched: Watched) -> None:
    weights = torch.load(watched.place / "out" / "weights" / "tiny.pt", weights_only=True)

    assert all(isinstance(tensor, torch.Tensor) for tensor in weights.values())
