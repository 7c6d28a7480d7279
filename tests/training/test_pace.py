"""How often a run records by itself: a few times a second, and once an evaluation at the least."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from support.training import Bench
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.training.pace import warm_up


@pytest.mark.parametrize(
    ("eval_every", "a_step", "steps"),
    [
        ("25 steps", 1e-4, 25),
        ("9000 steps", 1e-4, 2000),
        ("25 steps", 0.03, 10),
        ("1 step", 1.0, 1),
    ],
)
def test_a_fast_run_records_at_each_evaluation_and_a_slow_one_about_three_times_a_second(
    home: Path, digits: Path, eval_every: str, a_step: float, steps: int
) -> None:
    settings = Preset(data=str(digits), model=Model(width=4), epochs=1000, eval_every=eval_every)
    bench = Bench(home, settings)

    found = warm_up(bench.spec, bench.material, torch.device("cpu"), seconds=a_step)

    assert found == steps
