"""Which runs of other tools lie in a folder: by names and times, without opening more than a few bytes."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from valtui_trainer.foreign.csv_log import DELIMITERS, CsvLog, cells_of, is_empty
from valtui_trainer.foreign.json_lines import JsonLines, row
from valtui_trainer.foreign.numbers import number
from valtui_trainer.foreign.points import Reader, Source
from valtui_trainer.foreign.tensorboard_log import TensorboardLog
from valtui_trainer.foreign.trainer_state import NAME, TrainerState
from valtui_trainer.foreign.wandb_log import WandbLog
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.safe import safe

DEEPEST = 6
SNIFFED = 64 << 10
MOST_RUNS = 5_000
MOST_SECONDS = 10.0
PASSED_OVER = frozenset({".git", "node_modules", "__pycache__", ".venv", "site-packages"})
LOOKED_FOR = (
    "TensorBoard event files, wandb's run-*.wandb, metrics.csv, results.csv and other .csv or .tsv, "
    "trainer_state.json, .jsonl or .ndjson"
)
PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb"}


def sources(path: Path) -> list[Source]:
    """Return the runs at `path`, a file or a folder that is searched, the newest first.

    Raises:
        SessionError: nothing is there, or nothing that is recognised.
    """
    try:
        if path.is_file():
            alone = of_file(path, path.name, by_content=True)
            if alone is None:
                raise SessionError(
                    f"{safe(str(path))} is not recognised. Looked for: {LOOKED_FOR}."
                )
            runs = [alone]
        elif path.is_dir():
            runs = list(in_folder(path))
        elif path.exists():
            raise SessionError(f"{safe(str(path))} is neither a file nor a folder.")
        else:
            raise SessionError(f"{safe(str(path))} does not exist.")
    except OSError as error:
        raise SessionError(f"{safe(str(path))}: cannot be read ({error.strerror}).") from None
    if not runs:
        raise SessionError(f"There is no log in {safe(str(path))}. Looked for: {LOOKED_FOR}.")
    return sorted(runs, key=lambda one: (-one.modified, one.name))


def in_folder(top: Path) -> Iterator[Source]:
    """Yield the runs below `top`; links to folders are not followed, so there are no loops."""
    until = time.monotonic() + MOST_SECONDS
    count = 0
    for folder, folders, files in os.walk(top):
        place = Path(folder)
        depth = len(place.relative_to(top).parts)
        folders[:] = sorted(name for name in folders if name not in PASSED_OVER and depth < DEEPEST)
        for one in in_one_folder(top, place, files):
            count += 1
            yield one
            if count >= MOST_RUNS:
                return
        if NAME in files or any(name.startswith("checkpoint-") for name in folders):
            folders[:] = [name for name in folders if not name.startswith("checkpoint-")]
        if time.monotonic() > until:
            return


def in_one_folder(top: Path, place: Path, files: list[str]) -> Iterator[Source]:
    """Yield the runs whose logs lie in one folder itself: under its name, where there are several with theirs."""
    name = str(place.relative_to(top)) if place != top else top.name or "."
    found = []
    events = [place / file for file in files if "tfevents" in file]
    if events:
        newest = max(modified(file) for file in events)
        found.append(Source("events", "tensorboard", place, newest))
    states = [*([place / NAME] if NAME in files else []), *place.glob(f"checkpoint-*/{NAME}")]
    if states:
        found.append(Source(NAME, "trainer-state", place, max(map(modified, states))))
    for file in sorted(files):
        if "tfevents" not in file and file != NAME:
            found += [one for one in [of_file(place / file, file)] if one is not None]
    alone = len(found) == 1
    for one in found:
        yield replace(one, name=name if alone else f"{name}/{one.name}".removeprefix("./"))


def of_file(path: Path, name: str, by_content: bool = False) -> Source | None:
    """Return the run that a file is the log of, or None; its content may tell where its name does not."""
    kind = kind_of(path) or (kind_by_content(path) if by_content else None)
    return Source(name, kind, path, modified(path)) if kind else None


def kind_of(path: Path) -> str | None:
    """Return the kind of a log file by its name."""
    if "tfevents" in path.name:
        return "tensorboard"
    if path.name == NAME:
        return "trainer-state"
    return {
        ".wandb": "wandb", ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    }.get(path.suffix.lower())  # fmt: skip


def kind_by_content(path: Path) -> str | None:
    """Return the kind of a log whose name does not tell it: JSON lines, a training's state, or a table."""
    with path.open("rb") as file:
        begin = file.read(SNIFFED)
    if b"\0" in begin:
        return None
    text = begin.decode("utf-8-sig", "replace")
    lines = [line for line in text.splitlines() if not is_empty(line)]
    if text.lstrip().startswith("{"):
        if any(row(line) is not None for line in lines):
            return "jsonl"
        return "trainer-state" if '"log_history"' in text else None
    return "csv" if is_table(lines) else None


def is_table(lines: list[str]) -> bool:
    """Tell whether lines hold a header of several columns and a row that fits it."""
    for delimiter in DELIMITERS:
        header = 0
        for line in lines:
            cells = cells_of(line, delimiter) or []
            numbers = [cell for cell in cells if number(cell) is not None]
            if len(cells) > 1 and not numbers:
                header = len(cells)
            elif numbers and len(cells) == header:
                return True
    return False


def modified(path: Path) -> float:
    """Return when `path` was last written; 0 where it cannot be seen."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def missing_package(kind: str) -> str:
    """Return what to install to read logs of `kind`, a sentence; empty where nothing is missing."""
    package = PACKAGES.get(kind)
    if package is None or importlib.util.find_spec(package) is not None:
        return ""
    return (
        f'Reading logs of {package} needs the package {package}: `pip install "valtui[{package}]"`.'
    )


def open_reader(source: Source) -> Reader:
    """Return the reader of a run.

    Raises:
        SessionError: a package is missing.
    """
    missing = missing_package(source.kind)
    if missing:
        raise SessionError(missing)
    kinds: dict[str, type[CsvLog | JsonLines | TrainerState | TensorboardLog | WandbLog]] = {
        "csv": CsvLog, "jsonl": JsonLines, "trainer-state": TrainerState,
        "tensorboard": TensorboardLog, "wandb": WandbLog,
    }  # fmt: skip
    return kinds[source.kind](source.path)
