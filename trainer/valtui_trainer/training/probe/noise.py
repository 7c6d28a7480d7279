"""The gradient noise scale at a probe's checkpoint."""

from __future__ import annotations

from valtui_trainer.measure.noise_scale import noise_scale
from valtui_trainer.session.records import NoiseScale, RunSpec
from valtui_trainer.training import generators
from valtui_trainer.training.assemble import Material
from valtui_trainer.training.checkpoint import State
from valtui_trainer.training.noise_scale import gradient_pairs
from valtui_trainer.training.probe.part import SEED_BEGIN, Arm, build_replicas

DRAWS = 24
MOST_SHARE = 0.1
"""Of the probe's own training images that the measurement may take; fewer draws, where it would be more."""

FEWEST_DRAWS = 8


def noise_scale_at(
    base: Arm, spec: RunSpec, material: Material, state: State, images: int
) -> NoiseScale:
    """Return the noise scale at the checkpoint under the base's settings, or why there is none.

    Args:
        base, spec, material, state: the probe's.
        images: that the whole probe trains on.
    """
    size = base.preset.batch_size
    draws = max(FEWEST_DRAWS, min(DRAWS, int(MOST_SHARE * images / (8 * size))))
    (replica,) = build_replicas(base, spec, material, state, [0])
    chance = generators.named(SEED_BEGIN, "order")
    try:
        small, large, large_batch = gradient_pairs(replica, material.train_set, size, draws, chance)
    except ValueError as error:
        return NoiseScale(
            value=None, low=None, high=None, batches=0, batch_size=size, note=str(error)
        )
    found = noise_scale(small.numpy(), large.numpy(), size, large_batch)
    if found is None:
        note = "every gradient is zero or not finite"
        return NoiseScale(value=None, low=None, high=None, batches=0, batch_size=size, note=note)
    note = "" if found.value is not None else "the mean gradient is not told from zero"
    return NoiseScale(
        value=found.value,
        low=found.low,
        high=found.high,
        batches=found.draws * (large_batch // size),
        batch_size=size,
        note=note,
    )
