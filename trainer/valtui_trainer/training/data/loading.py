"""From a name or a path to its parts: says which reader is asked, and what to do when none fits."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal

from valtui_trainer.presets.data import NAMED_DATA
from valtui_trainer.session.safe import safe
from valtui_trainer.training.data import folder, mnist, npz, torchvision_sets
from valtui_trainer.training.data.arrays import Parts
from valtui_trainer.training.data.errors import DataError

MNIST5K = "mnist5k"


def load(
    name_or_path: str,
    *,
    root: Path,
    cache: Path,
    bad_images: Literal["refuse", "skip"] = "refuse",
    download: bool = True,
) -> Parts:
    """Return the parts of a data set.

    Args:
        name_or_path: `mnist5k`, one of torchvision's sets (any case), an `.npz`, or a folder of class
            folders. A name wins over a path; write `./mnist5k` for a folder of that name.
        root: where torchvision's sets lie, or are downloaded to.
        cache: where decoded data are kept between starts.
        bad_images: unreadable images of a folder are an error, or left out and named in a note.
        download: fetch a torchvision set that is not there.

    Raises:
        DataError: there is no such data, or it cannot be used.
    """
    name = name_or_path.strip()
    known = {entry.lower(): entry for entry in NAMED_DATA}.get(name.lower())
    if known == MNIST5K:
        return mnist.load_mnist5k(cache)
    if known:
        return torchvision_sets.load_torchvision(known, root, download=download)
    try:
        path = Path(name).expanduser()
    except RuntimeError:
        raise DataError(f"{safe(name, 200)}: there is no such user on this machine.") from None
    try:
        if name and path.is_dir():
            return folder.load_folder(path, cache, bad_images)
        if name and path.is_file():
            return npz.load_npz(path)
    except OSError as error:
        raise DataError(f"{safe(name, 200)} cannot be read ({error.strerror}).") from None
    raise DataError(_unknown(name))


def _unknown(name: str) -> str:
    shown = safe(name, 200)
    if "/" in name or Path(name).suffix:
        return (
            f"{shown}: there is no such file or folder. Check the path (relative to {Path.cwd()})."
        )
    lower = {entry.lower(): entry for entry in NAMED_DATA}
    match = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.5)
    hint = f" Did you mean {lower[match[0]]!r}?" if match else ""
    return (
        f"No data set is called {shown!r}, and there is no file or folder of that name.{hint} "
        f"Known are {', '.join(NAMED_DATA)}, any .npz, and any folder of class folders."
    )
