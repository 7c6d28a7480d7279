"""The colours of the curves, by palette and ground, and the style rules that give them to widgets."""

from __future__ import annotations

COLOURS = 9

# Okabe and Ito's colours, lightened for a dark ground: told apart by the colour-blind.
SERIES: dict[str, tuple[str, ...]] = {
    "": (
        "#56b4e9", "#e69f00", "#2fc48d", "#e38bc0", "#f0e442",
        "#f0652f", "#7d8cff", "#c4c4c4", "#a9d86e",
    ),
    ":light": (
        "#0072b2", "#b36b00", "#00805c", "#b0508a", "#857a00",
        "#c43d00", "#4a4fd0", "#5c5c5c", "#4d7a1a",
    ),
    ":ansi": (
        "ansi_bright_cyan", "ansi_yellow", "ansi_green", "ansi_bright_magenta", "ansi_bright_yellow",
        "ansi_red", "ansi_bright_blue", "ansi_bright_white", "ansi_bright_green",
    ),
    ":ansi:light": (
        "ansi_blue", "ansi_yellow", "ansi_green", "ansi_magenta", "ansi_cyan",
        "ansi_red", "ansi_bright_blue", "ansi_default", "ansi_bright_green",
    ),
}  # fmt: skip

# Paul Tol's "bright" colours, and greys, which tell by brightness alone.
OTHERS: dict[str, dict[str, tuple[str, ...]]] = {
    "tol": {
        "": (
            "#66ccee", "#ccbb44", "#4fbf6f", "#ee8899", "#bb66cc",
            "#7799dd", "#e0e0e0", "#ee7733", "#44bb99",
        ),
        ":light": (
            "#4477aa", "#998811", "#228833", "#cc5566", "#aa3377",
            "#3388aa", "#777777", "#cc5511", "#117766",
        ),
    },
    "grey": {
        "": (
            "#ffffff", "#a8a8a8", "#d4d4d4", "#8c8c8c", "#ececec",
            "#bcbcbc", "#7c7c7c", "#c8c8c8", "#989898",
        ),
        ":light": (
            "#000000", "#6c6c6c", "#3c3c3c", "#8c8c8c", "#1c1c1c",
            "#5c5c5c", "#9c9c9c", "#4c4c4c", "#7c7c7c",
        ),
    },
}  # fmt: skip


def other_css(palette: str) -> str:
    """Return the rules that give charts and lists the colours of another palette; none for the first."""
    return "\n".join(
        f"{widget}{ground} > .chart--series-{number} {{ color: {colour}; }}"
        for widget in ("Chart", "RunList")
        for ground, colours in OTHERS.get(palette, {}).items()
        for number, colour in enumerate(colours, start=1)
    )


def series_css(widget: str) -> str:
    """Return the rules that give `widget` the component classes chart--series-1 to -9."""
    return "\n".join(
        f"{widget}{ground} > .chart--series-{number} {{ color: {colour}; }}"
        for ground, colours in SERIES.items()
        for number, colour in enumerate(colours, start=1)
    )
