"""The task `check`: makes all checks of a run at its newest checkpoint, in a process of its own.

The run may train meanwhile: nothing of it is written but a new document in its folder `checks`, and
on CUDA images are streamed, so that its memory is left to it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from valtui_trainer.session.checkpoints import checkpoint_files
from valtui_trainer.session.checks import write_checks
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import RunPaths
from valtui_trainer.session.losses import read_losses
from valtui_trainer.session.records import CHECKS, Check, RunSpec
from valtui_trainer.supervise.check import Answer, Question
from valtui_trainer.training import checkpoint
from valtui_trainer.training.assemble import Material, build_replica, prepare
from valtui_trainer.training.attempt import is_out_of_memory, prepare_process
from valtui_trainer.training.checkpoint import State
from valtui_trainer.training.checks.frozen import frozen, zero_learning_rate
from valtui_trainer.training.checks.sampling import resolution
from valtui_trainer.training.checks.start import made, quick_checks
from valtui_trainer.training.checks.unchanged import unchanged
from valtui_trainer.training.data.errors import DataError
from valtui_trainer.training.devices import open_for
from valtui_trainer.training.models import ModelError, reason
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.same_data import refuse_other_data
from valtui_trainer.training.validate import check_device


class CannotCheckError(Exception):
    """The checks cannot be made; the text says why."""


def answer(question: Question) -> Answer:
    """Make all checks of a run and keep them, or say why not."""
    run = RunPaths(Path(question.run))
    try:
        path, state = newest_checkpoint(run)
        spec = read_document(run.spec, RunSpec)
        if spec is None:
            raise CannotCheckError(f"{run.spec} is missing.")
        checks = all_checks(run, spec, Path(question.home), state)
    except (CannotCheckError, SessionError, DataError, ModelError) as error:
        return Answer(problem=str(error))
    except Exception as error:
        if is_out_of_memory(error):
            return Answer(problem="There is not enough memory to check it beside what runs here.")
        raise
    step, seed = int(state["step"]), spec.seeds[0]
    try:
        write_checks(run, checks, step=step, seed=seed, checkpoint=path.name)
    except (OSError, SessionError) as error:
        problem = f"What the checks found could not be kept in {run.checks} ({error})."
        return Answer(checks, problem, step)
    return Answer(checks, None, step)


def newest_checkpoint(run: RunPaths) -> tuple[Path, State]:
    """Return the newest sound checkpoint of a run.

    Raises:
        CannotCheckError: there is none.
    """
    for _ in range(2):  # a run that lives may exchange them while they are looked at
        found = checkpoint.newest(run.checkpoints)
        if found is not None:
            return found
    if checkpoint_files(run.checkpoints):
        raise CannotCheckError(
            f"No checkpoint of {run.id} is sound: the files in {run.checkpoints} are damaged, or of "
            "another valtui."
        )
    raise CannotCheckError(
        f"{run.id} has no checkpoint yet; one comes with an evaluation, {checkpoint.EVERY_SECONDS:.0f} s "
        "after its start or later, and when it stops."
    )


def all_checks(run: RunPaths, spec: RunSpec, home: Path, state: State) -> list[Check]:
    """Return all checks at `state`, in the order of `CHECKS`; of the first seed.

    Raises:
        CannotCheckError, SessionError, DataError, ModelError: with a sentence.
    """
    problem = check_device(spec)
    if problem is not None:
        raise CannotCheckError(problem)
    device = open_for(spec)
    material = prepare(spec, home, device, room=0 if device.type == "cuda" else None)
    refuse_other_data(run, material, "the checks")
    replica = build_replica(spec, spec.seeds[0], material, device, state["log_every"])
    preset = spec.preset
    with unchanged(replica, material.val_set):
        found = quick_checks(replica, material, preset)
    load(replica, material, state, run)
    with unchanged(replica, material.val_set):
        first = made("frozen", lambda: frozen(replica, material.val_set, preset))
    found += [first, still(first, replica, material, spec)]
    found.append(made("resolution", lambda: logged_resolution(run, spec.seeds[0])))
    return sorted(found, key=lambda check: CHECKS.index(check.check))


def still(first: Check, replica: Replica, material: Material, spec: RunSpec) -> Check:
    """Return the check `zero-learning-rate`, unless `frozen` found that validation itself is random."""
    name = "zero-learning-rate"
    if first.outcome == "failed":
        message = (
            "What an epoch without learning moves cannot be told: validation itself is random."
        )
        return Check(check=name, outcome="unknown", message=message)
    return made(
        name,
        lambda: zero_learning_rate(
            replica, material.train_set, material.val_set, spec.preset, material.timetable
        ),
    )


def load(replica: Replica, material: Material, state: State, run: RunPaths) -> None:
    """Give `replica` the weights, buffers and generators of its seed in a checkpoint.

    Raises:
        CannotCheckError: the checkpoint does not hold the seed, or other layers.
    """
    theirs = [one for one in state["replicas"] if one["seed"] == replica.seed]
    if not theirs:
        raise CannotCheckError(f"The checkpoint of {run.id} does not hold the seed {replica.seed}.")
    try:
        replica.load_state(theirs[0], material.train_set, begun=state["step"] > 0)
    except (RuntimeError, ValueError, KeyError) as error:
        raise CannotCheckError(
            f"The checkpoint of {run.id} does not fit the model any more ({reason(error)})."
        ) from None


def logged_resolution(run: RunPaths, seed: int) -> Check:
    """Return the check `resolution` from the last two evaluations of a seed that were logged."""
    logged = [(n, val) for n, val in read_history(run).val if val.seed == seed][-2:]
    rows = [read_losses(run.attempt(number), [record]) for number, record in logged]
    if len(rows) < 2 or any(row.size == 0 for row in rows) or rows[0].shape != rows[1].shape:
        message = "What this validation set can show is known from the second evaluation on."
        return Check(check="resolution", outcome="unknown", message=message)
    return resolution(rows[0][0], rows[1][0])


def main() -> int:
    """Answer the question on standard input."""
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    prepare_process(Path(question.home))
    output, sys.stdout = sys.stdout, sys.stderr  # a model of the user's own may print
    try:
        found = answer(question)
    finally:
        sys.stdout = output
    output.buffer.write(msgspec.json.encode(found))
    return 1 if found.problem else 0
