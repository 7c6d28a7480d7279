"""Where a recorded run lies: a session of its own, or one that runs of one title share."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from valtui_trainer.presets.types import Count, Positive, Preset
from valtui_trainer.session.create import add_run, create_session, run_id
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.guest import Guest
from valtui_trainer.session.layout import (
    SessionPaths,
    home,
    prepare_home,
    session_id,
    slug,
    utc_now,
)
from valtui_trainer.session.listing import runs_of, session_names
from valtui_trainer.session.locks import acquire
from valtui_trainer.session.machine import host
from valtui_trainer.session.records import RunSpec, SessionSpec
from valtui_trainer.session.safe import safe

KNOWN: dict[str, tuple[str, ...]] = {
    "batch_size": ("batch_size", "batchsize", "train_batch_size", "per_device_train_batch_size"),
    "learning_rate": ("learning_rate", "lr"),
    "weight_decay": ("weight_decay",),
}
"""Settings of a preset that a program may name, and how it may spell them."""
TYPES: dict[str, Any] = {
    "batch_size": Count, "learning_rate": Positive, "weight_decay": float,
}  # fmt: skip
DEEPEST = 4
PATIENCE, LOOK_SECONDS = 5.0, 0.02
"""Seconds that runs which begin together wait for one another at most, and between two looks."""

TURNS = threading.Lock()
"""Between Recorders of this process, which a lock of the kernel does not keep apart."""


def make_place(
    name: str,
    title: str | None,
    seed: int,
    settings: Mapping[str, Any],
    folder: str | Path | None,
    builder: tuple[str, str] | None,
) -> Guest:
    """Make a run called `name` in the newest recorded session of `title`, or in a new one.

    Args:
        name: of the run, and of the preset that runs of several seeds share.
        title: of the session; None: one of its own, named after the run.
        seed: that this run trains.
        settings: what the program tells of its training.
        folder: the home; None: $VALTUI_HOME, or the XDG state folder.
        builder: `module:function` that builds the training anew, and the folder of its module; None:
            none was handed over.

    Raises:
        SessionError: nothing can be written there.
    """
    home_folder = home(folder).absolute()
    with alone(home_folder):
        return place_in(home_folder, name, title, seed, plain(settings), builder)


@contextlib.contextmanager
def alone(home_folder: Path) -> Iterator[None]:
    """Let nobody else look for a session, or make a run in it, meanwhile; those that wait too long go on."""
    with TURNS:
        lock = None
        until = time.monotonic() + PATIENCE
        with contextlib.suppress(
            OSError, SessionError
        ):  # what cannot be written is told by who writes it
            prepare_home(home_folder)
            while (lock := acquire(home_folder / "recorder.lock")) is None:
                if time.monotonic() > until:
                    break
                threading.Event().wait(LOOK_SECONDS)
        try:
            yield
        finally:
            if lock is not None:
                lock.release()


def place_in(
    home_folder: Path,
    name: str,
    title: str | None,
    seed: int,
    recorded: dict[str, Any],
    builder: tuple[str, str] | None,
) -> Guest:
    """Make the run, as `make_place` says."""
    shown = safe(name, 100)
    session = find(home_folder, title) if title is not None else None
    taken = set(session.run_ids()) if session is not None else set()
    position = len(taken)
    spec = RunSpec(
        id=run_id(slug(name), taken, [seed]),
        preset_name=shown,
        preset=preset_of(recorded),
        seeds=[seed],
        device="",
        threads=0,
        position=position,
        session=session.id if session is not None else "",
        allow_code=builder is not None,
        code_path=builder[1] if builder else "",
        source="recorder",
        recorded=recorded,
        origin=script(),
        builder=builder[0] if builder else "",
    )
    if session is None:
        session_spec = SessionSpec(
            id=session_id(title or name),
            created=utc_now(),
            title=safe(title or name, 100),
            study=None,
            question="",
            presets=[shown],
            device="",
            parallel=0,
            host=host(),
            versions={},
            command=[safe(word) for word in sys.argv[:50]],
        )
        spec = msgspec.structs.replace(spec, session=session_spec.id)
        session = create_session(home_folder, session_spec, [spec])
    else:
        add_run(session, spec)
    run = session.run(spec.id)
    lock = acquire(run.lock)
    if lock is None:
        raise SessionError(f"{run.folder} is being recorded by another process already.")
    return Guest(session, run, lock, spec)


def find(home_folder: Path, title: str) -> SessionPaths | None:
    """Return the newest session of `title` that holds recorded runs, and proofs on them, alone; or None."""
    wanted = safe(title, 100)
    for name in session_names(home_folder):
        session = SessionPaths(home_folder / "sessions" / name)
        try:
            spec = read_document(session.spec, SessionSpec)
            if spec is None or spec.title != wanted or session.folder.is_symlink():
                continue
            if all(run.source == "recorder" or run.builder for _, run in runs_of(session)):
                return session
        except SessionError:
            continue
    return None


def plain(value: Any, depth: int = 0) -> Any:
    """Return settings of any kind as what JSON can hold."""
    if isinstance(value, Mapping) and depth < DEEPEST:
        return {safe(str(key), 100): plain(one, depth + 1) for key, one in value.items()}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < 2**63 else str(int(value))
    if isinstance(
        value, float
    ):  # numpy's float64 and str_ are such, and no encoder of JSON takes them
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", 1) == 0 and depth < DEEPEST:
        return plain(item(), depth + 1)
    if isinstance(value, list | tuple) and depth < DEEPEST:
        return [plain(one, depth + 1) for one in value[:100]]
    return safe(str(value), 200)


def preset_of(recorded: Mapping[str, Any]) -> Preset:
    """Return what is known of a training as a preset: batch size, learning rate, weight decay."""
    lower = {re.sub(r"[-. ]", "_", str(key)).lower(): value for key, value in recorded.items()}
    known: dict[str, Any] = {}
    for field, names in KNOWN.items():
        value = next((lower[name] for name in names if name in lower), None)
        try:
            known[field] = msgspec.convert(value, TYPES[field])
        except msgspec.ValidationError:
            continue
    return Preset(data="", **known)


def script() -> str:
    """Return the program that records, as a path where it has one."""
    name = sys.argv[0] if sys.argv else ""
    return os.path.abspath(name) if name and os.path.exists(name) else safe(name or "python")
