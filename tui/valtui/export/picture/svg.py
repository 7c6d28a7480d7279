"""A scene as SVG: a file of its own, or a part of a page that brings the colours."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from valtui.export.picture.colours import LIGHT
from valtui.export.picture.scene import Area, Path, Point, Scene, Shape, Sign, Words, outline

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
Paint = Callable[[str], str]


def file_of(scene: Scene) -> str:
    """Return the scene as a file, on white."""
    ground = f'<rect width="100%" height="100%" fill="{LIGHT["ground"]}"/>'
    margin = 14
    inside = body(scene, LIGHT.__getitem__)
    width, height = scene.width + 2 * margin, scene.height + 2 * margin
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="{FONT}" role="img">'
        f"<title>{escape(scene.says)}</title>{ground}"
        f'<g transform="translate({margin} {margin})">{inside}</g></svg>\n'
    )


def part_of_page(scene: Scene, classes: str) -> str:
    """Return the scene as an element whose inks are custom properties of the page, such as `--s1`."""
    return (
        f'<svg class="{classes}" viewBox="0 0 {scene.width:g} {scene.height:g}" role="img" '
        f'aria-label="{escape(scene.says)}">{body(scene, lambda ink: f"var(--{ink})")}</svg>'
    )


def body(scene: Scene, paint: Paint) -> str:
    """Return the shapes of a scene."""
    return "".join(element(shape, paint) for shape in scene.shapes)


def element(shape: Shape, paint: Paint) -> str:
    """Return one shape."""
    colour = paint(shape.ink)
    match shape:
        case Path():
            dash = ' stroke-dasharray="4 3"' if shape.dashed else ""
            faint = ' stroke-opacity="0.4"' if shape.faint else ""
            label = f"<title>{escape(shape.label)}</title>" if shape.label else ""
            return (
                f'<polyline points="{places(shape.points)}" fill="none" style="stroke:{colour}" '
                f'stroke-width="{shape.width:g}" stroke-linejoin="round"{dash}{faint}>{label}</polyline>'
            )
        case Area():
            return (
                f'<polygon points="{places(shape.points)}" style="fill:{colour}" '
                f'fill-opacity="{shape.opacity:g}"/>'
            )
        case Words():
            weight = ' font-weight="600"' if shape.bold else ""
            return (
                f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size:g}" '
                f'text-anchor="{shape.anchor}" style="fill:{colour}"{weight}>{escape(shape.text)}</text>'
            )
        case Sign():
            return "".join(
                f'<polyline points="{places(stroke)}" stroke-width="1.5" style="stroke:{colour};'
                f'fill:{colour if stroke[0] == stroke[-1] else "none"}"/>'
                for stroke in outline(shape.kind, shape.x, shape.y)
            )


def places(points: tuple[Point, ...]) -> str:
    """Return points as SVG writes them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
