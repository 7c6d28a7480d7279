"""A drawing as data: shapes with inks by name, which a backend turns into colours. Lengths are pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rich.cells import cell_len

Point: TypeAlias = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Path:
    """A line through points.

    Attributes:
        faint: whether it is drawn weakly, as what is not settled yet.
        label: what a reader with a pointer, or none, is told it is.
    """

    points: tuple[Point, ...]
    ink: str
    width: float = 1.6
    dashed: bool = False
    faint: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """A filled outline, seen through."""

    points: tuple[Point, ...]
    ink: str
    opacity: float = 0.18


@dataclass(frozen=True, slots=True)
class Words:
    """Text on one line; y is its baseline."""

    x: float
    y: float
    text: str
    ink: str = "text"
    size: float = 12
    anchor: Anchor = "start"
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Sign:
    """A mark around a point: `best`, `spike`, `nan`, `fork`, `overfitting` or `dot`."""

    x: float
    y: float
    kind: str
    ink: str


Shape: TypeAlias = Path | Area | Words | Sign


@dataclass(slots=True)
class Scene:
    """A drawing of `width` by `height`; `says` is what it shows, in a sentence."""

    width: float
    height: float
    says: str
    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        """Draw further shapes on top."""
        self.shapes.extend(shapes)


def text_width(text: str, size: float) -> float:
    """Return about how wide `text` is; a wide character takes the room of two."""
    return 0.56 * size * cell_len(text)


def shortened(text: str, size: float, room: float) -> str:
    """Return `text`, cut where it would take more than `room`."""
    while text and text_width(text, size) > room:
        text = text[:-2].rstrip() + "…" if len(text) > 2 else ""
    return text


def outline(kind: str, x: float, y: float) -> list[tuple[Point, ...]]:
    """Return the strokes or outlines of a sign; a backend fills those that are closed."""
    if kind == "best":
        return [((x, y - 5), (x + 4.5, y), (x, y + 5), (x - 4.5, y), (x, y - 5))]
    if kind == "spike":
        return [((x, y - 13), (x + 4.5, y - 5), (x - 4.5, y - 5), (x, y - 13))]
    if kind == "overfitting":
        return [((x - 4, y + 4), (x + 4, y + 4), (x + 4, y - 4), (x - 4, y + 4))]
    if kind == "fork":
        return [((x, y - 5), (x, y + 5)), ((x, y), (x + 5, y))]
    if kind == "nan":
        return [((x - 4, y - 4), (x + 4, y + 4)), ((x - 4, y + 4), (x + 4, y - 4))]
    return [((x - 3.5, y - 3.5), (x + 3.5, y - 3.5), (x + 3.5, y + 3.5), (x - 3.5, y + 3.5),
             (x - 3.5, y - 3.5))]  # fmt: skip
