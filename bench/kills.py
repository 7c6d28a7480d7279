"""SIGKILL at random moments: what was acknowledged, and what of it was lost, doubled or changed.

Writers are torch-free processes that log by the trainer's own code, each killed within 80 ms of its
first record. The real trainer is killed while it starts and while it trains, resumed, and its whole
curve compared to the bit with that of a run nobody killed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.faults import small
from support.killing import Survived, kill_trainers, kill_writers
from support.tiny import write_digits

WRITERS, TRAINERS = 90, 10


def main() -> list[str]:
    """Kill; return the table."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        began = time.monotonic()
        rows.append(row("writers", kill_writers(place / "writers", WRITERS, seed=4), began))
        digits = write_digits(place / "digits.npz")
        began = time.monotonic()
        found = kill_trainers(place / "trainers", small(digits, epochs=400), TRAINERS, seed=5)
        rows.append(row("real trainer", found, began))
    return [
        (
            "| killed | kills | records acknowledged | counted in the end | lost | twice | changed "
            "| damaged lines | seconds |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows,
    ]


def row(name: str, found: Survived, began: float) -> str:
    """Return one line of the table."""
    figures = (
        found.kills, found.acknowledged, found.read, found.lost, found.doubled, found.wrong,
        found.skipped, round(time.monotonic() - began),
    )  # fmt: skip
    return f"| {name} | " + " | ".join(f"{figure:,}" for figure in figures) + " |"
