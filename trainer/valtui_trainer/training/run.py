"""One attempt of a run, from its data to its final word: what `attempt` asks for once torch is there."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch

from valtui_trainer.presets.types import Preset
from valtui_trainer.session.checks import read_checks
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths, utc_now
from valtui_trainer.session.machine import boot_id, host, start_ticks
from valtui_trainer.session.records import Final, LensPlan, RunSpec, Start, Status
from valtui_trainer.session.validation import write_validation
from valtui_trainer.supervise.plan import versions
from valtui_trainer.training import checkpoint
from valtui_trainer.training.assemble import Material, build_replica, prepare
from valtui_trainer.training.attempt import Places
from valtui_trainer.training.checkpoint import Checkpoints, State
from valtui_trainer.training.checks.start import begin_with_checks, go_on_with_checks
from valtui_trainer.training.choose_engine import TRIED, Choice, choose, engine_in_words
from valtui_trainer.training.compiling import compile_networks
from valtui_trainer.training.control import LONG_DEADLINE, Control
from valtui_trainer.training.devices import NOT_TO_THE_BIT, open_for, peak_memory, release
from valtui_trainer.training.ensemble import Ensemble
from valtui_trainer.training.fork import read_start, take_over
from valtui_trainer.training.journal import Clock, Journal
from valtui_trainer.training.lenses.costs import try_out
from valtui_trainer.training.lenses.panel import Panel, plans_of
from valtui_trainer.training.lenses.plan import decide, in_words, listed
from valtui_trainer.training.loop import Loop, NotFiniteError
from valtui_trainer.training.models import reason
from valtui_trainer.training.pace import warm_up
from valtui_trainer.training.patience import patience_of
from valtui_trainer.training.profiling.loop import ProfiledLoop
from valtui_trainer.training.profiling.write import remove_torn
from valtui_trainer.training.proof import conclude
from valtui_trainer.training.proof import decide as decide_at
from valtui_trainer.training.replica import Replica


def train(places: Places, control: Control, journal: Journal, clock: Clock) -> Final:
    """Do the work of an attempt.

    Raises:
        DataError, ModelError: with a sentence for the person at the terminal.
    """
    spec = read_document(places.run.spec, RunSpec)
    if spec is None:
        raise SessionError(f"{places.run.spec} is missing.")
    home = places.session.folder.parents[1]
    remove_torn(places.run)
    device = open_for(spec)
    journal.phase("data", LONG_DEADLINE)
    material = prepare(spec, home, device)
    journal.patience(
        lambda: write_validation(
            places.session, material.validation_digest, material.validation_arrays
        )
    )
    journal.open_rows(len(material.val_set), material.validation_digest)
    journal.phase("model", LONG_DEADLINE)
    found = checkpoint.newest(places.run.checkpoints) if places.attempt.number else None
    state: State | None = found[1] if found else None
    if state is None and places.attempt.number:
        journal.event(
            "warning", "No sound checkpoint was found; the run begins anew.", about="start"
        )
    fork = spec.fork if state is None else None
    start_state = read_start(places.run.start, fork) if fork is not None else None
    build = partial(build_replicas, spec, material, device, start_state)
    replicas = build(log_every=1)
    started = state or start_state
    reached = started["time"] if started is not None else 0.0
    clock.set(reached)
    with compile_networks(replicas, material, journal, clock):
        journal.phase("first step", LONG_DEADLINE)
        choice = choose(replicas, material.train_set)
        log_every, plans = went_on(state) if state else begin(spec, material, device, choice)
        for replica in replicas:
            replica.make_room(log_every)
        ensemble = ensemble_of(choice, replicas, partial(build, log_every=log_every), journal)
        loop = loop_of(places, spec)(
            preset=spec.preset,
            timetable=material.timetable,
            ensemble=ensemble,
            train_set=material.train_set,
            val_set=material.val_set,
            train_subset=material.train_subset,
            log_every=log_every,
            journal=journal,
            control=control,
            checkpoints=Checkpoints(places.run.checkpoints, material.timetable.ladder),
            clock=clock,
            panel=Panel.of(
                plans,
                spec.preset,
                material.train_set,
                material.val_set,
                [replica.model for replica in replicas],
                material.timetable.steps_per_epoch,
            ),
        )
        loop.patience = patience_of(spec)
        if state is not None:
            loop.load_state(state)
            if not spec.builder:
                known = read_checks(places.run)
                go_on_with_checks(loop, material, known, last_split_digest(places))
        else:
            loop.begin()
            if not spec.builder:  # the Recorder has checked what can be checked of theirs
                begin_with_checks(loop, material)
            clock.set(reached)
        if spec.proof:
            loop.on_evaluated = partial(decide_proof, loop, places.session, spec.proof)
        start = describe(
            places,
            spec,
            material,
            log_every,
            loop.step,
            clock(),
            found[0] if found else None,
            device,
            replicas[0].model,
            plans,
        )
        journal.document(places.attempt.start, start)
        for note in material.notes:
            journal.event("warning", note, about="data")
        if len(replicas) > 1 or device.type == "cuda":
            journal.event("engine", engine_in_words(ensemble), step=loop.step, engine=ensemble.name)
        if state is None or "lenses" not in state:
            journal.event("lens", in_words(plans), step=loop.step, **listed(plans))
        return to_the_end(loop, places, spec, material)


def build_replicas(
    spec: RunSpec,
    material: Material,
    device: torch.device,
    start_state: State | None,
    log_every: int,
) -> list[Replica]:
    """Return the seeds of a run, at the state that it begins from, if it does from one."""
    replicas = [build_replica(spec, seed, material, device, log_every) for seed in spec.seeds]
    if start_state is not None:
        for number, replica in enumerate(replicas):
            take_over(replica, start_state, number)
    return replicas


def ensemble_of(
    choice: Choice, replicas: list[Replica], build: Callable[[], list[Replica]], journal: Journal
) -> Ensemble:
    """Return `replicas` on the engine that was chosen, or, where that cannot be set up, in the loop.

    Then `replicas` are anew those that `build` returns, as the weights of the former may be moved.
    """
    try:
        return choice.of(replicas)
    except Exception as error:  # memory for all of them, above all, of which the loop takes less
        if choice.engine == "loop":
            raise
        why = reason(error)
    device = replicas[0].device
    replicas.clear()
    release(device)
    replicas.extend(build())
    journal.event(
        "warning",
        f"Steps cannot be {TRIED[choice.engine]} ({why}): they are launched one after another.",
        about="engine",
    )
    return Ensemble(replicas, f"what was chosen could not be set up ({why})")


def to_the_end(loop: Loop, places: Places, spec: RunSpec, material: Material) -> Final:
    """Train as long as the loop is to, and evaluate the test part if its end was reached."""
    device = material.train_set.device
    try:
        reached_end = loop.train()
    except NotFiniteError as error:
        loop.finish("finishing", keep=False)
        return ended("failed", loop, device, reason=str(error))
    if spec.proof:
        conclude(places.session, spec.proof, spec.id)
    if not reached_end:
        return ended("stopped", loop, device, reason=loop.control.stop_reason)
    return test(loop, material, device)


def loop_of(places: Places, spec: RunSpec) -> Callable[..., Loop]:
    """Return what makes the loop of an attempt: one that is profiled, where that was asked for."""
    if not spec.profile or places.attempt.number != places.run.profiled.number:
        return Loop
    preset = spec.preset
    about = (
        f"{spec.id}, {preset.model.name} in batches of {preset.batch_size}, "
        f"{len(spec.seeds)} seed(s), on {spec.device}"
    )
    return partial(ProfiledLoop, attempt=places.attempt, about=about)


def begin(
    spec: RunSpec, material: Material, device: torch.device, choice: Choice
) -> tuple[int, list[LensPlan]]:
    """Return the steps between two training records and the lenses of a run that begins.

    Both go by the pace of training, which is that of the chosen engine where it was measured.
    """
    log_every = warm_up(spec, material, device, choice.seconds)
    trials = {
        name: trial.beside_faster(choice.gain)
        for name, trial in try_out(spec, material, device).items()
    }
    return log_every, decide(spec.preset.lenses, len(material.train_set), trials)


def decide_proof(loop: Loop, session: SessionPaths, proof: str) -> None:
    """Look at the proof that the run of `loop` belongs to, if it is time for a look."""
    decide_at(session, proof, sum(step <= loop.step for step in loop.timetable.evaluations))


def last_split_digest(places: Places) -> str | None:
    """Return the digest of the data of the newest attempt before this one that began, or None."""
    for number in reversed(range(places.attempt.number)):
        with suppress(SessionError):
            start = read_document(places.run.attempt(number).start, Start)
            if start is not None:
                return start.split_digest
    return None


def went_on(state: State) -> tuple[int, list[LensPlan]]:
    """Return the same for a run that goes on from a checkpoint."""
    return state["log_every"], plans_of(state.get("lenses"))


def test(loop: Loop, material: Material, device: torch.device) -> Final:
    """Evaluate the test part once, at the best checkpoint of each seed, and say that all is done."""
    final = ended("done", loop, device, loop.ended_early)
    best = loop.checkpoints.best
    if material.test_set is None or best is None:
        return final
    loop.journal.phase("testing", LONG_DEADLINE)
    losses: dict[str, float | None] = {}
    accuracies: dict[str, float | None] = {}
    loop.evaluator.load_state(best.get("evaluator"))
    for number, (replica, state) in enumerate(zip(loop.replicas, best["replicas"], strict=True)):
        replica.model.load_state_dict(state["model"])
        found = loop.evaluator.evaluate(number, replica.model, on=material.test_set)
        losses[str(replica.seed)] = found.loss if math.isfinite(found.loss) else None
        accuracies[str(replica.seed)] = found.accuracy
    return ended("done", loop, device, loop.ended_early, losses, accuracies)


def ended(
    status: Status,
    loop: Loop,
    device: torch.device,
    reason: str = "",
    test_loss: dict[str, float | None] | None = None,
    test_accuracy: dict[str, float | None] | None = None,
) -> Final:
    """Return the final word on a loop."""
    best = loop.checkpoints
    return Final(
        status=status,
        step=loop.step,
        epoch=loop.step / loop.timetable.steps_per_epoch,
        time=loop.clock(),
        ended=utc_now(),
        reason=reason,
        best_step=best.best_step,
        best_val_loss=best.best_loss if math.isfinite(best.best_loss) else None,
        test_loss=test_loss,
        test_accuracy=test_accuracy,
        peak_memory=peak_memory(device),
    )


def describe(
    places: Places,
    spec: RunSpec,
    material: Material,
    log_every: int,
    from_step: int,
    from_time: float,
    source: Path | None,
    device: torch.device,
    model: torch.nn.Module,
    plans: list[LensPlan],
) -> Start:
    """Return what `start.json` says of this attempt."""
    preset: Preset = spec.preset
    timetable = material.timetable
    return Start(
        attempt=places.attempt.number,
        pid=os.getpid(),
        start_ticks=start_ticks(os.getpid()),
        boot_id=boot_id(),
        host=host(),
        started=utc_now(),
        device=spec.device,
        device_name=torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        from_step=from_step,
        from_time=from_time,
        checkpoint=source.name if source else None,
        checkpoint_sha256=checkpoint.sha256_of(source) if source else None,
        log_every=log_every,
        steps_per_epoch=timetable.steps_per_epoch,
        total_steps=timetable.total,
        eval_every=max(1, round(timetable.between)),
        images_per_evaluation=timetable.between * preset.batch_size,
        parameters=sum(p.numel() for p in model.parameters()),
        train_size=len(material.train_set),
        val_size=len(material.val_set),
        test_size=len(material.test_set) if material.test_set is not None else 0,
        image_shape=list(material.shape),
        classes=material.classes,
        balanced=material.balanced,
        data_digest=material.data_digest,
        split_digest=material.split_digest,
        validation_digest=material.validation_digest,
        by_class=material.by_class,
        data_source=material.source,
        notes=[*material.notes, *([NOT_TO_THE_BIT] if device.type == "cuda" else [])],
        versions=versions(),
        lenses=plans,
    )
