"""From image files to one uint8 array: one size, grey or colour, and which files cannot be read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from valtui_trainer.training.data.arrays import AnyArray, Pixels
from valtui_trainer.training.data.errors import DataError

ENDINGS = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
GREY_MODES = frozenset(("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"))
WITH_ORIENTATION = frozenset(("JPEG", "MPO", "TIFF", "WEBP"))
TURNED = frozenset((5, 6, 7, 8))
ORIENTATION_TAG = 0x0112
# Everything Pillow raises for a damaged or absurd file; its decoders are not consistent.
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, IndexError,
              TypeError, KeyError, OverflowError, AttributeError, MemoryError, NotImplementedError,
              ZeroDivisionError)  # fmt: skip
MEMORY_SHARE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Images of one size.

    Attributes:
        pixels: uint8 (n, h, w, 1 or 3), in the order of the files; unreadable rows are zero.
        unreadable: rows that could not be read, ascending.
        notes: what was done to the images, a sentence each.
    """

    pixels: Pixels
    unreadable: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """Size (upright) and kind of an image, read without decoding it."""

    width: int
    height: int
    grey: bool


def decode(files: Sequence[Path]) -> Decoded:
    """Decode `files`, upright and without transparency, to the median of their sizes.

    One channel if all are grey (by kind, or because their three channels agree), else three.

    Raises:
        DataError: none can be read, or together they would not fit into half the memory.
    """
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        headers = list(pool.map(read_header, files))
        known = [header for header in headers if header is not None]
        if not known:
            raise DataError(
                f"None of the {len(files):,} images under {files[0].parent} can be read."
            )
        width, height = median_size(known)
        channels = 1 if all(header.grey for header in known) else 3
        _check_memory(len(files), height, width, channels)
        pixels = np.zeros((len(files), height, width, channels), dtype=np.uint8)

        def fill(row: int) -> bool:
            image = (
                None if headers[row] is None else read_image(files[row], width, height, channels)
            )
            if image is not None:
                pixels[row] = image
            return image is not None

        readable = list(pool.map(fill, range(len(files))))
    notes = _size_note(known, width, height)
    if channels == 3 and _without_colour(pixels):
        pixels = np.ascontiguousarray(pixels[..., :1])
        notes = (*notes, "All images are grey though saved in colour; they are taken as grey.")
    return Decoded(pixels, tuple(row for row, good in enumerate(readable) if not good), notes)


def read_header(file: Path) -> Header | None:
    """Return size and kind of the image in `file`, or None where it cannot be read."""
    try:
        with Image.open(file) as image:
            width, height = image.size
            turned = image.format in WITH_ORIENTATION and (
                image.getexif().get(ORIENTATION_TAG) in TURNED
            )
            if turned:
                width, height = height, width
            return Header(width, height, image.mode in GREY_MODES)
    except UNREADABLE:
        return None


def read_image(file: Path, width: int, height: int, channels: int) -> Pixels | None:
    """Return the image in `file` as uint8 (height, width, channels), or None where it cannot be read.

    16-bit grey is scaled to 8 bits; transparency is dropped; resizing is bilinear with antialiasing.
    """
    try:
        with Image.open(file) as opened:
            image: Image.Image = opened
            if opened.format in WITH_ORIENTATION:
                image = ImageOps.exif_transpose(opened)
            if image.mode.startswith("I"):
                image = Image.fromarray(_eight_bits(np.asarray(image)))
            if image.mode == "P" and "transparency" in image.info:
                image = image.convert("RGBA")
            image = image.convert("L" if channels == 1 else "RGB")
            if image.size != (width, height):
                image = image.resize((width, height), Image.Resampling.BILINEAR)
            pixels: Pixels = np.asarray(image, dtype=np.uint8).reshape(height, width, channels)
            return pixels
    except UNREADABLE:
        return None


def median_size(headers: Sequence[Header]) -> tuple[int, int]:
    """Return the median width and height, rounded: the common size where all agree."""
    width = float(np.median([header.width for header in headers]))
    height = float(np.median([header.height for header in headers]))
    return max(1, round(width)), max(1, round(height))


def _eight_bits(array: AnyArray) -> Pixels:
    return (np.clip(array.astype(np.int64), 0, 65535) // 257).astype(np.uint8)


def _size_note(headers: Sequence[Header], width: int, height: int) -> tuple[str, ...]:
    sizes = Counter((header.width, header.height) for header in headers)
    other = sum(count for size, count in sizes.items() if size != (width, height))
    if not other:
        return ()
    note = (
        f"The images have {len(sizes):,} sizes; {other:,} of {len(headers):,} were resized to "
        f"{width}x{height} (width x height, the median)."
    )
    return (note,)


def _without_colour(pixels: Pixels) -> bool:
    """Tell whether the three channels agree in every image, stopping at the first that differs."""
    return all(bool((image == image[..., :1]).all()) for image in pixels)


def _check_memory(count: int, height: int, width: int, channels: int) -> None:
    needed = count * height * width * channels
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > MEMORY_SHARE * memory:
        raise DataError(
            f"{count:,} images of {height}x{width} need {needed / 1e9:.1f} GB decoded, more than half "
            f"of this machine's {memory / 1e9:.1f} GB. Resize them first, to 224x224 for instance."
        )
