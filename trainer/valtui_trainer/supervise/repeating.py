"""The command line that repeats a run: its preset, and what else its settings say."""

from __future__ import annotations

import shlex

from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.keys import difference, spelled
from valtui_trainer.presets.library import BASE, Library
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.described import of_another
from valtui_trainer.session.records import RunSpec
from valtui_trainer.supervise.plan import niceness


def command_of(spec: RunSpec, library: Library) -> str:
    """Return the words that start a run like `spec` from scratch, quoted for a shell.

    They hold as long as the preset that they name stays what it is.

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
    return shlex.join(words)


def based_on(spec: RunSpec, library: Library) -> tuple[str, Preset]:
    """Return the preset to name: the run's own, or, where that is gone, the one all presets begin with."""
    for name in (spec.preset_name, BASE):
        try:
            return name, library.preset(name).preset
        except PresetError:
            continue
    raise PresetError(f"neither the preset {spec.preset_name} nor {BASE} is there any more.")
