"""The command line that repeats a run: its preset, and what else its settings say."""

from __future__ import annotations

import os
import shlex

from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.keys import difference, spelled
from valtui_trainer.presets.library import BASE, Library
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.described import of_another
from valtui_trainer.session.records import RunSpec
from valtui_trainer.supervise.devices import cores, threads_per_run
from valtui_trainer.supervise.plan import niceness


def command_of(spec: RunSpec, library: Library) -> str:
    """Return the words that start a run like `spec` from scratch, quoted for a shell.

    They hold as long as the preset that they name stays what it is, on a machine of as many cores. Where
    the run's own code and downloaded data lay stands before them, unless it is so here.

    Raises:
        PresetError: another program trains it, or it goes on from a checkpoint.
    """
    if of_another(spec):
        raise PresetError(of_another(spec))
    if spec.fork is not None:
        raise PresetError(
            f"{spec.id} goes on from a checkpoint of {spec.fork.run}; no command begins there."
        )
    name, base = based_on(spec, library)
    changed = dict(difference(spec.preset, base))
    changed.pop("seeds", None)
    if list(base.seed_list()) != spec.seeds:
        first = spec.seeds == list(range(len(spec.seeds)))
        changed["seeds"] = len(spec.seeds) if first else spec.seeds
    words = ["valtui", "run", name]
    for key, value in changed.items():
        words += ["--set", f"{key}={spelled(value)}"]
    words += ["--device", spec.device]
    if spec.allow_code:
        words.append("--allow-code")
    if spec.memory_fraction is not None:
        words += ["--memory-fraction", f"{spec.memory_fraction:g}"]
    if spec.nice != niceness(None, spec.device):
        words += ["--nice", str(spec.nice)]
    beside = beside_others(spec)
    if beside > 1:
        words += ["--parallel", str(beside)]
    return surroundings(spec) + shlex.join(words)


def beside_others(spec: RunSpec) -> int:
    """Return for how many runs at once the CPU threads of `spec` are those that it had, 1 where for none."""
    if spec.device != "cpu":
        return 1
    counts = range(1, cores() + 1)
    return next((one for one in counts if threads_per_run("cpu", one) == spec.threads), 1)


def surroundings(spec: RunSpec) -> str:
    """Return what goes before the command, for a shell: the folder of own code, and where data lies."""
    folder = (
        f"cd {shlex.quote(spec.code_path)} && " if spec.code_path not in ("", os.getcwd()) else ""
    )
    if spec.data_root in ("", os.environ.get("VALTUI_DATA", "")):
        return folder
    return f"{folder}VALTUI_DATA={shlex.quote(spec.data_root)} "


def based_on(spec: RunSpec, library: Library) -> tuple[str, Preset]:
    """Return the preset to name: the run's own, or, where that is gone, the one all presets begin with."""
    for name in (spec.preset_name, BASE):
        try:
            return name, library.preset(name).preset
        except PresetError:
            continue
    raise PresetError(f"neither the preset {spec.preset_name} nor {BASE} is there any more.")
