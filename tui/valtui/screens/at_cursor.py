"""What two neighbouring evaluations say at the cursor: the jump, whether it is more than chance, the level's error."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np

from valtui import texts
from valtui.feed import RunFeed
from valtui_trainer.measure.best import jump_z, level_uncertainty
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.safe import safe

Losses = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Integers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
MORE_THAN_CHANCE = 2.0


@dataclass(frozen=True, slots=True)
class Rows:
    """The losses by sample of a run's first seed, as read once.

    Attributes:
        state: generation and length of the seed's table then, which say whether they are out of date.
        strata: class of each sample, where the set was drawn by class.
    """

    run: str
    state: tuple[int, int]
    losses: Losses
    strata: Integers | None


class AtCursor:
    """Reads the losses by sample of one run at a time, and keeps them."""

    def __init__(self, reading: asyncio.Lock) -> None:
        """Read while holding `reading`, as whoever reads new points into the feed does."""
        self._reading = reading
        self._rows: Rows | None = None

    def row_of(self, run: RunFeed, step: float) -> int:
        """Return the row of an evaluation of the first seed."""
        return int(np.searchsorted(first_table(run)["step"], step))

    def is_read(self, run: RunFeed, row: int) -> bool:
        """Tell whether what `words` needs was read."""
        kept, table = self._rows, first_table(run)
        if kept is None or kept.run != run.id or kept.state[0] != table.generation:
            return False
        return row < kept.state[1]

    async def read(self, run: RunFeed) -> None:
        """Read the losses by sample of `run`, in a thread."""
        async with self._reading:
            self._rows = await asyncio.to_thread(self._read, run)

    def _read(self, run: RunFeed) -> Rows:
        table = first_table(run)
        state = table.generation, len(table)
        try:
            losses = run.sample_losses(next(iter(run.seeds)))
            strata = run.strata(losses.shape[1])
        except (SessionError, OSError):
            losses, strata = np.empty((0, 0), np.float32), None
        if len(losses) != state[1]:
            losses = np.empty((0, 0), np.float32)
        return Rows(run.id, state, losses, strata)

    def words(self, run: RunFeed, row: int) -> str:
        """Return what the evaluation in `row` says beside the one before, in one line."""
        kept = self._rows
        if kept is None or row >= len(kept.losses) or kept.losses.shape[1] < 2:
            return f"{safe(run.id)}: no losses by sample here, so no jump can be judged"
        now = kept.losses[row]
        error = level_uncertainty(now, kept.strata)
        seed = f", seed {next(iter(run.seeds))}" if len(run.seeds) > 1 else ""
        level = f"level ±{texts.number(error, 2)} (standard error, n = {len(now):,}{seed})"
        if row == 0:
            return f"{safe(run.id)}: the first evaluation, no jump yet   {level}"
        before = kept.losses[row - 1]
        return f"{safe(run.id)}: {jump_words(before, now, kept.strata)}   {level}"


def jump_words(before: Losses, now: Losses, strata: Integers | None) -> str:
    """Return the jump between two evaluations and whether it is more than chance."""
    jump = float(now.mean(dtype=np.float64) - before.mean(dtype=np.float64))
    z = jump_z(before, now, strata)
    shown = texts.number(jump, 2)
    shown = f"+{shown}" if jump > 0 else shown
    if np.isnan(z):
        return f"jump {shown} (all samples alike, or not finite: nothing to judge by)"
    more = abs(z) > MORE_THAN_CHANCE
    chance = "more than this set shows by chance" if more else "no more than chance shows here"
    return f"jump {shown} (z {z:.1f}: {chance})".replace("-", "−")


def first_table(run: RunFeed) -> Any:
    """Return the evaluations of a run's first seed."""
    return next(iter(run.seeds.values())).val
