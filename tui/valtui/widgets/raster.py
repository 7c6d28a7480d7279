"""From envelopes, already scaled to dots, to braille cells: which dots are set and who owns a cell.

Pure functions over arrays. They know neither units, nor colours, nor the widget.

Dots count from the top left; a cell is 2 dots wide and 4 high. Heights are floats in dots, 0.0 the
upper edge of the plot, and NaN where there is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Owners: TypeAlias = npt.NDArray[np.int8]
Glyphs: TypeAlias = npt.NDArray[np.uint32]

NOBODY = -1
DIM = 32
BAND = 64
"""An owner is the index of a series in drawing order; plus DIM for its dim part, plus BAND for its
band. So there are at most 32 series."""

BRAILLE = 0x2800
_LEFT = (0x01, 0x02, 0x04, 0x40)
_RIGHT = (0x08, 0x10, 0x20, 0x80)
_BAND_LEFT, _BAND_RIGHT = 0x01 | 0x04, 0x10 | 0x80
"""The dots of a cell that a band fills: every second one, staggered."""


_CHARACTERS = np.arange(BRAILLE, BRAILLE + 256, dtype=np.uint32)
_CHARACTERS[0] = ord(" ")


@dataclass(frozen=True, slots=True)
class Spot:
    """A character that takes a cell's place: a spike, a best point, a NaN, a seam, a line's end."""

    row: int
    column: int
    glyph: str
    owner: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What stands in the cells; all arrays of shape (rows, columns).

    Attributes:
        dots: The braille pattern, 0 for none.
        owner: Whose colour the cell has, NOBODY for a blank.
        glyph: Code point of a character that takes the cell, 0 for none.
    """

    dots: Bytes
    owner: Owners
    glyph: Glyphs

    def characters(self) -> Glyphs:
        """Code points as they are printed: glyph before dots, a space where there is neither."""
        return np.where(self.glyph > 0, self.glyph, _CHARACTERS.take(self.dots))


def blank(rows: int, columns: int) -> Picture:
    """An empty picture of so many cells."""
    return Picture(
        np.zeros((rows, columns), np.uint8),
        np.full((rows, columns), NOBODY, np.int8),
        np.zeros((rows, columns), np.uint32),
    )


def spans(
    top: Floats, bottom: Floats, first: Floats, last: Floats, joined: Bools, height: int
) -> tuple[Ints, Ints]:
    """The vertical runs of dots that make one-dot lines, one run a dot column.

    Neighbouring points are connected by straight lines, across empty columns too, but never where
    `joined` is false. Two columns share the rows between them halfway, so that a flat line is one
    dot thick.

    Args:
        top: Shape (series, dot columns): height of the highest point; NaN where there is none.
        bottom: Likewise the lowest.
        first: Likewise the first in time.
        last: Likewise the last.
        joined: Likewise whether the first point connects to the point before it.
        height: Dots in all.

    Returns:
        First and last row (inclusive) of each run, clipped to the plot; last < first: no dot.
    """
    series, columns = top.shape
    there = top == top
    entry, leave = np.full((2, series, columns), np.nan)
    entry[:, 1:] = leave[:, :-1] = _between(there, first, last, joined)
    between = (entry + leave) / 2  # where a column has no point but a line through it
    begin = np.floor(np.where(there, top, between))
    stop = np.floor(np.where(there, bottom, between))
    for edge, own in ((entry, first), (leave, last)):
        # Rows whose middle lies below the edge belong to the column on the lower side of it.
        cut = np.ceil(edge - 0.5)
        height_here = np.where(there, own, between)
        begin = np.where(height_here > edge, np.fmin(begin, cut), begin)
        stop = np.where(height_here < edge, np.fmax(stop, cut - 1), stop)
    nothing = begin != begin
    begin[nothing], stop[nothing] = height, -1
    np.minimum(np.maximum(begin, 0, out=begin), height, out=begin)
    np.minimum(np.maximum(stop, -1, out=stop), height - 1, out=stop)
    return begin.astype(np.int64), stop.astype(np.int64)


