"""Make a session folder, add runs to it, and add attempts to a run."""

from __future__ import annotations

import shutil
from pathlib import Path

from valtui_trainer.presets.keys import recipe
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.checkpoints import link
from valtui_trainer.session.documents import write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import (
    AttemptPaths,
    RunPaths,
    SessionPaths,
    make_folder,
    prepare_home,
)
from valtui_trainer.session.records import RunSpec, SessionSpec


def create_session(home: Path, spec: SessionSpec, runs: list[RunSpec]) -> SessionPaths:
    """Make the folder of a new session with its runs, ready for a supervisor; it is seen once it is whole.

    Raises:
        SessionError: the home folder cannot be written, or the disk has no room.
    """
    prepare_home(home)
    session = SessionPaths(home / "sessions" / spec.id)
    making = SessionPaths(session.folder.with_name(f".{spec.id}"))
    try:
        make_folder(making.folder)
        make_folder(making.commands)
        make_folder(making.runs)
        for run in runs:
            add_run(making, run)
        write_document(making.spec, spec)
        making.folder.rename(session.folder)
    except OSError as error:
        raise SessionError(
            f"The session {session.folder} cannot be written ({error.strerror})."
        ) from None
    finally:
        shutil.rmtree(making.folder, ignore_errors=True)
    return session


def add_run(session: SessionPaths, spec: RunSpec) -> RunPaths:
    """Make the folder of one run; a run that is there already is left as it is.

    Raises:
        FileNotFoundError: the checkpoint that it starts from is gone.
    """
    run = session.run(spec.id)
    make_folder(run.folder)
    make_folder(run.checkpoints)
    make_folder(run.attempts)
    if not run.spec.exists():
        if spec.fork is not None:
            link(session.proof(spec.proof).start, run.start)
        write_document(run.spec, spec)
    return run


def add_attempt(run: RunPaths) -> AttemptPaths:
    """Make the folder of a run's next attempt."""
    numbers = run.attempt_numbers()
    attempt = run.attempt(numbers[-1] + 1 if numbers else 0)
    make_folder(attempt.folder)
    return attempt


def run_id(preset: str, taken: set[str], seeds: list[int]) -> str:
    """Return an id for a run of `preset` that says how it came to be and is not yet `taken`."""
    if preset not in taken:
        return preset
    number = len(seeds)
    candidate = f"{preset}+seeds-{number}"
    counter = 2
    while candidate in taken:
        candidate = f"{preset}+seeds-{number}-{counter}"
        counter += 1
    return candidate


def from_scratch(run: RunSpec) -> tuple[str, Preset] | None:
    """Return what all runs of one preset from scratch share, whatever their seeds; None for a continuation."""
    return (run.preset_name, recipe(run.preset)) if run.fork is None else None
