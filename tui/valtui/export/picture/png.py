"""A scene as PNG, drawn by Pillow: twice its size, so that it stays sharp on fine screens and paper."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

from valtui.export.picture.colours import LIGHT
from valtui.export.picture.fonts import face_for, font_of, legible
from valtui.export.picture.scene import Area, Path, Point, Scene, Sign, Words, outline

SCALE = 2
SMOOTH = 2
"""Drawn so many times larger still, then made smaller: Pillow's own lines have stairs."""

MARGIN = 14
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
DASH, GAP = 4.0, 3.0


def png_of(scene: Scene) -> bytes:
    """Return the scene as a PNG file, on white."""
    size = [round((side + 2 * MARGIN) * SCALE * SMOOTH) for side in (scene.width, scene.height)]
    image = Image.new("RGBA", (size[0], size[1]), LIGHT["ground"])
    for shape in scene.shapes:
        if isinstance(shape, Area):
            image = see_through(image, shape)
        elif isinstance(shape, Path):
            stroke(image, shape.points, rgb(shape.ink, shape.faint), shape.width, shape.dashed)
        elif isinstance(shape, Sign):
            sign(image, shape)
    image = image.resize((size[0] // SMOOTH, size[1] // SMOOTH), Image.Resampling.LANCZOS)
    texts = [shape for shape in scene.shapes if isinstance(shape, Words)]
    face = face_for(shape.text for shape in texts)
    for shape in texts:
        words(image, shape, face)
    written = io.BytesIO()
    image.convert("RGB").save(written, "PNG", optimize=True)
    return written.getvalue()


def rgb(ink: str, faint: bool = False) -> tuple[int, int, int]:
    """Return the colour of an ink; a faint one is nearer to the ground."""
    colour = LIGHT[ink]
    whole = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    red, green, blue = (round(255 + (part - 255) * 0.4) if faint else part for part in whole)
    return red, green, blue


def placed(points: tuple[Point, ...]) -> list[tuple[float, float]]:
    """Return points in pixels of the large image."""
    unit = SCALE * SMOOTH
    return [((x + MARGIN) * unit, (y + MARGIN) * unit) for x, y in points]


def see_through(image: Image.Image, area: Area) -> Image.Image:
    """Return the image with a filled outline over it."""
    veil = Image.new("RGBA", image.size, (0, 0, 0, 0))
    colour = (*rgb(area.ink), round(255 * area.opacity))
    ImageDraw.Draw(veil).polygon(placed(area.points), fill=colour)
    return Image.alpha_composite(image, veil)


def stroke(
    image: Image.Image,
    points: tuple[Point, ...],
    colour: tuple[int, int, int],
    width: float,
    dashed: bool = False,
) -> None:
    """Draw a line."""
    draw = ImageDraw.Draw(image)
    for piece in dashes(points) if dashed else [points]:
        wide = max(1, round(width * SCALE * SMOOTH))
        draw.line(placed(piece), fill=colour, width=wide, joint="curve")


def dashes(points: tuple[Point, ...]) -> list[tuple[Point, ...]]:
    """Return the dashes of a straight line."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    length = max(1e-9, ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5)

    def at(far: float) -> Point:
        share = min(1.0, far / length)
        return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share

    count = int(length / (DASH + GAP)) + 1
    return [(at(n * (DASH + GAP)), at(n * (DASH + GAP) + DASH)) for n in range(count)]


def sign(image: Image.Image, shape: Sign) -> None:
    """Draw a mark, filled where its outline is closed."""
    for one in outline(shape.kind, shape.x, shape.y):
        if one[0] == one[-1]:
            ImageDraw.Draw(image).polygon(placed(one), fill=rgb(shape.ink))
        else:
            stroke(image, one, rgb(shape.ink), 1.5)


def words(image: Image.Image, shape: Words, face: str) -> None:
    """Write a text."""
    font = font_of(face, shape.size * SCALE)
    at = ((shape.x + MARGIN) * SCALE, (shape.y + MARGIN) * SCALE)
    draw, colour, text = ImageDraw.Draw(image), rgb(shape.ink), legible(shape.text, face)
    bold = 0.35 * SCALE if shape.bold else 0
    draw.text(at, text, fill=colour, font=font, anchor=ANCHORS[shape.anchor], stroke_width=bold, stroke_fill=colour)  # fmt: skip
