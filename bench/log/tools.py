"""Which tools take part."""

from __future__ import annotations

from bench.log.ours import Ours
from bench.log.sqlite import SQLite
from bench.log.tensorboard import TensorBoard
from bench.log.tool import Tool
from bench.log.wandb_offline import WandbOffline


def tools() -> list[Tool]:
    """Return them; ours first."""
    return [Ours(), TensorBoard(), SQLite(1), SQLite(100), WandbOffline()]
