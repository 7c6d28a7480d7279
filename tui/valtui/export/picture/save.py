"""Pictures as files: each scene as SVG and PNG, under names that are not taken."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from valtui.export.picture.png import png_of
from valtui.export.picture.scene import Scene
from valtui.export.picture.svg import file_of
from valtui_trainer.session.layout import slug

MOST_OF_A_NAME = 999


def save(scenes: Sequence[tuple[str, Scene]], session: str, folder: Path) -> list[Path]:
    """Write scenes into `folder`, named after the session and themselves; return the files' stems.

    Raises:
        OSError: they cannot be written.
    """
    stems = []
    for name, scene in scenes:
        svg, png = file_of(scene).encode("utf-8", "replace"), png_of(scene)
        stem = free_stem(folder, f"{slug(session)}-{slug(name)}")
        for suffix, content in ((".svg", svg), (".png", png)):
            with open(stem.with_name(stem.name + suffix), "xb") as file:
                file.write(content)
        stems.append(stem)
    return stems


def free_stem(folder: Path, name: str) -> Path:
    """Return a name in `folder` that neither picture has yet.

    Raises:
        FileExistsError: there are hundreds of that name.
    """
    for number in range(1, MOST_OF_A_NAME):
        stem = folder / (name if number == 1 else f"{name}-{number}")
        if not any(os.path.lexists(f"{stem}{suffix}") for suffix in (".svg", ".png")):
            return stem
    raise FileExistsError(17, "there are hundreds of pictures of that name", str(folder / name))


def folder_for(home: Path) -> Path:
    """Return the current folder where it can be written, else `pictures` of the home."""
    try:
        here = Path.cwd()
        if os.access(here, os.W_OK | os.X_OK):
            return here
    except OSError:  # it was deleted
        pass
    folder = home / "pictures"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