def _between(there: Bools, first: Floats, last: Floats, joined: Bools) -> Floats:
    """The height at which a line goes from each column to the next; NaN where none does."""
    series, columns = there.shape
    at = np.arange(columns)
    if there.all():  # no column is skipped
        return np.where(joined[:, 1:], (last[:, :-1] + first[:, 1:]) / 2, np.nan)
    left = np.maximum.accumulate(np.where(there, at, -1), axis=1)[:, :-1]
    right = np.minimum.accumulate(np.where(there, at, columns)[:, ::-1], axis=1)[:, ::-1][:, 1:]
    ends = (left >= 0) & (right < columns)
    offset = np.arange(0, series * columns, columns)[:, None]
    left_at, right_at = left + offset, np.minimum(right, columns - 1) + offset
    start, end = last.ravel().take(left_at, mode="clip"), first.ravel().take(right_at)
    share = (at[:-1] + 0.5 - left) / (right - left)
    linked = ends & joined.ravel().take(right_at)
    return np.where(linked, start + (end - start) * share, np.nan)


def filled(level: Floats, joined: Bools) -> Floats:
    """Heights with the empty columns between joined points filled in along a straight line.

    Args:
        level: Shape (dot columns,), NaN where there is no point.
        joined: Whether a point connects to the one before it.
    """
    known = np.flatnonzero(level == level)
    if len(known) in (0, len(level)):
        return level
    at = np.arange(len(level))
    full = np.interp(at, known, level[known], left=np.nan, right=np.nan)
    after = known[np.minimum(known.searchsorted(at), len(known) - 1)]
    return np.where(joined[after] | (after == at), full, np.nan)


def braille(begin: Ints, stop: Ints, rows: int) -> Bytes:
    """Runs of dots as braille patterns.

    Args:
        begin: Shape (series, dot columns), an even number of them: first row of each run.
        stop: Likewise the last row, inclusive; stop < begin for no dot.
        rows: Cells from top to bottom.

    Returns:
        Shape (series, rows, columns).
    """
    from_row, up_to_row = _tables(rows)
    left = from_row[0].take(begin[:, ::2], axis=0) & up_to_row[0].take(stop[:, ::2] + 1, axis=0)
    right = from_row[1].take(begin[:, 1::2], axis=0) & up_to_row[1].take(stop[:, 1::2] + 1, axis=0)
    cells: Bytes = (left | right).transpose(0, 2, 1)
    return cells


def compose(
    lines: Bytes,
    bands: Sequence[tuple[int, Bytes]] = (),
    dim_until: Sequence[int] = (),
    spots: Sequence[Spot] = (),
) -> Picture:
    """Lay lines over bands and characters over both; what comes later lies on top.

    Args:
        lines: Shape (series, rows, columns), as from `braille`.
        bands: (index of the series, its filled cells as from `braille` of shape (rows, columns)).
        dim_until: For each series the first column that is not dim; () for none.
        spots: Characters; those outside the picture are left out.
    """
    series, rows, columns = lines.shape
    picture = blank(rows, columns)
    dots, owner, glyph = picture.dots, picture.owner, picture.glyph
    for index, cells in bands:
        sparse = cells & (_BAND_LEFT | _BAND_RIGHT)
        here = sparse > 0
        np.copyto(dots, sparse, where=here)
        np.copyto(owner, index + BAND, where=here)
    drawn = lines > 0
    if series:
        ink = drawn.any(axis=0)
        np.copyto(dots, np.bitwise_or.reduce(lines, axis=0), where=ink)
    for index in range(series):
        until = dim_until[index] if index < len(dim_until) else 0
        np.copyto(owner, index, where=drawn[index])
        if until > 0:
            np.copyto(owner[:, :until], index + DIM, where=drawn[index, :, :until])
    for spot in spots:
        if 0 <= spot.row < rows and 0 <= spot.column < columns:
            glyph[spot.row, spot.column] = ord(spot.glyph)
            owner[spot.row, spot.column] = spot.owner
    return picture


@lru_cache(maxsize=32)
def _tables(rows: int) -> tuple[Bytes, Bytes]:
    """Braille bits of a dot column from a row on, and of the rows above one.

    Returns:
        Two arrays of shape (2 sides, 4 * rows + 1, rows).
    """
    from_row = np.zeros((2, 4 * rows + 1, rows), np.uint8)
    up_to_row = np.zeros_like(from_row)
    for side, bits in enumerate((_LEFT, _RIGHT)):
        for edge in range(4 * rows + 1):
            for row in range(4 * rows):
                table = from_row if row >= edge else up_to_row
                table[side, edge, row // 4] |= bits[row % 4]
    return from_row, up_to_row
