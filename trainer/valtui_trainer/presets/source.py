"""Where presets and studies are found: in the wheel, the user's config folder, `./presets`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that holds presets, and its name in listings."""

    name: str
    folder: Path


def shipped_folder() -> Path:
    """Return the presets that come with valtui: of the checkout, else of the wheel."""
    here = Path(__file__).resolve()
    checkout = here.parents[3] / "presets"
    return checkout if (checkout / "studies").is_dir() else here.parents[2] / "valtui_presets"


def places(cwd: Path | None = None) -> tuple[Place, ...]:
    """Return the folders that are searched, later ones winning by name."""
    shipped = Place("valtui", shipped_folder())
    config = Place("config", Path(platformdirs.user_config_dir("valtui")) / "presets")
    local = Place("./presets", (cwd or Path.cwd()) / "presets")
    found = [shipped, config]
    if local.folder.resolve() != shipped.folder.resolve():
        found.append(local)
    return tuple(found)


def preset_files(place: Place) -> Iterator[Path]:
    """Yield the preset files of a place, in order of name."""
    yield from sorted(place.folder.glob("*.toml"))


def study_files(place: Place) -> Iterator[Path]:
    """Yield the study files of a place, in order of name."""
    yield from sorted((place.folder / "studies").glob("*.toml"))
