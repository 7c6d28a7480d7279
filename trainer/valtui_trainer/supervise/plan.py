"""Turn what a person asked for into a session and its runs; nothing is written or started here."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import msgspec

from valtui_trainer.presets.data import from_anywhere
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.keys import parse_assignment
from valtui_trainer.presets.library import Library, Named, NamedStudy, refuse_varied, with_settings
from valtui_trainer.session.create import run_id
from valtui_trainer.session.layout import session_id, utc_now
from valtui_trainer.session.machine import host
from valtui_trainer.session.records import RunSpec, SessionSpec
from valtui_trainer.supervise.devices import choose_device, runs_at_once, threads_per_run
from valtui_trainer.supervise.grid import (
    combinations,
    over_grid,
    parse_grid,
    refuse_twice,
)

PACKAGES = ("valtui", "torch", "torchvision", "numpy", "textual")
MOST_RUNS = 9
"""That one session shows."""

NICE_ON_CPU = 5
"""The kernel weighs it a third of an ordinary process; what that costs a run was not measured."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for, as the command line or the home screen took it.

    Attributes:
        names: a study, or presets, by name or path.
        assignments: texts of `--set`.
        grid: texts of `--grid`; each preset is trained with every combination of their values.
        memory_fraction: of the GPU's memory that each run may take, above 0 and at most 1.
        nice: by how much runs yield to other processes, 0 to 19; None: `NICE_ON_CPU` on the CPU, else 0.
        profile: whether each run records where the time of some of its first steps goes.
    """

    names: tuple[str, ...]
    assignments: tuple[str, ...] = ()
    grid: tuple[str, ...] = ()
    seeds: int | None = None
    epochs: float | None = None
    data: str | None = None
    device: str = "auto"
    parallel: int | None = None
    allow_code: bool = False
    profile: bool = False
    memory_fraction: float | None = None
    nice: int | None = None
    command: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Plan:
    """A session to be made, and its runs."""

    session: SessionSpec
    runs: tuple[RunSpec, ...]


def make_plan(request: Request, library: Library) -> Plan:
    """Resolve a request.

    Raises:
        PresetError: it cannot be done as asked; the text says why.
    """
    study, presets = members(request.names, library)
    settings = dict(parse_assignment(text) for text in request.assignments)
    settings.update(named_settings(request))
    if isinstance(settings.get("data"), str):
        settings["data"] = from_anywhere(str(settings["data"]))
    grid = parse_grid(request.grid)
    refuse_twice(grid, settings)
    if study is not None:
        varied = [named.preset for named in presets]
        refuse_varied(study, varied, list(settings))
        refuse_varied(study, varied, list(grid), "--grid")
    refuse_too_many(len(presets) * combinations(grid))
    presets = over_grid([with_settings(named, settings) for named in presets], grid)
    device = choose_device(request.device)
    for named in presets:
        check_preset(named, device, request.allow_code)
    parallel = runs_at_once(device, len(presets), request.parallel)
    title = study.name if study else "+".join(dict.fromkeys(named.name for named in presets))
    if grid:
        title += f", {' × '.join(grid)}"
    session = SessionSpec(
        id=session_id(title),
        created=utc_now(),
        title=title,
        study=study.name if study else None,
        question=study.study.question if study else "",
        presets=[named.name + named.variant for named in presets],
        device=device,
        parallel=parallel,
        host=host(),
        versions=versions(),
        command=list(request.command),
        settings=settings,
        allow_code=request.allow_code,
        memory_fraction=request.memory_fraction,
        nice=niceness(request.nice, device),
    )
    runs = make_runs(session, presets, request.allow_code)
    if request.profile:
        runs = [msgspec.structs.replace(run, profile=True) for run in runs]
    return Plan(session, tuple(runs))


def make_runs(session: SessionSpec, presets: list[Named], allow_code: bool) -> list[RunSpec]:
    """Return one run for each preset, in order, with ids that are unique in the session."""
    taken: set[str] = set()
    runs = []
    for position, named in enumerate(presets):
        runs.append(make_run(session, named, position, taken, allow_code))
        taken.add(runs[-1].id)
    return runs


def make_run(
    session: SessionSpec, named: Named, position: int, taken: set[str], allow_code: bool = False
) -> RunSpec:
    """Return the run of one preset in `session`."""
    seeds = list(named.preset.seed_list())
    return RunSpec(
        id=run_id(named.name + named.variant, taken, seeds),
        preset_name=named.name,
        preset=msgspec.structs.replace(named.preset, data=from_anywhere(named.preset.data)),
        seeds=seeds,
        device=session.device,
        threads=threads_per_run(session.device, session.parallel),
        position=position,
        session=session.id,
        data_root=os.environ.get("VALTUI_DATA", ""),
        allow_code=allow_code,
        code_path=os.getcwd() if allow_code else "",
        memory_fraction=session.memory_fraction,
        nice=session.nice,
    )


def niceness(wanted: int | None, device: str) -> int:
    """Return by how much runs yield: on the CPU a little, so that screen and shell stay quick."""
    if wanted is not None:
        return wanted
    return NICE_ON_CPU if device == "cpu" else 0


def members(names: tuple[str, ...], library: Library) -> tuple[NamedStudy | None, list[Named]]:
    """Return the study that `names` means, if it is one, and the presets."""
    if not names:
        raise PresetError("Name a study or presets; `valtui presets` lists them.")
    if len(names) == 1 and library.is_study(names[0]):
        study = library.study(names[0])
        return study, [library.preset(name) for name in study.study.presets]
    for name in names:
        if library.is_study(name):
            raise PresetError(f"{name!r} is a study; name either one study, or presets.")
    if len(set(names)) < len(names):
        raise PresetError("The same preset is named twice; use --seeds to train it more than once.")
    presets = [library.preset(name) for name in names]
    return None, presets


def refuse_too_many(count: int) -> None:
    """Refuse more presets than a session shows.

    Raises:
        PresetError: with how many they are.
    """
    if count > MOST_RUNS:
        raise PresetError(f"{count:,} presets are too many for one screen; at most {MOST_RUNS}.")


def named_settings(request: Request) -> dict[str, object]:
    """Return the settings that have options of their own."""
    found: dict[str, object] = {}
    if request.seeds is not None:
        found["seeds"] = request.seeds
    if request.epochs is not None:
        found["epochs"] = request.epochs
    if request.data is not None:
        found["data"] = request.data
    return found


def check_preset(named: Named, device: str, allow_code: bool) -> None:
    """Refuse what can be refused without torch.

    Raises:
        PresetError: saying why.
    """
    preset = named.preset
    if (
        ":" in preset.model.name
        and not preset.model.name.startswith("torchvision:")
        and not allow_code
    ):
        raise PresetError(
            f"The preset {named.name!r} runs your own code, {preset.model.name}. "
            "Add --allow-code if you trust it."
        )
    if preset.precision == "bfloat16" and device == "cpu":
        raise PresetError(
            f"The preset {named.name!r} asks for bfloat16, which valtui trains on CUDA only; "
            "use --set precision=float32."
        )
    if len(set(preset.seed_list())) < len(preset.seed_list()):
        raise PresetError(f"The preset {named.name!r} names a seed twice.")


def versions() -> dict[str, str]:
    """Return the installed versions that a result may depend on."""
    import importlib.metadata  # takes as long to load as all of ours that a screen needs

    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
