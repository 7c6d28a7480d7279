"""Numbers as other tools spell them."""

from __future__ import annotations

import math
from typing import Any

NOT_FINITE = {
    "nan": math.nan, "inf": math.inf, "+inf": math.inf, "-inf": -math.inf,
    "infinity": math.inf, "-infinity": -math.inf,
}  # fmt: skip


def number(value: Any) -> float | None:
    """Return `value` as a number, finite or not; None for anything that is none, truth values too."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    if not isinstance(value, str):
        return None
    text = value.strip()
    if text.lower() in NOT_FINITE:
        return NOT_FINITE[text.lower()]
    if not text or "_" in text:
        return None
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def flattened(table: dict[str, Any], prefix: str = "", depth: int = 4) -> dict[str, float]:
    """Return the numbers of nested tables by dotted name."""
    found: dict[str, float] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            if depth:
                found.update(flattened(value, f"{prefix}{key}.", depth - 1))
        elif (one := number(value)) is not None:
            found[f"{prefix}{key}"] = one
    return found
