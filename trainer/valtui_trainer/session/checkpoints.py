"""The checkpoint files of a run, as far as they can be known without torch: steps, digests, links.

A run that lives exchanges its checkpoints, so whoever starts from one links it into a folder of its
own first.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.history import read_evaluations
from valtui_trainer.session.layout import FILE_MODE, RunPaths
from valtui_trainer.session.records import Event, Fork, RunSpec, Start
from valtui_trainer.session.tail import Tail

PATTERN = "step-*.pt"
MOST_OF_SCHEDULE = 0.75
"""Of a schedule that ends: the part of the run after which hardly anything is left to learn from."""

NO_LINKS = (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK)


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A checkpoint in a run's folder: its step, and the SHA-256 that the log tells; empty: it does not."""

    path: Path
    step: int
    sha256: str


def file_name(step: int) -> str:
    """Return the name of the checkpoint of `step`; names sort by step."""
    return f"step-{step:09d}.pt"


def step_of(path: Path) -> int:
    """Return the step of a checkpoint file."""
    return int(path.stem.removeprefix("step-"))


def checkpoint_files(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, oldest first."""
    return sorted(path for path in folder.glob(PATTERN) if path.stem[5:].isdigit())


def checkpoints_of(run: RunPaths) -> list[CheckpointFile]:
    """Return the checkpoints of `run`, newest first."""
    told: dict[str, str] = {}
    for number in run.attempt_numbers():
        for event in Tail(run.attempt(number).events, Event).read():
            if event.kind == "checkpoint":
                told[str(event.data.get("file", ""))] = str(event.data.get("sha256", ""))
    return [
        CheckpointFile(path, step_of(path), told.get(path.name, ""))
        for path in reversed(checkpoint_files(run.checkpoints))
    ]


def newest_start(run: RunPaths) -> Start:
    """Return the `start.json` of the newest attempt that began.

    Raises:
        SessionError: no attempt has begun.
    """
    for number in reversed(run.attempt_numbers()):
        start = read_document(run.attempt(number).start, Start)
        if start is not None:
            return start
    raise SessionError(f"{run.id} has not begun to train yet, so it has no checkpoint.")


def fork(run: RunPaths, spec: RunSpec, target: Path, step: int | None = None) -> Fork:
    """Link a sound checkpoint of `run` to `target`, and say what it is.

    Chosen is that of `step`, or the newest; where the learning rate follows a schedule, the newest of
    the first three quarters of the run, if there is one. Damaged files are passed over.

    Raises:
        SessionError: there is no sound checkpoint, or none of that step.
        OSError: nothing can be written at `target`.
    """
    start = newest_start(run)
    found = checkpoints_of(run)
    if step is not None:
        wanted = [one for one in found if one.step == step]
        if not wanted:
            raise SessionError(f"{run.id} has no checkpoint of step {step:,}.{those_of(found)}")
        found = wanted
    else:
        found = in_order_of_choice(found, spec, start)
    if not found:
        raise SessionError(
            f"{run.id} has no checkpoint yet; one comes with an evaluation, 30 s after its start or "
            "later, and when it stops or ends."
        )
    damaged = []
    for one in found:
        digest = link_sound(one, target)
        if digest is None:
            damaged.append(one.path.name)
            continue
        return Fork(
            run=run.id,
            file=one.path.name,
            sha256=digest,
            step=one.step,
            epoch=one.step / start.steps_per_epoch,
            epochs=spec.fork.epochs if spec.fork is not None else spec.preset.epochs,
        )
    raise SessionError(
        f"No checkpoint of {run.id} is sound: {', '.join(damaged)} in {run.checkpoints} "
        f"{'is' if len(damaged) == 1 else 'are'} damaged or gone."
    )


def in_order_of_choice(
    found: list[CheckpointFile], spec: RunSpec, start: Start
) -> list[CheckpointFile]:
    """Return checkpoints in the order in which they are tried."""
    if spec.preset.schedule.name == "constant":
        return found
    span = spec.fork.epochs if spec.fork is not None else spec.preset.epochs
    last = MOST_OF_SCHEDULE * span * start.steps_per_epoch * (1 + 1e-9) + start.eval_every
    return sorted(found, key=lambda one: (one.step > last, -one.step))


def those_of(found: list[CheckpointFile]) -> str:
    """Return which steps there are checkpoints of, a sentence."""
    if not found:
        return " It has none yet."
    return f" There are those of {', '.join(f'{one.step:,}' for one in reversed(found))}."


def link_sound(one: CheckpointFile, target: Path) -> str | None:
    """Link a checkpoint to `target`; return its SHA-256, or None (and no link) if it is damaged or gone.

    Raises:
        OSError: nothing can be written at `target`.
    """
    try:
        link(one.path, target)
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise
        return None
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if one.sha256 and digest != one.sha256:
        target.unlink()
        return None
    return digest


def link(source: Path, target: Path) -> None:
    """Let `target` be the same file as `source`; a copy, where the file system has no hard links.

    Raises:
        OSError: it cannot be written.
    """
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            shutil.copyfile(source, temporary)
            temporary.chmod(FILE_MODE)
            temporary.rename(target)
        finally:
            temporary.unlink(missing_ok=True)


def evaluations_after(run: RunPaths, step: int) -> int:
    """Return how many evaluations of each seed `run` has logged after `step`."""
    later: dict[int, int] = {}
    for record in read_evaluations(run):
        later[record.seed] = later.get(record.seed, 0) + (record.step > step)
    return min(later.values(), default=0)
