"""How many replicas of an arm are trained at once: as many as the free memory bears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psutil
import torch

from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.assemble import Material
from valtui_trainer.training.checkpoint import State
from valtui_trainer.training.devices import release
from valtui_trainer.training.fit import estimate, fit
from valtui_trainer.training.probe.part import Arm, build_replicas


def parts_of(
    arm: Arm, spec: RunSpec, material: Material, state: State, numbers: Sequence[int]
) -> Iterator[list[int]]:
    """Yield the replicas `numbers` of `arm` in the parts in which they are trained.

    Raises:
        SessionError: not even one of them fits.
    """
    device = material.train_set.device
    (replica,) = build_replicas(arm, spec, material, state, numbers[:1])
    one = estimate(replica, material.train_set)
    del replica
    release(device)
    free = free_memory(device)
    sizes = fit(len(numbers), one, free, stacked=device.type == "cuda")
    if not sizes:
        raise SessionError(
            f"There is no room on {spec.device} for one replica of {arm.id}: it takes about "
            f"{in_megabytes(one.state + one.step)}, {in_megabytes(free)} are free. Stop what trains "
            "there, or probe a narrower model."
        )
    rest = list(numbers)
    for size in sizes:
        yield rest[:size]
        rest = rest[size:]


def free_memory(device: torch.device) -> int:
    """Return the bytes free on the device; of the machine's memory, on the CPU."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def in_megabytes(count: int) -> str:
    """Return bytes in MB."""
    return f"{count / 1e6:,.0f} MB"
