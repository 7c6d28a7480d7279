"""The colours of inks on a white ground and on a dark one."""

from __future__ import annotations

from valtui.widgets.colours import SERIES


def series_inks(ground: str) -> dict[str, str]:
    """Return the colours of runs on the ground `":light"` or `""` (dark)."""
    return {f"s{number}": colour for number, colour in enumerate(SERIES[ground], start=1)}


LIGHT = {"ground": "#ffffff", "text": "#1d2125", "dim": "#5d666e", "grid": "#e3e6e8"} | series_inks(":light")  # fmt: skip
DARK = {"ground": "#15181b", "text": "#e6e8ea", "dim": "#9aa3ab", "grid": "#2c3237"} | series_inks("")  # fmt: skip
