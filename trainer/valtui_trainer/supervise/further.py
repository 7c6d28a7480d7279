"""Runs for a session that has begun: one more preset, a run with settings changed, seeds more."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import msgspec

from valtui_trainer.presets.data import from_anywhere
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.library import Named, with_settings
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.create import from_scratch, run_id
from valtui_trainer.session.described import of_another
from valtui_trainer.session.records import RunSpec, SessionSpec
from valtui_trainer.supervise.grid import varied_again
from valtui_trainer.supervise.plan import MOST_RUNS, check_preset, make_run


def further_run(session: SessionSpec, runs: list[RunSpec], named: Named) -> RunSpec:
    """Return a run of one more preset for a session that has begun, under the session's own options.

    Args:
        session: that has begun.
        runs: all that it has, those that wait included.
        named: the preset.

    Raises:
        PresetError: the preset cannot run on the session's device.
    """
    named = with_settings(named, session.settings)
    check_preset(named, session.device, session.allow_code)
    taken = {run.id for run in runs}
    return make_run(session, named, next_position(runs), taken, session.allow_code)


def edited_run(
    session: SessionSpec, runs: list[RunSpec], run: RunSpec, changes: Mapping[str, object]
) -> RunSpec:
    """Return a run from scratch that differs from `run` in `changes` alone; its id tells them.

    Args:
        session: that has begun.
        runs: all that it has, those that wait included.
        run: one of them; the session's own settings are in its preset already.
        changes: settings, by dotted key.

    Raises:
        PresetError: the settings cannot be, or cannot run on the session's device.
    """
    named = with_settings(named_of(run), dict(changes))
    check_preset(named, session.device, session.allow_code)
    variant = varied_again(lineage(run).removeprefix(run.preset_name), changes)
    return again(session, runs, run, named.preset, run.preset_name + variant)


def named_of(run: RunSpec) -> Named:
    """Return the preset of a run as it was when it began, which its file may be no more."""
    return Named(run.preset_name, run.preset, Path(f"{run.preset_name}.toml"), "")


def lineage(run: RunSpec) -> str:
    """Return what the id of `run` says of its preset and settings, whatever its seeds."""
    if run.fork is not None or run.proof:
        return run.preset_name
    return run.id.partition("+seeds-")[0]


def next_position(runs: list[RunSpec]) -> int:
    """Return the place in the session of a further run."""
    return max((run.position for run in runs), default=-1) + 1


def again(
    session: SessionSpec, runs: list[RunSpec], run: RunSpec, preset: Preset, name: str
) -> RunSpec:
    """Return a run from scratch of `preset` where and how `run` is trained, with an id that begins with `name`."""
    seeds = list(preset.seed_list())
    return msgspec.structs.replace(
        run,
        id=run_id(name, {other.id for other in runs}, seeds),
        preset=msgspec.structs.replace(preset, data=from_anywhere(preset.data)),
        seeds=seeds,
        position=next_position(runs),
        session=session.id,
        fork=None,
        proof="",
        profile=False,
    )


def further_seeds(
    session: SessionSpec, runs: list[RunSpec], run: RunSpec, count: int = 2
) -> RunSpec:
    """Return a run from scratch of `count` seeds more of the preset of `run`; all else is as there.

    The seeds are the lowest that no run of this preset has in the session, continuations aside.

    Args:
        session: that has begun.
        runs: all that it has, those that wait included.
        run: one of them.
        count: how many seeds.

    Raises:
        PresetError: `run` is a continuation, or the session is full.
    """
    if of_another(run):
        raise PresetError(of_another(run))
    if run.fork is not None:
        raise PresetError(
            f"{run.id} goes on from a checkpoint of {run.fork.run}; more seeds begin from scratch, "
            f"so add them to a run that did."
        )
    if len(runs) >= MOST_RUNS:
        raise PresetError(
            f"This session has {len(runs)} runs, and {MOST_RUNS} are the most that one can show. "
            f"Start the preset in a session of its own, with --seeds."
        )
    same = [other for other in runs if from_scratch(other) == from_scratch(run)]
    taken = {seed for other in same for seed in other.seeds}
    free = (seed for seed in itertools.count() if seed not in taken)
    seeds = list(itertools.islice(free, count))
    preset = msgspec.structs.replace(run.preset, seeds=seeds)
    return again(session, runs, run, preset, lineage(run))
