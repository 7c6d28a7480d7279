"""How many replicas of an arm are trained at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.assemble import Material
from valtui_trainer.training.checkpoint import State
from valtui_trainer.training.probe.part import Arm


def parts_of(
    arm: Arm, spec: RunSpec, material: Material, state: State, numbers: Sequence[int]
) -> Iterator[list[int]]:
    """Yield the replicas `numbers` of `arm` in parts."""
    yield list(numbers)
