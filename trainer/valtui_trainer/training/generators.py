"""Independent sources of randomness, each with its own generator, seeded by a stable hash.

Importing this module does not load torch: the split needs `seed_of` without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SOURCES = ("init", "order", "dropout", "augment", "split", "fault")


def seed_of(seed: int, source: str) -> int:
    """Return a 63-bit seed for `source` under `seed`: the same on every machine and version."""
    content = hashlib.sha256(f"valtui:{seed}:{source}".encode()).digest()
    return int.from_bytes(content[:8], "big") >> 1


def named(seed: int, source: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a fresh generator of one source on `device`.

    `seed` is the run's seed; for the source `split` it is the preset's split_seed.

    Raises:
        ValueError: `source` is not one of SOURCES.
    """
    import torch

    if source not in SOURCES:
        raise ValueError(f"{source!r} is not a source of randomness; there are {SOURCES}.")
    return torch.Generator(device).manual_seed(seed_of(seed, source))


@contextmanager
def seeded_init(seed: int) -> Iterator[None]:
    """Draw weights built on the CPU from the source `init`; torch's own stream is left as it was."""
    import torch

    generator = torch.default_generator
    before = generator.get_state()
    generator.manual_seed(seed_of(seed, "init"))
    try:
        yield
    finally:
        generator.set_state(before)
