"""A folder of class folders, or of train, val and test with class folders: what is in it, decoded, kept."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from valtui_trainer.session.safe import safe
from valtui_trainer.training.data import cache as caching
from valtui_trainer.training.data.arrays import Images, Parts
from valtui_trainer.training.data.checks import check_parts
from valtui_trainer.training.data.decode import ENDINGS, decode
from valtui_trainer.training.data.errors import DataError, some

FORMAT = 1
SPELLINGS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True, slots=True)
class Listing:
    """The image files of one part, each with the class folder it is in.

    Attributes:
        files: paths, sorted within their class.
        classes: the class folder's name of each file.
    """

    files: tuple[Path, ...]
    classes: tuple[str, ...]


def load_folder(path: Path, cache: Path, bad_images: Literal["refuse", "skip"]) -> Parts:
    """Return the images under `path`, decoded once and kept in `cache` until a file changes.

    Raises:
        DataError: no classes, one class, an empty class, no images, or (`refuse`) unreadable images.
    """
    listings, names, notes = _list_parts(path)
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]
    kept_at = cache / f"folder-{place}-{_state_of(path, listings, bad_images)}.npz"
    kept = caching.read(kept_at)
    parts = None if kept is None else _unpack(kept, path, names)
    if parts is None:
        parts = _decode_parts(path, listings, names, notes, bad_images)
        for old in cache.glob(f"folder-{place}-*.npz"):
            old.unlink(missing_ok=True)
        if not caching.write(kept_at, _pack(parts)):
            note = (
                f"The decoded images could not be kept in {cache}; each start decodes them again."
            )
            parts = Parts(parts.train, parts.val, parts.test, parts.source, (*parts.notes, note))
    return check_parts(parts)


def _list_parts(path: Path) -> tuple[dict[str, Listing], tuple[str, ...], list[str]]:
    """Return the files of each part, the class names, and notes on what was left out."""
    folders = {folder.name: folder for folder in _folders(path)}
    lower = {name.lower(): folder for name, folder in folders.items()}
    where: dict[str, Path] = {}
    for part, spellings in SPELLINGS.items():
        found = next((lower[spelling] for spelling in spellings if spelling in lower), None)
        if found is not None:
            where[part] = found
    notes: list[str] = []
    if "train" in where and _folders(where["train"]):
        outside = sorted(set(folders.values()) - set(where.values()))
        if outside:
            notes.append(
                f"{path}: beside train, val and test, left out: {some([f.name for f in outside])}."
            )
    else:
        where = {"train": path}
    names = tuple(folder.name for folder in _folders(where["train"]))
    if len(names) < 2:
        found_text = f"only {safe(names[0])}" if names else "none"
        raise DataError(
            f"{where['train']} must hold one folder for each class, at least two; it has {found_text}. "
            "Put the images into class folders (or into train/, val/ and test/ with class folders)."
        )
    listings = {}
    for part, folder in where.items():
        listings[part] = _list_part(folder, part, names, notes)
    return listings, names, notes


def _list_part(path: Path, part: str, names: tuple[str, ...], notes: list[str]) -> Listing:
    unknown = [folder.name for folder in _folders(path) if folder.name not in names]
    if unknown:
        raise DataError(
            f"{path} has class folders that the training part lacks: {some(unknown)}. "
            "Add training images of them, or remove them here."
        )
    files: list[Path] = []
    classes: list[str] = []
    others = 0
    empty = []
    for name in names:
        images, left_out = _image_files(path / name)
        others += left_out
        files += images
        classes += [name] * len(images)
        if not images:
            empty.append(name)
    if part == "train" and empty:
        raise DataError(
            f"{path}: no images in the class folder {some(empty)}. Fill or remove it; images end "
            f"in {', '.join(sorted(ENDINGS))}."
        )
    if not files:
        raise DataError(f"{path} holds no images. Fill it or remove it.")
    if others:
        notes.append(f"{path}: {others:,} files that are not images by their ending were left out.")
    return Listing(tuple(files), tuple(classes))


def _folders(path: Path) -> list[Path]:
    return sorted(
        entry
        for entry in path.iterdir()
        if entry.is_dir() and not entry.name.startswith((".", "__"))
    )


def _image_files(folder: Path) -> tuple[list[Path], int]:
    """Return the image files anywhere under `folder`, sorted, and how many other files there are."""
    images: list[Path] = []
    others = 0
    for above, _, names in os.walk(folder):
        for name in names:
            if name.startswith(".") or name.lower() == "thumbs.db":
                continue
            if os.path.splitext(name)[1].lower() in ENDINGS:
                images.append(Path(above, name))
            else:
                others += 1
    return sorted(images), others


def _state_of(path: Path, listings: dict[str, Listing], bad_images: str) -> str:
    """Return a digest of all names, sizes and times of change."""
    digest = hashlib.sha256(f"{FORMAT}:{bad_images}".encode())
    for part, listing in listings.items():
        for file in listing.files:
            try:
                found = file.stat()
                size, changed = found.st_size, found.st_mtime_ns
            except OSError:
                size, changed = -1, -1
            line = f"\0{part}\0{size}\0{changed}\0".encode()
            digest.update(os.fsencode(file.relative_to(path)) + line)
    return digest.hexdigest()[:16]


def _decode_parts(
    path: Path,
    listings: dict[str, Listing],
    names: tuple[str, ...],
    notes: list[str],
    bad_images: str,
) -> Parts:
    files = [file for listing in listings.values() for file in listing.files]
    decoded = decode(files)
    bad = [str(files[row].relative_to(path)) for row in decoded.unreadable]
    if bad and bad_images == "refuse":
        raise DataError(
            f"{path}: {_count(len(bad))} cannot be read: {some(bad)}. "
            "Repair or remove them, or set bad_images to skip."
        )
    if bad:
        notes = [*notes, f"{_count(len(bad))} skipped, unreadable: {some(bad)}."]
    label_of = {name: label for label, name in enumerate(names)}
    sound = np.ones(len(files), dtype=bool)
    sound[list(decoded.unreadable)] = False
    parts: dict[str, Images] = {}
    begin = 0
    for part, listing in listings.items():
        end = begin + len(listing.files)
        keep = sound[begin:end]
        labels = np.array([label_of[name] for name in listing.classes], dtype=np.int64)[keep]
        lost = sorted(set(listing.classes) - {names[label] for label in labels})
        if part == "train" and lost:
            raise DataError(f"{path}: no readable training image is left in {some(lost)}.")
        if len(labels):
            parts[part] = Images(decoded.pixels[begin:end][keep], labels, names)
        begin = end
    every_note = (*notes, *decoded.notes)
    return Parts(parts["train"], parts.get("val"), parts.get("test"), str(path), every_note)


def _count(number: int) -> str:
    return "1 image" if number == 1 else f"{number:,} images"


def _pack(parts: Parts) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {"notes": np.array(parts.notes, dtype=np.str_)}
    for name, part in parts.given():
        arrays[f"{name}_images"], arrays[f"{name}_labels"] = part.images, part.labels
    return arrays


def _unpack(arrays: dict[str, np.ndarray], path: Path, names: tuple[str, ...]) -> Parts | None:
    def part(name: str) -> Images | None:
        images, labels = arrays.get(f"{name}_images"), arrays.get(f"{name}_labels")
        return None if images is None or labels is None else Images(images, labels, names)

    train = part("train")
    if train is None:
        return None
    notes = tuple(str(note) for note in arrays.get("notes", ()))
    return Parts(train, part("val"), part("test"), str(path), notes)
