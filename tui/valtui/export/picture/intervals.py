"""Rows of figures with their intervals, along one axis, as a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valtui.export.picture.scene import Path, Scene, Sign, Words, shortened, text_width
from valtui.widgets.axis import Formatter, Scale, share_percent, tick_step, ticks, y_scale

ROW, TOP, BOTTOM = 30.0, 34.0, 26.0
TITLE, NAME, FIGURE = 15.0, 12.0, 12.0


@dataclass(frozen=True, slots=True)
class Row:
    """A figure with its interval; without a value, `text` says why."""

    name: str
    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    ink: str = "s1"


def draw_intervals(
    title: str,
    rows: Sequence[Row],
    width: float,
    *,
    reference: float | None = None,
    written: Formatter = share_percent,
) -> Scene:
    """Return the scene of `rows`: names, figures, and each interval along an axis.

    Args:
        title: stands above.
        rows: from top to bottom.
        width: of the scene; where it is small the names stand above their rows.
        reference: where a line is drawn through all rows.
        written: how figures along the axis are written.
    """
    narrow = width < 520
    each = 48.0 if narrow else ROW
    height = TOP + each * len(rows) + BOTTOM
    scene = Scene(width, height, title)
    scene.add(Words(0, TITLE, shortened(title, TITLE, width), size=TITLE, bold=True))
    names = 0.0 if narrow else min(280.0, 16 + max((text_width(r.name, NAME) for r in rows), default=0))  # fmt: skip
    figures = max((text_width(row.text, FIGURE) for row in rows if row.value is not None), default=0)  # fmt: skip
    left, right = names + 8, width - (8 if narrow else min(190.0, figures + 16))
    scale = scale_of(rows, reference)
    if scale is not None:
        axis(scene, scale, left, right, height - BOTTOM, reference, written)
    for place, row in enumerate(rows):
        middle = TOP + each * (place + (0.68 if narrow else 0.5))
        one_row(scene, row, scale, (left, right), middle, narrow)
    return scene


def scale_of(rows: Sequence[Row], reference: float | None) -> Scale | None:
    """Return an axis around all figures, zero and `reference`; None where there is no figure."""
    values = [
        value for row in rows for value in (row.low, row.value, row.high) if value is not None
    ]
    if not values:
        return None
    also = [] if reference is None else [0.0, reference]
    return y_scale(min([*values, *also]), max([*values, *also]), None)


def axis(
    scene: Scene, scale: Scale, left: float, right: float, bottom: float,
    reference: float | None, written: Formatter,
) -> None:  # fmt: skip
    """Draw the axis below the rows, and the reference through them."""
    places = ticks(scale, max(2, int((right - left) / 70)))
    for value in places:
        x = along(scale, value, left, right)
        scene.add(
            Path(((x, TOP), (x, bottom)), "grid", 1),
            Words(x, bottom + 16, written(value, tick_step(places, scale)), "dim", 11, "middle"),
        )
    if reference is not None:
        x = along(scale, reference, left, right)
        scene.add(Path(((x, TOP), (x, bottom)), "dim", 1, dashed=True))


def along(scale: Scale, value: float, left: float, right: float) -> float:
    """Return where `value` lies between the ends, at most at them."""
    share = (value - scale.lo) / (scale.hi - scale.lo)
    return left + (right - left) * min(max(share, 0.0), 1.0)


def one_row(
    scene: Scene, row: Row, scale: Scale | None, ends: tuple[float, float], middle: float,
    narrow: bool,
) -> None:  # fmt: skip
    """Draw one row."""
    left, right = ends
    if narrow:
        text = f"{row.name}: {row.text}"
        scene.add(Words(0, middle - 16, shortened(text, NAME, scene.width), size=NAME))
    else:
        scene.add(Words(0, middle + 4, shortened(row.name, NAME, left - 12), size=NAME))
    if row.value is None or scale is None:
        if not narrow:
            room = scene.width - left
            scene.add(Words(left, middle + 4, shortened(row.text, FIGURE, room), "dim", FIGURE))
        return
    if row.low is not None and row.high is not None:
        a, b = along(scale, row.low, left, right), along(scale, row.high, left, right)
        scene.add(Path(((a, middle), (b, middle)), row.ink, 3, label=row.name))
        for end in (a, b):
            scene.add(Path(((end, middle - 5), (end, middle + 5)), row.ink, 2))
    scene.add(Sign(along(scale, row.value, left, right), middle, "dot", row.ink))
    if not narrow:
        scene.add(Words(right + 12, middle + 4, row.text, size=FIGURE))
