"""Which logs lie in a folder, what a named file is, and which runs are seeds of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from valtui_trainer.foreign.grouping import grouped
from valtui_trainer.foreign.points import Source
from valtui_trainer.foreign.recognise import open_reader, sources

HEADER = "step,train_loss,val_loss\n"


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
