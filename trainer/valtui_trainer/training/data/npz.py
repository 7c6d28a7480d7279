"""Any `.npz` with train_images and train_labels, and optionally the same for val_ and test_."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from valtui_trainer.training.data.arrays import AnyArray, Images, Parts
from valtui_trainer.training.data.checks import as_labels, as_pixels, check_parts
from valtui_trainer.training.data.errors import DataError, some

PREFIXES = ("train", "val", "test")


def load_npz(path: Path) -> Parts:
    """Return the parts in the file at `path`; `class_names` (strings) in it is used where given.

    Raises:
        DataError: it cannot be read, is not a .npz, or an array is missing or not as it must be.
    """
    arrays = _read(path)
    names = _class_names(path, arrays)
    parts = {prefix: _part(path, arrays, prefix, names) for prefix in PREFIXES}
    train = parts["train"]
    if train is None:
        raise DataError(
            f"{path} has no train_images and train_labels; it has {some(sorted(arrays)) or 'nothing'}."
        )
    if not names:
        names = tuple(str(label) for label in range(int(train.labels.max()) + 1))
        parts = {
            prefix: Images(part.images, part.labels, names) if part else None
            for prefix, part in parts.items()
        }
    first = parts["train"]
    assert first is not None
    return check_parts(Parts(first, parts["val"], parts["test"], str(path)))


def _read(path: Path) -> dict[str, AnyArray]:
    wanted = {f"{prefix}_{kind}" for prefix in PREFIXES for kind in ("images", "labels")}
    wanted.add("class_names")
    name = ""
    try:
        if not zipfile.is_zipfile(path):
            path.open("rb").close()
            raise DataError(
                f"{path} is not a .npz file (a zip of arrays). Write one with numpy.savez, with "
                "train_images and train_labels."
            )
        with np.load(path, allow_pickle=False) as file:
            arrays: dict[str, AnyArray] = {}
            for name in file.files:
                arrays[name] = file[name] if name in wanted else np.empty(0)
            return arrays
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).") from None
    except MemoryError:
        raise DataError(f"{path}: the array {name!r} does not fit into memory.") from None
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        if "allow_pickle" in str(error):
            raise DataError(
                f"{path}: the array {name!r} holds Python objects, which are not loaded because they "
                "can run code. Save plain numbers (and class names as strings)."
            ) from None
        raise DataError(
            f"{path} is damaged at {name or 'its start'!r} ({error}). Copy or write it again."
        ) from None


def _part(
    path: Path, arrays: dict[str, AnyArray], prefix: str, names: tuple[str, ...]
) -> Images | None:
    images, labels = f"{prefix}_images", f"{prefix}_labels"
    present = [name for name in (images, labels) if name in arrays]
    if not present:
        return None
    if len(present) == 1:
        missing = labels if present[0] == images else images
        raise DataError(
            f"{path} has {present[0]} but no {missing}; it has {some(sorted(arrays), 8)}."
        )
    pixels = as_pixels(arrays[images], f"{path}: {images}")
    return Images(pixels, as_labels(arrays[labels], len(pixels), f"{path}: {labels}"), names)


def _class_names(path: Path, arrays: dict[str, AnyArray]) -> tuple[str, ...]:
    names = arrays.get("class_names")
    if names is None:
        return ()
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(
            f"{path}: class_names has the type {names.dtype} and the shape {names.shape}; it must be "
            "strings (classes,)."
        )
    return tuple(str(name) for name in names)
