"""The bar of a volatility left: how much of it is sure, the estimate, and how far its interval goes."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text

from valtui.widgets.selecting import joined

SURE, UNSURE, BEYOND, TRACK, END = "█", "▓", "░", "·", "▸"
"""Of a bar: up to the interval's low end, up to the value, up to its high end, the rest, cut off."""

LARGEST = 1.5
"""The fraction beyond which a bar is cut off."""


def whole_of(highs: list[float]) -> float:
    """Return the fraction that a full bar stands for, where the intervals' ends are `highs`."""
    return min(LARGEST, max([1.0, *highs]))


def left_bar(
    ends: tuple[float, float, float], whole: float, cells: int, styles: tuple[Style, Style, Style]
) -> Text:
    """Return the bar of low end, value and high end, all fractions.

    Args:
        ends: the three.
        whole: the fraction that a full bar stands for.
        cells: its length.
        styles: of the bar, of the interval beyond the value, of the rest.
    """
    low, value, high = (min(cells, round(cells * max(0.0, end) / whole)) for end in ends)
    bar, interval, rest = styles
    drawn = joined(
        [
            (SURE * low, bar),
            (UNSURE * (value - low), bar),
            (BEYOND * (high - max(low, value)), interval),
            (TRACK * (cells - max(low, value, high)), rest),
        ]
    )
    if ends[2] > whole:  # its end is out of sight
        drawn.right_crop(1)
        drawn.append(END, interval)
    return drawn


def axis_label(cells: int, whole: float) -> str:
    """Return what stands above bars of so many cells: where 0 % and 100 % are."""
    full = round(cells / whole)
    label = f"{'0 %':<{max(4, full - 5)}}100 %"
    return label + "▏" if len(label) <= full < cells else label
