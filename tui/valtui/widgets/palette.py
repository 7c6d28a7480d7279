"""The colours of a chart, as CSS, and which component classes a cell of a canvas has.

A theme or an app's own style sheet can override each class. What they are not: literals in Python.
"""

from __future__ import annotations

from collections.abc import Sequence

from valtui.widgets import frame, raster
from valtui.widgets.plot import Series

COLOURS = 9

COMPONENTS: set[str] = {
    "chart--axis",
    "chart--grid",
    "chart--cursor",
    "chart--cursor-label",
    "chart--empty",
    "chart--band",
    "chart--dim",
    "chart--focused",
    *(f"chart--series-{number}" for number in range(1, COLOURS + 1)),
}

CSS = """
Chart {
    width: 1fr;
    height: 1fr;
    & > .chart--axis { color: $foreground 60%; }
    & > .chart--grid { color: $foreground 14%; }
    & > .chart--cursor { color: $foreground 45%; }
    & > .chart--cursor-label { color: $background; background: $foreground 80%; }
    & > .chart--empty { color: $foreground 60%; text-style: italic; }
    & > .chart--band { text-opacity: 45%; }
    & > .chart--dim { text-opacity: 45%; }
    & > .chart--focused { text-style: bold; }
    /* Okabe and Ito's colours, lightened for a dark ground: told apart by the colour-blind. */
    & > .chart--series-1 { color: #56b4e9; }
    & > .chart--series-2 { color: #e69f00; }
    & > .chart--series-3 { color: #2fc48d; }
    & > .chart--series-4 { color: #e38bc0; }
    & > .chart--series-5 { color: #f0e442; }
    & > .chart--series-6 { color: #f0652f; }
    & > .chart--series-7 { color: #7d8cff; }
    & > .chart--series-8 { color: #c4c4c4; }
    & > .chart--series-9 { color: #a9d86e; }
    &:light {
        & > .chart--grid { color: $foreground 18%; }
        & > .chart--band { text-opacity: 55%; }
        & > .chart--series-1 { color: #0072b2; }
        & > .chart--series-2 { color: #b36b00; }
        & > .chart--series-3 { color: #00805c; }
        & > .chart--series-4 { color: #b0508a; }
        & > .chart--series-5 { color: #857a00; }
        & > .chart--series-6 { color: #c43d00; }
        & > .chart--series-7 { color: #4a4fd0; }
        & > .chart--series-8 { color: #5c5c5c; }
        & > .chart--series-9 { color: #4d7a1a; }
    }
    &:ansi {
        & > .chart--axis { color: ansi_white; }
        & > .chart--grid { color: ansi_bright_black; }
        & > .chart--cursor { color: ansi_white; }
        & > .chart--cursor-label {
            color: ansi_default; background: ansi_default; text-style: reverse;
        }
        & > .chart--empty { color: ansi_default; }
        & > .chart--band { text-opacity: 100%; text-style: dim; }
        & > .chart--dim { text-opacity: 100%; text-style: dim; }
        & > .chart--series-1 { color: ansi_bright_cyan; }
        & > .chart--series-2 { color: ansi_yellow; }
        & > .chart--series-3 { color: ansi_green; }
        & > .chart--series-4 { color: ansi_bright_magenta; }
        & > .chart--series-5 { color: ansi_bright_yellow; }
        & > .chart--series-6 { color: ansi_red; }
        & > .chart--series-7 { color: ansi_bright_blue; }
        & > .chart--series-8 { color: ansi_bright_white; }
        & > .chart--series-9 { color: ansi_bright_green; }
    }
    &:ansi:light {
        & > .chart--axis { color: ansi_default; }
        & > .chart--cursor { color: ansi_default; }
        & > .chart--series-1 { color: ansi_blue; }
        & > .chart--series-4 { color: ansi_magenta; }
        & > .chart--series-5 { color: ansi_cyan; }
        & > .chart--series-8 { color: ansi_default; }
    }
}
"""

_FIXED: dict[int, tuple[str, ...]] = {
    frame.AXIS: ("chart--axis",),
    frame.GRID: ("chart--grid",),
    frame.CURSOR: ("chart--cursor",),
    frame.CURSOR_LABEL: ("chart--cursor-label",),
    frame.EMPTY: ("chart--empty",),
    raster.NOBODY: ("chart--axis",),
}


def components(code: int, order: Sequence[Series]) -> tuple[str, ...]:
    """The component classes of a code, the later over the earlier.

    Args:
        code: From a `frame.Canvas`.
        order: The series in drawing order, which owners count in.
    """
    if code in _FIXED:
        return _FIXED[code]
    index, layer = code % raster.DIM, code // raster.DIM * raster.DIM
    if index >= len(order):  # a canvas from before its series went; it is drawn over at once
        return _FIXED[frame.AXIS]
    series = f"chart--series-{order[index].colour % COLOURS + 1}"
    if layer == raster.BAND:
        return series, "chart--band"
    if layer == raster.DIM:
        return series, "chart--dim"
    return (series, "chart--focused") if order[index].focused else (series,)
