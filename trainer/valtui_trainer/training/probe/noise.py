"""The gradient noise scale at a probe's checkpoint."""

from __future__ import annotations

from valtui_trainer.session.records import NoiseScale, RunSpec
from valtui_trainer.training.assemble import Material
from valtui_trainer.training.checkpoint import State
from valtui_trainer.training.probe.part import Arm


def noise_scale_at(
    base: Arm, spec: RunSpec, material: Material, state: State
) -> NoiseScale | None:
    """Return it."""
    return None
