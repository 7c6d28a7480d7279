"""All presets and studies at hand: find them by name or path, follow `extends`, say where from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from valtui_trainer.presets import source
from valtui_trainer.presets.errors import PresetError, nearest
from valtui_trainer.presets.keys import (
    Table,
    assign,
    difference,
    known_keys,
    merge,
    settings,
    varying,
)
from valtui_trainer.presets.read import convert, line_of, place, read_table
from valtui_trainer.presets.types import Fault, Preset, Study

BASE = "seed-cnn"
PLANTED = "planted-"
"""How the name of a preset begins that may hold a fault."""


@dataclass(frozen=True, slots=True)
class Named:
    """A resolved preset with its name, its file, and the place it came from.

    Attributes:
        variant: what was changed of it for one run, as its run's id says it behind the name.
    """

    name: str
    preset: Preset
    path: Path
    place: str
    variant: str = ""


@dataclass(frozen=True, slots=True)
class NamedStudy:
    """A study with its name, its file, and the place it came from."""

    name: str
    study: Study
    path: Path
    place: str


@dataclass(slots=True)
class Library:
    """Presets and studies of all places; files are read when they are asked for."""

    presets: dict[str, tuple[Path, str]] = field(default_factory=dict)
    studies: dict[str, tuple[Path, str]] = field(default_factory=dict)

    @classmethod
    def open(cls, cwd: Path | None = None) -> Library:
        """Return the library as seen from `cwd`: names only, nothing is parsed yet."""
        library = cls()
        for where in source.places(cwd):
            for path in source.preset_files(where):
                library.presets[path.stem] = (path, where.name)
            for path in source.study_files(where):
                library.studies[path.stem] = (path, where.name)
        return library

    def preset(self, name: str) -> Named:
        """Return the preset called `name`, or the one in the file of that path, resolved.

        Raises:
            PresetError: there is none, or it or one it extends is wrong.
        """
        path, where = self._find(name)
        if not is_unicode(path.stem):
            raise PresetError(f"{path}: the name of the file is not UTF-8; rename it.")
        table = self._resolved(path, ())
        return refuse_fault(Named(path.stem, convert(table, Preset, path), path, where))

    def study(self, name: str) -> NamedStudy:
        """Return the study called `name`, or the one in the file of that path.

        Raises:
            PresetError: there is none, it is wrong, or it names an unknown preset.
        """
        if name in self.studies:
            path, where = self.studies[name]
        elif is_path(name):
            path, where = Path(name), "path"
        else:
            raise PresetError(f"no study is called {name!r}{nearest(name, self.studies)}.")
        study = convert(read_table(path), Study, path)
        for member in study.presets:
            if member not in self.presets and not is_path(member):
                hint = nearest(member, self.presets)
                raise PresetError(
                    f"{place(path, 'presets')}: the study names an unknown preset {member!r}{hint}."
                )
        return NamedStudy(path.stem, study, path, where)

    def is_study(self, name: str) -> bool:
        """Tell whether `name` (or the file at that path) is a study rather than a preset."""
        if name in self.studies:
            return True
        return name not in self.presets and is_path(name) and "question" in read_table(Path(name))

    def base(self) -> Preset:
        """Return the preset against which listings show differences."""
        return self.preset(BASE).preset if BASE in self.presets else Preset()

    def _find(self, name: str) -> tuple[Path, str]:
        if name in self.presets:
            return self.presets[name]
        if is_path(name):
            return Path(name), "path"
        both = [*self.presets, *self.studies]
        raise PresetError(
            f"no preset or study is called {name!r}{nearest(name, both)}. `valtui presets` lists them."
        )

    def _resolved(self, path: Path, chain: tuple[Path, ...]) -> Table:
        if path in chain:
            circle = " → ".join(p.stem for p in (*chain[chain.index(path) :], path))
            raise PresetError(f"{place(path, 'extends')}: 'extends' runs in a circle: {circle}.")
        table = read_table(path)
        parent = table.pop("extends", None)
        if parent is None:
            return check_keys(table, path)
        if not isinstance(parent, str):
            raise PresetError(
                f"{place(path, 'extends')}: extends = {parent!r} must name one preset."
            )
        check_keys(table, path)
        beside = path.parent / f"{parent}.toml"
        if parent in self.presets and self.presets[parent][0] != path:
            above = self.presets[parent][0]
        elif is_path(parent):
            above = (path.parent / parent) if not Path(parent).is_absolute() else Path(parent)
        elif beside.exists():
            above = beside
        else:
            raise PresetError(
                f"{place(path, 'extends')}: extends an unknown preset {parent!r}"
                f"{nearest(parent, self.presets)}."
            )
        inherited = self._resolved(above, (*chain, path))
        inherited.pop("description", None)
        return merge(inherited, table)


def check_keys(table: Table, path: Path) -> Table:
    """Return `table` after validating it alone, so that an error names the file that holds it."""
    convert(table, Preset, path)
    return table


def is_path(name: str) -> bool:
    """Tell whether `name` is meant as a file rather than a preset's name."""
    return name.endswith(".toml") or "/" in name


def with_settings(named: Named, assignments: dict[str, object]) -> Named:
    """Return `named` with dotted settings replaced.

    Raises:
        PresetError: a value has the wrong type or is out of range, or is a fault that this preset
            may not hold.
    """
    table: Table = msgspec.to_builtins(named.preset)
    for key, value in assignments.items():
        table = assign(table, key, value)
    return refuse_fault(replace(named, preset=convert(table, Preset, "--set")), "--set")


def refuse_fault(named: Named, where: str = "") -> Named:
    """Return `named`, unless it holds a fault and its name does not say so.

    Args:
        named: a preset.
        where: what set the fault, where it was not the preset's file.

    Raises:
        PresetError: naming the key, with the line that sets it or extends a preset that does.
    """
    if named.preset.fault == Fault() or named.name.startswith(PLANTED):
        return named
    sound = settings(Preset())
    key, value = next(
        (key, value)
        for key, value in settings(named.preset).items()
        if key.startswith("fault.") and value != sound[key]
    )
    inherited = not where and line_of(named.path, key) is None
    found = where or place(named.path, "extends" if inherited else key)
    raise PresetError(
        f"{found}: {key} = {value!r} is a mistake made on purpose{', inherited' if inherited else ''}; "
        f"only a preset whose name begins with {PLANTED!r} may hold one."
    )


def refuse_varied(
    study: NamedStudy, presets: list[Preset], keys: list[str], option: str = "--set"
) -> None:
    """Refuse to set a key that the study itself varies; `option` is what asks for it.

    Raises:
        PresetError: naming the key and the values it takes.
    """
    varied = varying(presets)
    for key in keys:
        if key in varied:
            raise PresetError(
                f"{option} {key}: the study {study.name!r} varies {key} itself; "
                "run one of its presets instead, or leave the setting out."
            )


__all__ = [
    "Library",
    "Named",
    "NamedStudy",
    "difference",
    "known_keys",
    "refuse_varied",
    "with_settings",
]


def is_unicode(name: str) -> bool:
    """Tell whether a file's name can be written into a log."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
