"""Small images as characters: two pixels a cell where colours can be had, else shades.

Pure: pixels and a size in cells go in, lines of segments come out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

UPPER_HALF = "▀"
SHADES = " ░▒▓█"
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of 8-bit pixels, row by row; one that compares and hashes, unlike an array.

    Attributes:
        channels: 1 for grey, 3 for red, green, blue.
    """

    width: int
    height: int
    channels: int
    pixels: bytes

    @classmethod
    def of(cls, image: Pixels) -> Picture | None:
        """Return the picture of an array (h, w) or (h, w, 3); None for any other shape."""
        fits = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
        if not fits or not image.size:
            return None
        channels = 1 if image.ndim == 2 else 3
        whole = np.ascontiguousarray(image, dtype=np.uint8)
        return cls(image.shape[1], image.shape[0], channels, whole.tobytes())

    @property
    def array(self) -> Pixels:
        """The pixels, shape (h, w, 3)."""
        found = np.frombuffer(self.pixels, np.uint8).reshape(self.height, self.width, self.channels)
        colours: Pixels = np.broadcast_to(found, (self.height, self.width, 3))
        return colours


def cells_for(picture: Picture, columns: int, rows: int) -> tuple[int, int]:
    """Return columns and rows that `picture` takes of what there is, in proportion."""
    scale = min(columns / picture.width, 2 * rows / picture.height)
    width = min(columns, max(1, round(picture.width * scale)))
    height = min(2 * rows, max(1, round(picture.height * scale)))
    return width, -(-height // 2)


def resized(picture: Picture, width: int, height: int) -> Pixels:
    """Return the picture at a size in pixels, each the mean of the area that falls on it, (h, w, 3)."""
    down, across = overlap(picture.height, height), overlap(picture.width, width)
    mean = np.einsum("hH,HWc,wW->hwc", down, picture.array.astype(np.float64), across)
    pixels: Pixels = np.clip(np.rint(mean), 0, 255).astype(np.uint8)
    return pixels


def overlap(old: int, new: int) -> Floats:
    """Return which part of each new pixel falls on each old one, (new, old); rows sum to 1."""
    edges = np.arange(new + 1) * old / new
    low = np.maximum(edges[:-1, None], np.arange(old)[None, :])
    high = np.minimum(edges[1:, None], np.arange(1, old + 1)[None, :])
    found: Floats = np.maximum(high - low, 0.0) * new / old
    return found


def draw(
    picture: Picture, columns: int, rows: int, *, shades: bool, ink_is_bright: bool = True
) -> list[list[Segment]]:
    """Return `picture` in at most so many cells: rows of segments, each `columns` wide.

    Args:
        picture: What is drawn, in proportion, in the middle.
        columns: Cells from left to right.
        rows: Cells from top to bottom.
        shades: With five shades of one character instead of colours.
        ink_is_bright: For shades: whether what is written is brighter than its ground.
    """
    width, height = cells_for(picture, columns, rows)
    left = (columns - width) // 2
    right = columns - width - left
    image = resized(picture, width, height if shades else 2 * height)
    lines = _shaded(image, ink_is_bright) if shades else _coloured(image)
    return [[Segment(" " * left), *line, Segment(" " * right)] for line in lines]


def _shaded(image: Pixels, ink_is_bright: bool) -> list[list[Segment]]:
    grey = image @ LUMA / 255
    if not ink_is_bright:
        grey = 1 - grey
    levels = np.clip((grey * len(SHADES)).astype(int), 0, len(SHADES) - 1)
    return [[Segment("".join(SHADES[level] for level in row))] for row in levels.tolist()]


def _coloured(image: Pixels) -> list[list[Segment]]:
    return [
        _merged(list(zip(map(tuple, upper), map(tuple, lower), strict=True)))
        for upper, lower in zip(image[0::2].tolist(), image[1::2].tolist(), strict=True)
    ]


Colours = tuple[tuple[int, ...], tuple[int, ...]]


def _merged(cells: Sequence[Colours]) -> list[Segment]:
    """Return one segment for each stretch of equal cells."""
    found: list[Segment] = []
    begin = 0
    for at in range(1, len(cells) + 1):
        if at == len(cells) or cells[at] != cells[begin]:
            found.append(Segment(UPPER_HALF * (at - begin), _style(cells[begin])))
            begin = at
    return found


@lru_cache(maxsize=4096)
def _style(colours: Colours) -> Style:
    (r, g, b), (red, green, blue) = colours
    return Style.from_color(Color.from_rgb(r, g, b), Color.from_rgb(red, green, blue))
