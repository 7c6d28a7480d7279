"""The grid of characters around and under a plot: axes, ticks, labels, grid lines, the cursor.

Pure: a picture goes in, a canvas the size of the widget comes out. Its codes say which style a
cell has; the widget turns them into colours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from valtui.widgets import axis
from valtui.widgets.plot import Window
from valtui.widgets.raster import NOBODY, Glyphs, Owners, Picture

AXIS, GRID, CURSOR, CURSOR_LABEL, EMPTY = 96, 97, 98, 99, 100
"""Codes beside a picture's owners."""

SPACE = ord(" ")
SMALLEST = (12, 3)
"""Width and height below which there is a plot without axes."""

MIN_GUTTER = 6


@dataclass(frozen=True, slots=True)
class Canvas:
    """All cells of a widget; both arrays of shape (height, width).

    Attributes:
        characters: Code points.
        codes: An owner of the picture, or one of the codes above; NOBODY for a blank.
    """

    characters: Glyphs
    codes: Owners

    @classmethod
    def blank(cls, width: int, height: int) -> Canvas:
        """A canvas with nothing on it."""
        return cls(
            np.full((height, width), SPACE, np.uint32), np.full((height, width), NOBODY, np.int8)
        )

    def write(self, row: int, column: int, text: str, code: int) -> None:
        """Put text into a row; what does not fit is left out."""
        height, width = self.characters.shape
        if not 0 <= row < height:
            return
        for offset, character in enumerate(text):
            if 0 <= column + offset < width:
                self.characters[row, column + offset] = ord(character)
                self.codes[row, column + offset] = code


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the plot lies in the widget, in cells.

    Attributes:
        left: Columns for the labels of y and the axis, 0 on a very small widget.
        columns: Columns of the plot.
        rows: Rows of the plot.
        feet: Rows below it: 2 (axis, labels), 1 (both in one) or 0.
    """

    left: int
    columns: int
    rows: int
    feet: int

    @classmethod
    def of(cls, width: int, height: int, label_width: int) -> Layout:
        """The layout for a size in cells and the longest label of y."""
        if width < SMALLEST[0] or height < SMALLEST[1]:
            return cls(0, width, height, 0)
        left = min(max(label_width + 1, MIN_GUTTER), width // 2)
        feet = 2 if height >= 8 else 1
        return cls(left, width - left, height - feet, feet)


@lru_cache(maxsize=64)
def y_ticks(
    scale: axis.Scale, rows: int, y_format: axis.Formatter
) -> tuple[tuple[float, str], ...]:
    """Values and labels for an axis of so many cells."""
    values = axis.ticks(scale, max(2, (rows + 4) // 4))
    step = axis.tick_step(values, scale)
    return tuple((value, y_format(value, step)) for value in values)


def sentence(width: int, height: int, text: str) -> Canvas:
    """A canvas that says in its middle why it is empty."""
    canvas = Canvas.blank(width, height)
    text = text if len(text) <= width else text[: max(0, width - 1)] + "…"
    canvas.write((height - 1) // 2, (width - len(text)) // 2, text, EMPTY)
    return canvas


@lru_cache(maxsize=32)
def paper(
    layout: Layout, window: Window, scale: axis.Scale, x_label: str, y_format: axis.Formatter
) -> Canvas:
    """Axes, labels and grid lines: what stays the same from one refresh to the next.

    Not to be changed: it is kept and handed out again.
    """
    left, rows = layout.left, layout.rows
    canvas = Canvas.blank(left + layout.columns, rows + layout.feet)
    if layout.feet:
        canvas.characters[:rows, left - 1], canvas.codes[:rows, left - 1] = ord("│"), AXIS
        for value, label in y_ticks(scale, rows, y_format):
            row = scale.row(value, rows)
            if row is not None:
                canvas.characters[row, left:], canvas.codes[row, left:] = ord("┈"), GRID
                canvas.write(row, 0, label[: left - 1].rjust(left - 1) + "┤", AXIS)
        _foot(canvas, layout, window, x_label)
    return canvas


def assemble(
    paper: Canvas, picture: Picture, layout: Layout, window: Window, cursor: float | None
) -> Canvas:
    """Lay a picture on its paper.

    Args:
        paper: From `paper`, for the same layout and window.
        picture: Of layout.rows by layout.columns cells.
        layout: Where it goes.
        window: What is seen of x.
        cursor: x of the cursor's line; None for none.
    """
    canvas = Canvas(paper.characters.copy(), paper.codes.copy())
    plot = slice(0, layout.rows), slice(layout.left, None)
    inked = picture.owner != NOBODY
    np.copyto(canvas.characters[plot], picture.characters(), where=inked)
    np.copyto(canvas.codes[plot], picture.owner, where=inked)
    if cursor is not None and 0 <= (column := window.column(cursor)) < layout.columns:
        _cursor(canvas, layout, column, axis.number(cursor))
    return canvas


def _foot(canvas: Canvas, layout: Layout, window: Window, x_label: str) -> None:
    left, columns, row = layout.left, layout.columns, layout.rows
    canvas.write(row, left - 1, "└" + "─" * columns, AXIS)
    label_row = row + layout.feet - 1
    in_gutter = len(x_label) < left
    free_from, free_to = left if layout.feet == 2 else left + 1, left + columns
    if in_gutter:
        canvas.write(label_row, left - 1 - len(x_label), x_label, AXIS)
    elif len(x_label) + 2 < columns // 2:
        free_to -= len(x_label) + 1
        canvas.write(label_row, free_to, " " + x_label, AXIS)
    scale = axis.Scale(window.lo, window.hi)
    values = axis.ticks(scale, columns // 10 + 1)
    step = axis.tick_step(values, scale)
    for value in values:
        column = min(window.column(value), columns - 1)
        text = axis.number(value, step)
        if layout.feet == 1:
            text = f" {text} "
        start = min(max(left + column - len(text) // 2, free_from), free_to - len(text))
        if column < 0 or start < free_from or left + column > free_to:
            continue
        if layout.feet == 2:
            canvas.write(row, left + column, "┬", AXIS)
        canvas.write(label_row, start, text, AXIS)
        free_from = start + len(text) + 1


def _cursor(canvas: Canvas, layout: Layout, column: int, text: str) -> None:
    at = layout.left + column
    codes = canvas.codes[: layout.rows, at]
    free = (codes == NOBODY) | (codes == GRID)
    canvas.characters[: layout.rows, at][free] = ord("│")
    codes[free] = CURSOR
    if layout.feet:
        row = layout.rows + layout.feet - 1
        width = canvas.characters.shape[1]
        text = f" {text} "
        canvas.codes[row][canvas.codes[row] == NOBODY] = AXIS  # blanks must not take its ground
        canvas.write(row, min(max(at - len(text) // 2, 0), width - len(text)), text, CURSOR_LABEL)


def runs(canvas: Canvas, row: int, style_of: Callable[[int], object]) -> list[tuple[str, int]]:
    """A row as few pieces of one code each; a blank takes the code before it.

    Args:
        canvas: What is shown.
        row: Its row.
        style_of: Codes with an equal result need no new piece.
    """
    characters, codes = canvas.characters[row], canvas.codes[row]
    inked = np.flatnonzero(codes != NOBODY)
    text = characters.tobytes().decode("utf-32-le")
    if not len(inked):
        return [(text, NOBODY)]
    changes = inked[1:][codes[inked[1:]] != codes[inked[:-1]]]
    pieces: list[tuple[str, int]] = []
    start, code = 0, int(codes[inked[0]])
    for change in changes.tolist():
        following = int(codes[change])
        if style_of(following) is not style_of(code):
            pieces.append((text[start:change], code))
            start, code = change, following
    pieces.append((text[start:], code))
    return pieces
